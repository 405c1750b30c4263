"""Who is chosen by a reference, and what is left of those who were compared."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.vision import recognize_select
from facegate.vision.detect import Detections
from facegate.vision.recognize import Recognition
from facegate.vision.recognize_select import MOST_CANDIDATES, select_alike
from fixtures import networks
from tests.unit.vision.networks import POINTS, entry

GOOD = networks.recognizer()


def detections(*points: np.ndarray) -> Detections:
    """Faces of which only the key points are looked at."""
    count = len(points)
    keypoints = np.zeros((count, 6, 2), np.float32)
    for each, five in zip(keypoints, points, strict=True):
        each[:3], each[3] = five[:3], five[3:].mean(axis=0)
    return Detections(np.zeros((count, 4), np.float32), np.ones(count, np.float32), keypoints)


class Watched(Recognition):
    """Keeps every vector that it gave, and counts how often it was told to forget."""

    def __init__(self, named: dict[str, Any]) -> None:
        super().__init__(named)
        self.given: list[np.ndarray] = []
        self.asked = self.forgot = 0

    def of_candidate(self, rgb: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
        vector = super().of_candidate(rgb, keypoints)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        self.asked += 1
        self.given.append(vector)
        return vector

    def forget(self) -> None:
        super().forget()
        self.forgot += 1


def test_the_face_most_like_the_reference_is_chosen_and_no_vector_is_left(tmp_path: Path, picture: np.ndarray) -> None:
    watched = Watched(entry(tmp_path, GOOD, threshold=0.9))
    others = [POINTS + shift for shift in ([-140, -90], [90, 80], [-60, 70])]
    for place in range(4):
        points = [*others[:place], POINTS + np.float32(0.5), *others[place:]]
        chosen = select_alike(watched, picture, detections(POINTS, others[0]), picture, detections(*points))
        assert chosen == place
    assert watched.asked == 4 * 5, "of the reference, its largest face alone"
    assert watched.forgot == 4
    assert not any(vector.any() for vector in watched.given)


def test_nobody_is_chosen_below_the_threshold(tmp_path: Path, picture: np.ndarray) -> None:
    watched = Watched(entry(tmp_path, GOOD, threshold=0.9))
    other = POINTS + np.float32([-140, -90])
    for faces in (detections(other), detections()):
        with pytest.raises(Refusal, match=r"reference\.unlike"):
            select_alike(watched, picture, detections(POINTS), picture, faces)
    assert watched.forgot == 2
    assert not any(vector.any() for vector in watched.given)
    with pytest.raises(Refusal, match=r"reference\.nobody"):
        select_alike(watched, picture, detections(), picture, detections(other))
    with pytest.raises(Refusal, match=r"reference\.crowd"):
        select_alike(watched, picture, detections(POINTS), picture, detections(*[other] * (MOST_CANDIDATES + 1)))
    assert watched.asked == 3, "a crowd is not embedded"


@pytest.mark.parametrize("threshold", [-1.0, 1.0])
def test_the_table_of_vectors_is_overwritten(
    tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch, threshold: float
) -> None:
    """Not only the vectors that went into it; whether somebody was chosen or nobody."""
    tables: list[np.ndarray] = []
    fill = recognize_select._embed_into

    def kept(rows: np.ndarray, *arguments: Any) -> None:
        fill(rows, *arguments)
        assert rows.any()
        tables.append(rows)

    monkeypatch.setattr(recognize_select, "_embed_into", kept)
    other = detections(POINTS + np.float32([-140, -90]))
    recognition = Recognition(entry(tmp_path, GOOD, threshold=threshold))
    with contextlib.suppress(Refusal):
        assert select_alike(recognition, picture, detections(POINTS), picture, other) == 0
    assert len(tables) == 2
    assert not any(table.any() for table in tables)
