"""How a face is handed to a user's network, and what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.vision.recognize import Recognition, normed
from fixtures import networks
from tests.unit.vision import networks as expected
from tests.unit.vision.networks import POINTS, entry


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"colour": "bgr"},
        {"mean": 127.5, "std": 128},
        {"mean": 0, "std": 255, "colour": "bgr"},
        {"size": 128},
        {"output": "identity"},
    ],
    ids=str,
)
def test_a_face_is_handed_over_as_the_entry_says(
    tmp_path: Path, picture: np.ndarray, runner: str, options: dict[str, Any]
) -> None:
    """Calculated again in numpy, from scikit-image's alignment: order of colours, mean, divisor, size, layout."""
    side = options.get("size", 112)
    model = networks.recognizer(side=side, second="output" in options)
    found = Recognition(entry(tmp_path, model, runner=runner, **options)).of_subject(picture, POINTS)
    crop = cv2.warpAffine(picture, expected.to_crop(POINTS, side), (side, side), flags=cv2.INTER_LINEAR)
    planes = crop.transpose(2, 0, 1).astype(np.float32)
    planes = planes[::-1] if options.get("colour") == "bgr" else planes
    planes = (planes - options.get("mean", 127.5)) / options.get("std", 127.5)
    wanted = expected.forward(planes.astype(np.float32), expected.weights(side=side))
    assert (found.shape, found.dtype) == ((512,), np.float32)
    # A sample of the crop may differ by one where the two alignments round to different 32nds of a pixel.
    assert np.dot(normed(found), normed(wanted)) > 0.99999
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(wanted), rel=2e-3)


def test_a_side_that_is_left_open_is_any(tmp_path: Path, picture: np.ndarray, runner: str) -> None:
    open_side = Recognition(entry(tmp_path, networks.recognizer(batch="N"), runner=runner))
    fixed = Recognition(entry(tmp_path, networks.recognizer(), runner=runner))
    assert np.allclose(open_side.of_subject(picture, POINTS), fixed.of_subject(picture, POINTS), atol=1e-5)


def test_numbers_that_are_none_are_refused(tmp_path: Path, picture: np.ndarray, runner: str) -> None:
    """A network may give what is no number for a face and not for the black picture that it is tried on."""
    root = networks.model(
        [
            networks.node("Sqrt", ["face"], "root"),  # of samples less 127.5
            networks.node("Flatten", ["root"], "flat", networks.whole("axis", 1, several=False)),
            networks.node("Gemm", ["flat", "w"], "identity"),
        ],
        [networks.tensor("w", np.ones((3 * 112 * 112, 512), np.float32))],
        [networks.value("face", (1, 3, 112, 112))],
        [networks.value("identity", (1, 512))],
    )
    with pytest.raises(Refusal, match=r"recognizer\.output"):
        Recognition(entry(tmp_path, root, runner=runner)).of_subject(picture, POINTS)


def test_a_vector_of_zeros_stays_one() -> None:
    assert not normed(np.zeros(512, np.float32)).any()
