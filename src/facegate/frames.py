"""Frames of a video as the worker sees them: one at a time, in memory that the child has filled."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from facegate.arguments import whole
from facegate.errors import ProtocolError
from facegate.memory.regions import new_region
from facegate.quiet import quiet
from facegate.streaming import Patience, running, seconds_of, wait_of

if TYPE_CHECKING:
    from facegate.custody import Custody

# One is looked at, one is ready, one is being filled.
RING: Final = 3


class Frames:
    """Gives (H, W, 3) uint8 arrays, RGB, upright, read-only. Each reads zeros as soon as the next one is asked for.

    The child fills the next ones meanwhile; in the worker nothing is copied. Leaving a ``for`` early and letting go of
    this ends the work, and so do `close` and ``with``.

    Attributes:
        seconds: when the last frame that was given is shown, in the video's own time; None before the first.

    Raises:
        DecodeError: in the middle, where the video is damaged.
        RequestClosedError: the request is over.
    """

    def __init__(self, custody: Custody, start: dict[str, Any], size_wh: tuple[int, int]) -> None:
        self.seconds: float | None = None
        width, height = size_wh
        # No method: a generator that refers to this would keep it alive, and the work going, when everyone has let go.
        self._frames = _frames(custody, start, (height, width, 3))

    def __iter__(self) -> Self:
        return self

    @quiet
    def __next__(self) -> NDArray[np.uint8]:
        frame, self.seconds = next(self._frames)
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @quiet
    def close(self) -> None:
        """End the work; idempotent. The last frame reads zeros from now on."""
        self._frames.close()


def _frames(
    custody: Custody, start: dict[str, Any], shape: tuple[int, int, int]
) -> Generator[tuple[NDArray[np.uint8], float], None, None]:
    """Each frame and when it is shown, seconds."""
    size = shape[0] * shape[1] * shape[2]
    patience = Patience(custody)
    held: int | None = None
    ring = [new_region("frame", size) for _ in range(RING)]
    with running(custody, start, ring):
        while True:
            command = {"do": "video.frame", "wait": wait_of(custody), "free": held}
            with custody.working():
                answer = custody.call(command)
                patience.check(answer)
                held = None
                if answer.get("done") is True:
                    return
                if answer.get("slot") is None:
                    continue
                held = whole(answer, "slot", 0, RING - 1)
                if answer.get("done") is not False:
                    raise ProtocolError("The child did not say whether there are more frames.")
                seconds = seconds_of(answer)
                ring[held].lock_used(size)
                window = custody.open_region(ring[held])
            try:
                yield window.array(np.uint8, shape), seconds  # type: ignore[misc]
            finally:
                custody.close_window(window)
