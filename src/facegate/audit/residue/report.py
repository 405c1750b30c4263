"""What a scan says: where something was found, and what could not be looked at. Never what was found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Role = Literal["worker", "zygote", "child", "other", "files"]


@dataclass(frozen=True, slots=True)
class Hit:
    """Markers of one kind and encoding in one place.

    Attributes:
        where: name of the map, or path of the file.
        kind: name that the data had in `Markers.of`.
        encoding: how it is kept there.
        count: windows of 32 bytes.
        first: address, or offset in the file, of the first.
    """

    where: str
    kind: str
    encoding: str
    count: int
    first: int


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be looked at.

    Attributes:
        where: name of the map, or path of the file.
        first: address or offset.
        bytes: how many; 0 where even that is not known.
        reason: the kernel's.
        explained: why nothing is lost by it; None counts as failed.
        inode: device and inode of what is mapped; (0, 0) for nothing.
    """

    where: str
    first: int
    bytes: int
    reason: str
    explained: str | None = None
    inode: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Scanned:
    """One process, or the files of all of them.

    Attributes:
        pid: of the process; None for files.
        role: what it is to facegate; ``"files"`` for descriptors, shared memory, mapped files and folders.
        name: of its program.
        bytes_scanned: looked at.
        bytes_absent: mapped, but no page was ever there, in memory or swap.
        seconds: that it took.
        hits: where markers are.
        unreadable: what was not looked at.
    """

    pid: int | None
    role: Role
    name: str
    bytes_scanned: int
    bytes_absent: int
    seconds: float
    hits: tuple[Hit, ...]
    unreadable: tuple[Unread, ...]

    @property
    def found(self) -> int:
        """Windows found."""
        return sum(hit.count for hit in self.hits)

    @property
    def unexplained(self) -> int:
        """Ranges that were not looked at and should have been."""
        return sum(each.explained is None for each in self.unreadable)


@dataclass(frozen=True, slots=True)
class ResidueReport:
    """What one scan found.

    Attributes:
        processes: one entry for each, and a last one for files.
        markers: windows that were looked for.
        refused: windows that were not, since they are found anywhere.
        seconds: for everything.

    Does not protect against: what `facegate.audit.residue` says a scan does not see.
    """

    processes: tuple[Scanned, ...]
    markers: int
    refused: int
    seconds: float

    @property
    def found(self) -> int:
        """Windows found anywhere."""
        return sum(each.found for each in self.processes)

    @property
    def verified(self) -> bool:
        """Whether everything was looked at, or there is a reason why it need not be; not whether it is clean.

        A scan that read no process at all verified nothing.
        """
        read = any(each.bytes_scanned for each in self.processes if each.pid is not None)
        return read and not any(each.unexplained for each in self.processes)

    @property
    def clean(self) -> bool:
        """Nothing was found, and everything was looked at."""
        return self.verified and not self.found

    @property
    def bytes_scanned(self) -> int:
        """Looked at, in all."""
        return sum(each.bytes_scanned for each in self.processes)

    @property
    def mib_per_second(self) -> float:
        """How fast."""
        return self.bytes_scanned / max(self.seconds, 1e-9) / 2**20

    def of(self, role: Role) -> list[Scanned]:
        """The entries with one role."""
        return [each for each in self.processes if each.role == role]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {
            "found": self.found,
            "verified": self.verified,
            "bytes_scanned": self.bytes_scanned,
            "mib_per_second": self.mib_per_second,
        }

    def __str__(self) -> str:
        """One line for each finding and each unexplained range, for a test's message."""
        lines = [
            f"{self.found} windows of {self.markers} found in {self.bytes_scanned / 2**20:.0f} MiB; "
            + ("all was looked at" if self.verified else "NOT VERIFIED: not all could be looked at")
        ]
        for each in self.processes:
            who = each.role if each.pid is None else f"{each.role} {each.pid}"
            lines += [f"{who}: {hit.count} of {hit.kind} as {hit.encoding} in {hit.where}" for hit in each.hits]
            lines += [
                f"{who}: {gap.bytes} bytes of {gap.where} not read: {gap.reason}"
                for gap in each.unreadable
                if gap.explained is None
            ]
        return "\n".join(lines)
