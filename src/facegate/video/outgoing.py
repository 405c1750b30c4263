"""An output on its way out of the child: a file to whoever writes it, pieces to whoever takes them."""

from __future__ import annotations

from collections import deque
from typing import Final

from facegate.codes import Refusal
from facegate.video.pipeline import Flow, Stopped

CAPACITY: Final = 4 << 20
# Small writes that follow each other become one piece, up to this size: FFmpeg writes 32 KiB at a time.
_PIECE: Final = 256 << 10
_SET, _CURRENT, _END = range(3)


class Cut(Exception):  # noqa: N818 - no error of its own: it follows from whatever ended the flow
    """Nobody takes the output any more. An `Exception`, since PyAV's callbacks lose any other kind."""


class Outgoing:
    """A binary file, for writing only, that holds no more than its capacity; `write` waits until there is room.

    Args:
        flow: whose end ends the waiting.
        limit: bytes that the output may have.
        capacity: bytes that may wait here.

    Attributes:
        size: bytes of the output so far.
        writes: how often something was written.
        load: bytes that wait to be taken.
    """

    def __init__(self, flow: Flow, limit: int, capacity: int = CAPACITY) -> None:
        self.size = self.writes = self.load = 0
        self._flow = flow
        self._limit = limit
        self._capacity = capacity
        self._at = 0
        self._pieces: deque[tuple[int, bytearray]] = deque()

    @property
    def filled(self) -> bool:
        """Whether something waits; with `flow.changed` held."""
        return bool(self._pieces)

    def write(self, data: bytes) -> int:
        """Put bytes where the file stands.

        Raises:
            Refusal: video.output_bytes.
            Cut: nobody takes them any more.
        """
        left = memoryview(data)
        self.writes += 1
        if self._at + len(left) > self._limit:
            raise Refusal("video.output_bytes")
        while left:
            piece, left = left[:_PIECE], left[_PIECE:]
            try:
                with self._flow.changed:
                    self._flow.wait_for(lambda: self.load < self._capacity)
                    self._add(piece)
                    self._flow.changed.notify_all()
            except Stopped:
                raise Cut from None
        return len(data)

    def seek(self, offset: int, whence: int = _SET) -> int:
        """As `io.RawIOBase.seek`, but never beyond the end: whoever takes the pieces allows no gap."""
        base = {_SET: 0, _CURRENT: self._at, _END: self.size}[whence]
        if not 0 <= base + offset <= self.size:
            raise ValueError("There is nothing there yet.")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._at

    def take(self, into: memoryview, most: int) -> list[list[int]]:
        """Move what waits, with `flow.changed` held.

        Args:
            into: filled from its beginning.
            most: pieces.

        Returns:
            For each piece its place in the output and its length; they lie one behind the other.
        """
        taken: list[list[int]] = []
        used = 0
        while self._pieces and used < len(into) and len(taken) < most:
            place, piece = self._pieces.popleft()
            count = min(len(piece), len(into) - used)
            into[used : used + count] = memoryview(piece)[:count]
            if count < len(piece):
                self._pieces.appendleft((place + count, piece[count:]))
            taken.append([place, count])
            used += count
        self.load -= used
        self._flow.changed.notify_all()
        return taken

    def _add(self, piece: memoryview) -> None:
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last[0] + len(last[1]) == self._at and len(last[1]) + len(piece) <= _PIECE:
            last[1].extend(piece)
        else:
            self._pieces.append((self._at, bytearray(piece)))
        self._at += len(piece)
        self.load += len(piece)
        self.size = max(self.size, self._at)
