"""Pictures of a clip and of what a tool made of it, side by side: by time or by order, turned alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from fixtures.clips import Clip

Picture = NDArray[np.uint8]


def paired(
    original: Clip, output: Path, *, by: Literal["time", "order"] = "time"
) -> Iterator[tuple[int, Picture | None, Picture | None]]:
    """Frames that belong together, in the order they are shown.

    Args:
        original: the clip.
        output: file made from it, in any container and pixel format that FFmpeg reads.
        by: ``"time"``: shown at the same time within half of the clip's shortest interval, both counted from their
            first frame; ``"order"``: the first with the first.

    Yields:
        Index of the clip's frame, and both pictures: (H, W, 3) uint8, RGB, turned as the clip's coded frame. The second
        is None where the output lacks the frame; the first where the clip lacks it (the index is then of the next).

    Raises:
        ValueError: the pictures of the output have another size.
    """
    times = np.array([frame.time for frame in original.frames])
    slack = float(np.diff(times).min()) / 2 if len(times) > 1 else 1.0
    before, after = _shown(original.path), _shown(output)
    index, left, right = 0, next(before, None), next(after, None)
    while left is not None or right is not None:
        early = 0.0
        if left is None or right is None:
            early = np.inf if left is None else -np.inf
        elif by == "time":
            early = left[0] - right[0]
        if early >= slack:
            # The output shows something for which the clip has no frame.
            yield index, None, None if right is None else _rgb(right[1])
            right = next(after, None)
            continue
        picture = None if left is None else _rgb(left[1])
        if early <= -slack or right is None:
            yield index, picture, None
        else:
            yield index, picture, _alike(right[1], original)
            right = next(after, None)
        index, left = index + 1, next(before, None)


def _shown(path: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """Time since the first frame, seconds, and the frame."""
    first = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            time = frame.time if frame.time is not None else 0.0
            first = time if first is None else first
            yield time - first, frame


def _rgb(frame: av.VideoFrame) -> Picture:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _alike(frame: av.VideoFrame, original: Clip) -> Picture:
    """The picture turned as the clip's coded frame, whether its tool has turned it or kept the display matrix."""
    picture = _rgb(frame)
    # Counter-clockwise quarter turns from this frame to the clip's: upright is `frame.rotation` counter-clockwise from
    # here, and the clip's coded frame is its rotation counter-clockwise from upright.
    turns = round((frame.rotation + original.rotation) / 90) % 4
    wide, high = original.size_wh
    if turns and (picture.shape[:2] == (wide, high) or turns == 2):
        picture = np.rot90(picture, turns)
    if picture.shape[:2] != (high, wide):
        raise ValueError(f"the output is {picture.shape[1]}x{picture.shape[0]}, the clip {wide}x{high}")
    return np.ascontiguousarray(picture)
