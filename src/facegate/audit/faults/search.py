"""The search for what a batch's person left in memory, made by a process of its own.

Whoever makes markers of a person has had the person's geometry, in whatever form, and the search would find it there.
So the worker under fault never does: this program draws the person, looks at it through a gate of its own, keeps the
markers and searches other processes for them. The worker gets an encoded picture and a digest.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from facegate import kernel
from facegate.audit.faults.processes import below

if TYPE_CHECKING:
    from facegate.audit.residue.report import ResidueReport

WINDOW: Final = 32  # bytes of a hit
_PR_SET_PTRACER: Final = 0x59616D61


@dataclass(frozen=True, slots=True)
class Person:
    """What the worker gets of a person.

    Attributes:
        data: the portrait, JPEG.
        digest: SHA-256 of the landmarks that are found in it.
    """

    data: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        bytes: of the person.
        where: roles of the processes that had them, in words.
        doubt: why not all could be searched; "" if all was.
    """

    bytes: int
    where: str = ""
    doubt: str = ""


class Searcher:
    """The worker's side of the process that searches; used by one thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "facegate.audit.faults.search"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with suppress(OSError):  # where Yama does not watch, nobody need be allowed
            kernel.prctl(_PR_SET_PTRACER, self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]

    def invite(self, seed: int) -> Person:
        """A person that nobody has seen, and who is searched for from now on."""
        told = self._ask({"person": seed})
        return Person(base64.b64decode(told["data"]), told["digest"])

    def worker(self) -> set[int]:
        """This process and all below it, but for the one that searches and what is its."""
        return {os.getpid(), *self.others(os.getpid())}

    def others(self, root: int) -> set[int]:
        """All below a process that are not the search's."""
        return below(root) - below(self._process.pid) - {self._process.pid}

    def search(self, pids: Iterable[int]) -> Found:
        """Search the memory of processes, what they have open, and shared memory."""
        return Found(**self._ask({"search": sorted(pids)}))

    def report(self, pids: Iterable[int]) -> ResidueReport:
        """As `search`, with all that the scanner has to say."""
        from facegate.audit.residue.report import ResidueReport  # noqa: PLC0415 - most only search

        return ResidueReport.from_dict(self._ask({"report": sorted(pids)}))

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(command) + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError("The process that searches memory has ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    """Serve one worker until it closes the pipe."""
    from facegate.audit.faults.portrait import Portrait  # noqa: PLC0415 - the worker has no use for it
    from facegate.audit.residue import scan  # noqa: PLC0415

    with Portrait() as portrait:
        for line in sys.stdin:
            command = json.loads(line)
            if "person" in command:
                data, digest = portrait.make(command["person"])
                answer = {"data": base64.b64encode(data).decode(), "digest": digest}
            elif "report" in command:
                answer = scan(command["report"], portrait.markers).as_dict()
            else:
                report = scan(command["search"], portrait.markers)
                had = ", ".join(dict.fromkeys(each.role for each in report.processes if each.found))
                ranges = [one for each in report.processes for one in each.unreadable if one.explained is None]
                doubt = "" if report.verified else "not all memory could be searched: "
                doubt += ", ".join(f"{one.where}: {one.reason}" for one in ranges[:2])
                answer = asdict(Found(int(report.found) * WINDOW, had, doubt))
            print(json.dumps(answer), flush=True)  # noqa: T201 - its output is what it is for


if __name__ == "__main__":
    main()
