"""IP-Adapter's inputs against insightface's `norm_crop`, which is scikit-image's similarity and OpenCV's warp."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from facegate.adapters import ip_adapter
from facegate.errors import AnalysisError, ShapeError
from tests.unit.adapters.conftest import Opened

# insightface's arcface_dst, of 112 pixels.
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)


@pytest.mark.parametrize(("size", "scale", "shift"), [(224, 2.0, 0), (112, 1.0, 0), (128, 1.0, 8), (256, 2.0, 16)])
def test_the_crop_is_norm_crops(opened: Opened, size: int, scale: float, shift: int) -> None:
    """Maximal error 1 of 255."""
    with opened.face.expose("five_points") as five, opened.upload.expose() as rgb:
        matrix = SimilarityTransform.from_estimate(five, TEMPLATE * scale + [shift, 0]).params[:2]
        theirs = cv2.warpAffine(rgb[..., ::-1], matrix, (size, size), borderValue=0.0)
    ours = ip_adapter.face_image(opened.face, size=size)
    assert ours.shape == (size, size, 3)
    assert ours.dtype == np.uint8
    assert ours.any()
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_224_in_bgr_is_the_default(opened: Opened) -> None:
    bgr, rgb = ip_adapter.face_image(opened.face), ip_adapter.face_image(opened.face, order="rgb")
    assert bgr.shape == (224, 224, 3)
    assert (bgr[..., ::-1] == rgb).all()
    assert rgb[..., 0].mean() > rgb[..., 2].mean(), "skin is red"
    with pytest.raises(ShapeError, match="order"):
        ip_adapter.face_image(opened.face, order="gbr")  # type: ignore[arg-type]


def test_a_size_that_arcface_has_not_is_refused(opened: Opened) -> None:
    with pytest.raises(AnalysisError, match="112 or of 128"):
        ip_adapter.face_image(opened.face, size=225)


def test_embeddings_have_unit_length_and_the_shapes_of_the_pipelines(known: Opened) -> None:
    embeds = ip_adapter.faceid_embeds(known.face)
    assert embeds.shape == (1, 512)
    assert embeds.dtype == np.float32
    assert np.linalg.norm(embeds) == pytest.approx(1, abs=1e-6)
    both = ip_adapter.diffusers_embeds(known.face)
    assert both.shape == (2, 1, 1, 512)
    assert not both[0].any()
    assert (both[1, 0] == embeds).all()
