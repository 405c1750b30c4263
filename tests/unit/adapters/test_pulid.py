"""PuLID's inputs: the arithmetic is the reference's to 1e-6; what is white is known to differ."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facegate.adapters import pulid
from facegate.errors import ShapeError
from tests.unit.adapters.conftest import Opened

# facexlib's face_template, of 512 pixels.
TEMPLATE = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ]
)


def test_grey_and_white_are_the_references() -> None:
    random = np.random.default_rng(5)
    rgb = random.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    turn = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    outline = (np.stack([np.cos(turn) * 40, np.sin(turn) * 30], axis=1) + 48).astype(np.float32)
    made = np.zeros((3, 96, 96), np.float32)
    pulid.compose(made, rgb, outline)
    inside = np.zeros((96, 96), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(outline).astype(np.int32), 1)
    scaled = rgb.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    grey = 0.299 * scaled[0] + 0.587 * scaled[1] + 0.114 * scaled[2]
    expected = np.where(inside == 0, 1.0, grey)
    assert np.abs(made - expected).max() < 1e-6
    assert 0.2 < inside.mean() < 0.8


def test_a_face_is_cut_as_facexlib_cuts_it(opened: Opened) -> None:
    """Grey inside the oval, from its crop; maximal error 1 of 255."""
    made = pulid.face_features(opened.face)
    assert made.shape == (1, 3, 512, 512)
    assert made.dtype == np.float32
    assert (made[0, 0] == made[0, 1]).all()
    assert (made[0, 0] == made[0, 2]).all()
    with opened.face.expose("five_points") as five, opened.upload.expose() as rgb:
        matrix, _ = cv2.estimateAffinePartial2D(five, TEMPLATE.astype(np.float32), method=cv2.LMEDS)
        crop = cv2.warpAffine(rgb, matrix, (512, 512), borderValue=(132, 133, 135)).astype(np.float32) / 255
    face = made[0, 0] < 1
    assert np.abs(made[0, 0] - crop @ np.array([0.299, 0.587, 0.114], np.float32))[face].max() < 1.01 / 255
    assert face[300, 256], "the nose"
    assert not face[:20].any(), "white above the forehead"
    assert not face[:, :20].any(), "and beside the face"
    assert 0.2 < face.mean() < 0.7


def test_sizes_must_match() -> None:
    with pytest.raises(ShapeError):
        pulid.compose(np.zeros((3, 4, 4), np.float32), np.zeros((8, 8, 3), np.uint8), np.zeros((4, 2), np.float32))


def test_the_embedding_is_the_raw_one(known: Opened) -> None:
    with known.face.expose("identity") as raw:
        assert (pulid.embedding(known.face) == raw).all()
        assert abs(np.linalg.norm(raw) - 1) > 1e-3
    assert pulid.embedding(known.face).shape == (1, 512)
