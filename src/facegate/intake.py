"""An upload that comes in pieces: from a socket, a web server, a queue; whoever pushes instead of being read from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from facegate.codes import to_error
from facegate.errors import RequestClosedError
from facegate.incoming import HEAD_BYTES, Kind, kind_of
from facegate.memory.regions import new_region
from facegate.memory.wiped import Wiped
from facegate.quiet import quiet

if TYPE_CHECKING:
    from facegate.memory.regions import AnyRegion

_FIRST_LOCKED: Final = 1 << 16
_STEP: Final = 1 << 20


class Intake:
    """Takes an upload in pieces, into a region; made by `Request.intake`, handed to `Request.admit` when all have come.

    Custody holds it like a region from its first byte on, so the request's purge wipes it whenever that comes, between
    two pieces too. A lock of its own keeps a piece and a purge apart, so that writing never waits for the child and may
    be done in an event loop.

    Args:
        kind: what it is held to be; None goes by the first bytes.
        limit: most bytes of an upload of a kind.
        request_id: for errors.
        still_open: raises when the request is over, and says how it ended.

    Does not protect against: whoever made the pieces, and may keep them.
    """

    name = "upload"

    def __init__(
        self, kind: Kind | None, limit: Callable[[Kind], int], request_id: str, still_open: Callable[[], None]
    ) -> None:
        self._kind = kind
        self._limit_of = limit
        self._request_id = request_id
        self._still_open = still_open
        self._guard = threading.Lock()
        self._head = bytearray()
        self._region: AnyRegion | None = None
        self._limit = 0
        self._used = self._touched = self._locked = 0
        self._closed = False

    @property
    def used(self) -> int:
        """Bytes that came so far."""
        return self._used

    @property
    def size(self) -> int:
        """Bytes that the region has room for; 0 before there is one."""
        return 0 if self._region is None else self._region.size

    @property
    def closed(self) -> bool:
        """Whether it was wiped, or handed over to the child."""
        return self._closed

    @quiet
    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Append a piece; it is copied once, into the region, and not kept.

        Raises:
            LimitExceededError: with it the upload has more bytes than the policy allows.
            RequestClosedError: the request is over, or the upload was handed over.
        """
        with memoryview(piece) as given, given.cast("B") as data, self._guard:
            if self._closed:
                self._still_open()
                raise RequestClosedError("The upload was admitted or dropped.", request_id=self._request_id)
            at = 0
            if self._region is None:
                at = min(HEAD_BYTES - len(self._head), data.nbytes)
                self._head += data[:at]
                self._used = len(self._head)
                if self._used == HEAD_BYTES:
                    self._begin()
            if self._region is not None and at < data.nbytes:
                self._append(data[at:])

    def seal(self) -> tuple[AnyRegion, int, Kind]:
        """Seal the region; it, the bytes used in it and what they are. It is still this intake's until `give`.

        Raises:
            UploadError: nothing came, or more than the limit.
        """
        with self._guard:
            if self._region is None:
                if not self._head:
                    raise to_error("format.empty", self._request_id)
                self._begin()
            region, kind = self._region, self._kind
            assert region is not None and kind is not None  # noqa: S101, PT018 (for the type checker: _begin made both)
            region.seal()
            return region, self._used, kind

    def give(self) -> None:
        """Leave the region to whoever has it from `seal`."""
        with self._guard:
            self._region, self._closed = None, True

    def wipe(self, used: int | None = None) -> Wiped:  # noqa: ARG002 (what was touched is known here)
        """As `Region.wipe`: what came is overwritten and read back."""
        with self._guard:
            self._head[:] = bytes(len(self._head))
            if self._region is None:
                return Wiped(self.name, len(self._head), len(self._head), sum(map(bool, self._head)))
            return self._region.wipe(self._touched)

    def close(self) -> None:
        """Let go of the region; idempotent."""
        with self._guard:
            self._closed = True
            if self._region is not None:
                self._region.close()
                self._region = None

    def _begin(self) -> None:
        """Make the region, now that it is known what comes; what came moves into it."""
        self._kind = self._kind or kind_of(bytes(self._head))
        self._limit = self._limit_of(self._kind)
        # Untouched pages of a memfd cost nothing.
        self._region = new_region(self.name, max(self._limit, 1))
        self._append(memoryview(self._head))
        self._head[:] = bytes(len(self._head))

    def _append(self, data: memoryview) -> None:
        """Copy a piece into the region; what is over the limit is not."""
        region = self._region
        assert region is not None  # noqa: S101 (for the type checker: callers checked)
        start = self._touched
        end = start + data.nbytes
        if end > self._limit:
            raise to_error("limit.bytes", self._request_id)
        # Locked before the bytes come, where the limit allows it, in steps that double: each costs a look at VmLck.
        if end > self._locked:
            self._locked = min(max(2 * end, _FIRST_LOCKED), end + _STEP, self._limit)
            region.lock_used(self._locked)
        self._touched = end
        with region.buffer() as whole:
            whole[start:end] = data
        self._used = end
