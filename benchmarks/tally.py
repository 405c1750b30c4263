"""Shares of covered faces, counted up: by size, by track, and what was covered where nobody is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A face counts as covered from this share of its ellipse on: what is left is a rim that shows no feature.
ENOUGH = 0.75
# Of a face with less than this in sight no tool can be expected to know; it counts neither as covered nor as missed.
LEAST_VISIBLE = 0.35
# Heights of the true box, pixels; the first begins half a pixel lower, for sizes are no whole numbers.
EDGES = (23.5, 44.0, 60.0, 110.0, 200.0, 1e9)
NAMES = ("24-44", "44-60", "60-110", "110-200", "200-400")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Faces of one range of heights.

    Attributes:
        name: the range, pixels.
        faces: face-frames counted.
        covered: how many of them were covered enough.
        mean: mean covered share of an ellipse.
    """

    name: str
    faces: int
    covered: int
    mean: float

    @property
    def share(self) -> float:
        """Covered of all; 1.0 where there was none."""
        return self.covered / self.faces if self.faces else 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive frames in which one face was not covered.

    Attributes:
        track: who.
        first: index of the first such frame of the clip.
        frames: how many.
        height: median height of the true box, pixels.
    """

    track: int
    first: int
    frames: int
    height: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well a tool covered the faces of a clip.

    Attributes:
        frames: frames of the clip that could be compared.
        missing: frames of the clip that the output lacks; their faces are not counted.
        added: frames of the output that the clip lacks.
        buckets: one for each of `NAMES`.
        from_28: all faces at least 28 px high.
        kept: the person who was to be kept; `covered` counts the frames in which they were covered all the same.
        undecided: face-frames that the fill's own colour hid in the original; not counted.
        uncovered: face-frames not covered enough, of any size.
        runs: the longest run of every track that has one, longest first.
        false_boxes: covered places a frame that no face is near; components of pixels, or boxes.
        false_area: share of the picture that they take.
    """

    frames: int
    missing: int
    added: int
    buckets: tuple[Bucket, ...]
    from_28: Bucket
    kept: Bucket
    undecided: int
    uncovered: int
    runs: tuple[Run, ...]
    false_boxes: float
    false_area: float

    def summary(self) -> dict[str, Any]:
        """For JSON: shares by bucket and everything else that a report prints."""
        return {
            "frames": self.frames,
            "missing": self.missing,
            "added": self.added,
            "coverage": {b.name: {"faces": b.faces, "share": round(b.share, 5)} for b in (*self.buckets, self.from_28)},
            "uncovered": self.uncovered,
            "kept": {"faces": self.kept.faces, "covered": self.kept.covered},
            "undecided": self.undecided,
            "worst": [
                {"track": run.track, "first": run.first, "frames": run.frames, "height": round(run.height, 1)}
                for run in self.runs[:5]
            ],
            "false_boxes_per_frame": round(self.false_boxes, 4),
            "false_area": round(self.false_area, 6),
        }


@dataclass(slots=True)
class Tally:
    """Collects frame by frame; `result` counts up.

    Attributes:
        least_visible: faces of which less is seen are not counted.
        enough: share of the ellipse from which a face counts as covered.
        keep: track of someone who is not to be covered, or None.
    """

    least_visible: float = LEAST_VISIBLE
    enough: float = ENOUGH
    keep: int | None = None
    missing: int = 0
    added: int = 0
    _frames: int = 0
    _undecided: int = 0
    _false_boxes: int = 0
    _false_area: float = 0.0
    _rows: list[NDArray[np.float64]] = field(default_factory=list)

    def frame(
        self,
        index: int,
        tracks: NDArray[np.int64],
        boxes: NDArray[np.float32],
        visible: NDArray[np.float32],
        shares: NDArray[np.float64],
        *,
        false_boxes: int,
        false_area: float,
    ) -> None:
        """Add one frame.

        Args:
            index: of the frame in the clip.
            tracks: (N,) int64.
            boxes: (N, 4) float32, true boxes, xyxy, pixels.
            visible: (N,) float32.
            shares: (N,) float64, covered share of each ellipse; NaN where it cannot be told.
            false_boxes: covered places that no face is near.
            false_area: share of the picture that they take.
        """
        counted = visible >= self.least_visible
        unknown = counted & np.isnan(shares)
        self._frames += 1
        self._undecided += int(unknown.sum())
        self._false_boxes += false_boxes
        self._false_area += false_area
        take = np.flatnonzero(counted & ~unknown)
        heights = boxes[take, 3] - boxes[take, 1]
        self._rows.append(np.column_stack([np.full(len(take), index), tracks[take], heights, shares[take]]))

    def result(self) -> Coverage:
        """Everything added so far, counted."""
        everyone = np.concatenate(self._rows) if self._rows else np.empty((0, 4))
        kept = everyone[:, 1] == (-1 if self.keep is None else self.keep)
        rows = everyone[~kept]
        heights, covered = rows[:, 2], rows[:, 3] >= self.enough
        buckets = tuple(
            self._bucket(name, rows, (heights >= low) & (heights < high))
            for name, low, high in zip(NAMES, EDGES[:-1], EDGES[1:], strict=True)
        )
        runs = [run for track in np.unique(rows[:, 1]) if (run := _longest(rows[rows[:, 1] == track], self.enough))]
        frames = max(1, self._frames)
        return Coverage(
            frames=self._frames,
            missing=self.missing,
            added=self.added,
            buckets=buckets,
            from_28=self._bucket(">=28", rows, heights >= 28),
            kept=self._bucket("kept", everyone, kept),
            undecided=self._undecided,
            uncovered=int((~covered).sum()),
            runs=tuple(sorted(runs, key=lambda run: -run.frames)),
            false_boxes=self._false_boxes / frames,
            false_area=self._false_area / frames,
        )

    def _bucket(self, name: str, rows: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Bucket:
        shares = rows[chosen, 3]
        mean = float(shares.mean()) if len(shares) else 1.0
        return Bucket(name, len(shares), int((shares >= self.enough).sum()), mean)


def _longest(rows: NDArray[np.float64], enough: float) -> Run | None:
    """The longest run of uncovered frames of one track; frames in which it is not counted break a run."""
    bad = rows[rows[:, 3] < enough]
    if not len(bad):
        return None
    starts = np.flatnonzero(np.diff(bad[:, 0], prepend=-9) != 1)
    lengths = np.diff(np.append(starts, len(bad)))
    at = int(lengths.argmax())
    run = bad[starts[at] : starts[at] + lengths[at]]
    return Run(int(run[0, 1]), int(run[0, 0]), len(run), float(np.median(run[:, 2])))


def around(boxes: NDArray[np.float32], grow: float) -> NDArray[np.float32]:
    """(N, 4) float32: boxes grown at every side by a share of their larger edge."""
    edge = grow * np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:, None]
    return np.asarray(boxes + edge * np.array([-1, -1, 1, 1]), np.float32)
