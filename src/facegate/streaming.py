"""What a child makes of a video, pulled piece by piece through one shared region. The worker's side.

The worker asks, the child fills the region and says what lies in it: for each piece its place in the output and its
length. There is no pipe: a child can write to nothing, how much is on its way is bounded by the region, and a child
that is stuck is a command that is not answered.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from facegate.arguments import whole
from facegate.errors import ProtocolError, RequestClosedError, SandboxError, SandboxTimeoutError
from facegate.memory.regions import new_region

if TYPE_CHECKING:
    from facegate.custody import Custody
    from facegate.memory.regions import AnyRegion
    from facegate.targets import Target

# Large enough that a command costs nothing beside encoding what it carries: at 400 Mbit/s 50 commands a second.
REGION_BYTES: Final = 1 << 20
# Pieces in one answer, whose header must stay small.
MOST_PIECES: Final = 256
# How long a child waits for something to say before it says that there is nothing, seconds.
WAIT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a video is.

    Attributes:
        frames: encoded so far.
        of_frames: in all; None if the file does not say.
        seconds: of the video, so far.
        of_seconds: in all; None if the file does not say.
    """

    frames: int
    of_frames: int | None
    seconds: float
    of_seconds: float | None


class Patience:
    """Tells a slow child from a stuck one: something must go on, though it need not be done.

    Args:
        custody: whose timeout for one command is the longest that nothing may go on.
    """

    def __init__(self, custody: Custody) -> None:
        self._custody = custody
        self._beats = -1
        self._since = time.monotonic()

    def check(self, answer: dict[str, Any]) -> None:
        """Look at an answer; inside `Custody.working`.

        Raises:
            SandboxTimeoutError: nothing has gone on for too long.
            ProtocolError: the child said no usable number of steps.
        """
        beats = whole(answer, "beats", 0, 1 << 53)
        now = time.monotonic()
        if beats != self._beats:
            self._beats, self._since = beats, now
        elif now - self._since > self._custody.timeout:
            raise SandboxTimeoutError(
                "The child took longer than the policy allows over a step of a video.",
                request_id=self._custody.request_id,
            )


class Puller:
    """Pulls one output.

    Args:
        custody: of the request.
        target: takes the pieces.
        limit: most bytes that the output may have.

    Attributes:
        size: bytes of the output so far.
        frames: encoded so far, as the child says.
        seconds: of the video, so far, as the child says.
    """

    def __init__(self, custody: Custody, target: Target, limit: int) -> None:
        self.size = 0
        self.frames = 0
        self.seconds = 0.0
        self._custody = custody
        self._target = target
        self._limit = limit
        self._patience = Patience(custody)

    def pull(self, start: dict[str, Any], told: Callable[[Puller], object]) -> None:
        """Start what makes the output, take all of it, and end that.

        The child is held for a command at a time, never while the target or `told` is at work: purge must not wait for
        either.

        Args:
            start: the command that starts it.
            told: called after every answer.

        Raises:
            FacegateError: as `Custody.call` raises; the target has a part of the output, to be discarded.
            OutputError: the target could not be written to.
        """
        with running(self._custody, start, [new_region("output", REGION_BYTES)]) as (region,):
            done = False
            while not done:
                pieces, content, done = self._take(region)
                for offset, at, length in pieces:
                    self._target.write(offset, content[at : at + length])
                told(self)

    def _take(self, region: AnyRegion) -> tuple[list[tuple[int, int, int]], memoryview, bool]:
        """One answer: pieces, each with its place in the output, its place in the content, and its length."""
        custody = self._custody
        with custody.working():
            answer = custody.call({"do": "video.next", "wait": wait_of(custody)})
            self._patience.check(answer)
            pieces, total = self._checked(answer.get("pieces"))
            self.frames = whole(answer, "frames", self.frames, 1 << 31)
            self.seconds = seconds_of(answer)
            done = answer.get("done")
            if not isinstance(done, bool) or (done and not self.size):
                raise ProtocolError("The child did not say whether the output is whole.")
            with region.buffer() as buffer:
                return pieces, memoryview(bytes(buffer[:total])), done

    def _checked(self, pieces: object) -> tuple[list[tuple[int, int, int]], int]:
        """The pieces that a child says lie in the region, one behind the other, and their length in all.

        Raises:
            ProtocolError: they could not: more than fits, a hole in the output, or an output over the limit.
        """
        wrong = ProtocolError("The child sent no usable piece of an output.")
        if not isinstance(pieces, list) or len(pieces) > MOST_PIECES:
            raise wrong
        found, total = [], 0
        for piece in pieces:
            if not isinstance(piece, list) or len(piece) != 2 or not all(type(each) is int for each in piece):
                raise wrong
            offset, length = piece
            # A muxer goes back to write what it knows in the end; it never leaves a gap.
            if not 0 <= offset <= self.size or not 1 <= length <= REGION_BYTES - total:
                raise wrong
            if offset + length > self._limit:
                raise wrong
            found.append((offset, total, length))
            total += length
            self.size = max(self.size, offset + length)
        return found, total


@contextmanager
def running(custody: Custody, start: dict[str, Any], regions: list[AnyRegion]) -> Iterator[list[AnyRegion]]:
    """A block in which the child makes something of a video and has these regions to put it into.

    Args:
        custody: holds the regions from now on.
        start: the command that starts it, and hands them over.
        regions: fresh ones.

    Yields:
        The regions, sealed: only the child's map and this process's own can store.
    """
    with custody.working():
        for region in regions:
            custody.hold(region)
        try:
            custody.call(start, targets=regions)
            for region in regions:
                region.seal()
        except BaseException:
            for region in regions:
                custody.release(region)
            raise
    try:
        yield regions
    finally:
        # A request that is over has no child to stop, and its regions are gone.
        with suppress(RequestClosedError, SandboxError), custody.working():
            custody.call({"do": "video.stop"})
        for region in regions:
            custody.release(region)


def wait_of(custody: Custody) -> float:
    """How long the child may wait in one command, seconds: never so long that a command is late for it."""
    return min(WAIT_SECONDS, custody.timeout / 4)


def seconds_of(answer: dict[str, Any]) -> float:
    """The time that a child sent.

    Raises:
        ProtocolError: it is no number.
    """
    value = answer.get("seconds")
    if type(value) not in {int, float} or not math.isfinite(value):  # type: ignore[arg-type]
        raise ProtocolError("The child sent no usable time.")
    return float(value)  # type: ignore[arg-type]
