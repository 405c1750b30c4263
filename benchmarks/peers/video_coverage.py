"""Coverage of a contender's output, by pixels where its covering has a colour, by its boxes where it has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import BLACK, GREY, coverage_of_boxes, coverage_of_video
from benchmarks.peers.video_rows import Row
from fixtures.clips import Clip

_COLOURS = {"grey": GREY, "black": BLACK}


def covered(row: Row, clip: Clip, target: Path) -> dict[str, Any] | None:
    """Coverage by size of face and false boxes per frame, as `benchmarks.tally` sums them up.

    Args:
        row: says how it is told.
        clip: what was worked through, with the truth of its frames.
        target: the output.

    Returns:
        The summary, or None for a row that covers nothing.
    """
    if row.seen_by is None:
        return None
    if row.seen_by in _COLOURS:
        found = coverage_of_video(clip, target, fill=_COLOURS[row.seen_by])
    else:
        told = json.loads(target.with_suffix(".boxes.json").read_text(encoding="utf-8"))
        # A loop that was given more frames than the clip has shows its own fault, in the count of frames.
        boxes = [np.array(each, np.float32).reshape(-1, 4) for each in told][: len(clip.frames)]
        found = coverage_of_boxes(clip.frames, boxes, size_wh=clip.size_wh, shape=row.seen_by)
    return found.summary() | {"told_by": "pixels" if row.seen_by in _COLOURS else "boxes"}
