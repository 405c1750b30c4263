"""Aligned crops against insightface, facexlib and scikit-image, in numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from facegate.errors import ShapeError
from facegate.vision import align
from fixtures.portraits import portrait
from tests.unit.vision.geometry import golden


def corners(size: float) -> NDArray[np.float64]:
    """Of a square, homogeneous."""
    return np.array([[0, 0, 1], [size, 0, 1], [size, size, 1], [0, size, 1]], float)


def estimated(points: NDArray[np.floating], template: NDArray[np.floating]) -> NDArray[np.float64]:
    """scikit-image's Umeyama, (2, 3); its way in changed its name in 0.26."""
    if hasattr(SimilarityTransform, "from_estimate"):
        found = SimilarityTransform.from_estimate(points, template)
    else:
        found = SimilarityTransform()
        assert found.estimate(points, template)
    return np.asarray(found.params[:2])


@pytest.mark.parametrize("size", [112, 128, 224, 256, 336, 384])
def test_matrices_are_insightfaces(size: int) -> None:
    """Both conventions, and their multiples, to a thousandth of a pixel anywhere in the picture."""
    found = align.fit("arcface", golden()["five_points"][None], size)[0]
    apart = corners(512) @ (found - golden()[f"insightface|{size}"]).T
    assert np.abs(apart).max() < 1e-3


def test_the_two_conventions_differ_by_eight_pixels() -> None:
    """128 is not 112 made larger: the face is as large, and 8 pixels further to the right."""
    five = golden()["five_points"][None]
    small, large = align.fit("arcface", five, 112)[0], align.fit("arcface", five, 128)[0]
    np.testing.assert_allclose(large - small, [[0, 0, 8], [0, 0, 0]], atol=1e-9)
    # 896 is a multiple of both: it goes by 112.
    np.testing.assert_allclose(align.fit("arcface", five, 896)[0], small * 8, atol=1e-9)


@pytest.mark.parametrize("size", [112, 128])
def test_crops_are_insightfaces(size: int) -> None:
    """One level in 255 at most: what OpenCV's bilinear rounding makes of a matrix that differs in its sixth digit."""
    matrices = align.fit("arcface", golden()["five_points"][None], size)
    found = align.crops(portrait("astronaut"), matrices, size)[0, ::2, ::2].astype(int)
    assert np.abs(found - golden()[f"insightface|{size}_crop_half"]).max() <= 1


@pytest.mark.parametrize("size", [512, 1024])
def test_crops_are_facexlibs(size: int) -> None:
    """Matrix to a thousandth of a pixel, pixels to a level; its grey border is in the picture."""
    matrices = align.fit("ffhq", golden()["five_points"][None], size)
    back = corners(size) @ align.inverses(golden()[f"facexlib|{size}"][None])[0].T
    apart = np.c_[back, np.ones(4)] @ (matrices[0] - golden()[f"facexlib|{size}"]).T
    assert np.abs(apart).max() < 1e-3
    found = align.crops(portrait("astronaut"), matrices, size, align.BORDERS["ffhq"])[0]
    theirs = golden()[f"facexlib|{size}_crop_64"].astype(int)
    assert np.abs(found[:: size // 64, :: size // 64] - theirs).max() <= 1


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.floats(0.1, 500))
def test_similarities_are_scikit_images(seed: int, count: int, spread: float) -> None:
    """N random point sets at once against `SimilarityTransform`, one after the other; mirrored ones too."""
    random = np.random.default_rng(seed)
    points = random.normal(scale=spread, size=(7, count, 2)) + random.uniform(-3000, 3000, (7, 1, 2))
    template = random.uniform(0, 112, (count, 2))
    for mine, each in zip(align.similarities(points, template), points, strict=True):
        theirs = estimated(each, template)
        here = np.c_[each, np.ones(count)]
        # With two points or mirrored ones the scale is badly determined; where they fall is what counts.
        np.testing.assert_allclose(here @ mine.T, here @ theirs.T, atol=1e-6 * (1 + np.abs(theirs).max()))


def test_points_in_one_place_do_not_divide_by_zero() -> None:
    """A mesh that collapsed gives a crop, of nothing in particular."""
    found = align.similarities(np.full((1, 5, 2), 7.0), align.arcface_template(112))[0]
    np.testing.assert_allclose(found @ [7, 7, 1], align.arcface_template(112).mean(axis=0))
    assert np.isfinite(align.fit("ffhq", np.full((1, 5, 2), 7, np.float32), 512)).all()


def test_inverses() -> None:
    """There and back again; OpenCV agrees."""
    random = np.random.default_rng(1)
    matrices = align.similarities(random.uniform(0, 900, (5, 5, 2)), align.ffhq_template(512))
    for matrix, inverse in zip(matrices, align.inverses(matrices), strict=True):
        np.testing.assert_allclose(inverse, cv2.invertAffineTransform(matrix), atol=1e-6)


def test_a_batch_is_its_singles() -> None:
    """Sixteen crops in one array, in both fits."""
    random = np.random.default_rng(2)
    five = golden()["five_points"] + random.normal(scale=2, size=(16, 5, 2)).astype(np.float32)
    for kind, size in (("arcface", 112), ("ffhq", 512)):
        matrices = align.fit(kind, five, size)
        crops = align.crops(portrait("astronaut"), matrices, size)
        assert crops.shape == (16, size, size, 3)
        for number in range(16):
            single = align.fit(kind, five[[number]], size)
            np.testing.assert_allclose(matrices[number], single[0], atol=1e-6)
            assert (align.crops(portrait("astronaut"), matrices[[number]], size)[0] == crops[number]).all()


def test_the_border_is_each_references() -> None:
    """Beyond the picture insightface shows black and facexlib a grey, (135, 133, 132) in its BGR."""
    picture = np.full((20, 20, 3), 255, np.uint8)
    far = np.array([[[1, 0, 100], [0, 1, 100]]], float)
    assert (align.crops(picture, far, 32, align.BORDERS["arcface"])[0, 0, 0] == 0).all()
    assert align.crops(picture, far, 32, align.BORDERS["ffhq"])[0, 0, 0].tolist() == [132, 133, 135]


def test_other_shapes_are_refused() -> None:
    """Another number of points than the template has."""
    with pytest.raises(ShapeError, match="template"):
        align.similarities(np.zeros((1, 4, 2)), align.arcface_template(112))
