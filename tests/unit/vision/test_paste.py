"""Pasting back against the plain recipe over the whole picture; what must not change; colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facegate.vision import align, facemasks, pose
from facegate.vision.paste import matched, paste, reached, square
from tests.unit.vision.geometry import landmarks, picture

WHO = "hopper"


def parts(
    size: int = 512, kind: str = "ffhq", mask: str = "oval", feather: float = 0.1
) -> tuple[NDArray[np.uint8], NDArray[np.float64], facemasks.Patch, int]:
    """Picture, matrix, mask as far as the crop reaches, width of its soft edge."""
    mesh, rgb = landmarks(WHO), picture(WHO)
    matrix = align.fit(kind, pose.five_points(mesh), size)[0]
    edge = int(facemasks.soft_edges(mesh, feather)[0])
    if mask == "crop":
        return rgb, matrix, square(matrix, size, rgb.shape[:2], edge), edge
    (patch,) = facemasks.masks(mesh, mask, rgb.shape[:2], feather)
    return rgb, matrix, reached(patch, matrix, size, rgb.shape[:2], edge), edge


def generated(size: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth crop that resembles nobody."""
    noise = np.random.default_rng(seed).integers(0, 256, (size // 32, size // 32, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def recipe(
    rgb: NDArray[np.uint8], crop: NDArray[np.uint8], matrix: NDArray[np.float64], mask: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The usual one: warp over the whole picture, blend in floating point."""
    height, width = rgb.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(crop, matrix, (width, height), flags=flags).astype(np.float32)
    return mask[..., None] * warped + (1 - mask[..., None]) * rgb


def spread(patch: facemasks.Patch, size_hw: tuple[int, ...]) -> NDArray[np.float32]:
    """The whole mask."""
    into = np.zeros(size_hw[:2], np.float32)
    patch.spread(into)
    return into


@pytest.mark.parametrize("mask", ["oval", "skin", "lips", "hairless", "crop"])
def test_against_the_recipe(mask: str) -> None:
    """Within a level of 255 everywhere: rounding, and OpenCV's fixed point, which begins at another corner."""
    rgb, matrix, patch, _ = parts(mask=mask)
    crop, found = generated(512), rgb.copy()
    paste(found, crop, matrix, patch, match_colour=False)
    apart = np.abs(found - recipe(rgb, crop, matrix, spread(patch, rgb.shape)))
    assert apart.max() <= 2
    assert apart.mean() < 0.1


@pytest.mark.parametrize("mask", ["oval", "crop"])
def test_what_the_mask_does_not_have_is_untouched(mask: str) -> None:
    """To the last bit; and what it has is the crop."""
    rgb, matrix, patch, _ = parts(mask=mask)
    found = rgb.copy()
    paste(found, generated(512), matrix, patch, match_colour=False)
    outside = spread(patch, rgb.shape) == 0
    assert (found[outside] == rgb[outside]).all()
    assert (found != rgb).any(axis=2).sum() > 0.9 * (~outside).sum()


@pytest.mark.parametrize("size", [512, 1024])
def test_a_crop_put_back_unchanged_changes_little(size: int) -> None:
    """No shift: of all whole and half pixels around, the pasted face fits the picture best where it is."""
    rgb, matrix, patch, _ = parts(size)
    crop = align.crops(rgb, matrix[None], size)[0]
    found = rgb.copy()
    paste(found, crop, matrix, patch, match_colour=False)
    inside = spread(patch, rgb.shape) == 1
    assert np.abs(found.astype(int) - rgb)[inside].mean() < 4
    shifted = {}
    for x in (-0.5, 0, 0.5):
        for y in (-0.5, 0, 0.5):
            moved = cv2.warpAffine(rgb, np.array([[1, 0, x], [0, 1, y]], float), rgb.shape[1::-1])
            shifted[x, y] = np.abs(found.astype(int) - moved)[inside].mean()
    assert min(shifted, key=lambda place: shifted[place]) == (0, 0)


def test_a_fine_crop_is_averaged() -> None:
    """Noise finer than the picture's pixels comes out weaker; sampled as it is, it would stay as strong."""
    rgb, matrix, patch, _ = parts(1024)
    assert np.hypot(*matrix[:, 0]) > 3, "pixels of the crop for one of the picture's"
    noise = np.random.default_rng(5).integers(0, 256, (1024, 1024, 3), np.uint8)
    found = np.full_like(rgb, 128)
    paste(found, noise, matrix, patch, match_colour=False)
    assert found[spread(patch, rgb.shape) == 1].std() < 0.55 * noise.std()


def test_a_crop_that_does_not_reach() -> None:
    """ArcFace's crop ends at the chin: below it the picture stays, and there is no hard or dark edge."""
    rgb, matrix, patch, edge = parts(112, "arcface")
    white = np.full((112, 112, 3), 255, np.uint8)
    found = np.zeros_like(rgb)
    paste(found, white, matrix, patch, match_colour=False)
    inverse = align.inverses(matrix[None])[0]
    below = inverse @ [56, 112 + 3, 1]
    (oval,) = facemasks.masks(landmarks(WHO), "oval", rgb.shape[:2], 0.1)
    assert spread(oval, rgb.shape)[int(below[1]), int(below[0])] > 0.2, "the mask goes on there"
    assert found[int(below[1]), int(below[0])].max() == 0
    steps = np.abs(np.diff(found[..., 0].astype(int), axis=0))
    assert steps.max() < 4 * 255 / edge


@pytest.mark.parametrize("by", [(-300, 0), (0, -260), (250, 0), (0, 260), (5000, 0)])
def test_a_face_at_the_edge_of_the_picture(by: tuple[int, int]) -> None:
    """What is inside is as if the picture went on."""
    mesh = landmarks(WHO)
    crop = generated(512)
    whole = np.zeros((1200, 1200, 3), np.uint8)
    here = mesh + np.array([300, 300, 0], np.float32)
    for canvas, points in ((whole, here), (rgb := np.zeros((400, 420, 3), np.uint8), mesh + np.array([*by, 0], "f4"))):
        matrix = align.fit("ffhq", pose.five_points(points), 512)[0]
        (patch,) = facemasks.masks(points, "oval", canvas.shape[:2], 0.1)
        width = int(facemasks.soft_edges(points, 0.1)[0])
        paste(canvas, crop, matrix, reached(patch, matrix, 512, canvas.shape[:2], width), match_colour=False)
    x, y = 300 - by[0], 300 - by[1]
    expected = np.zeros_like(rgb)
    x0, y0 = max(x, 0), max(y, 0)
    part = whole[y0 : max(y + 400, 0), x0 : max(x + 420, 0)]
    expected[y0 - y : y0 - y + part.shape[0], x0 - x : x0 - x + part.shape[1]] = part
    assert np.abs(rgb.astype(int) - expected).max() <= 2


def test_colour_is_matched() -> None:
    """A crop with a strong cast gets the picture's mean and spread, in luma and both differences."""
    rgb, matrix, patch, _ = parts()
    crop = align.crops(rgb, matrix[None], 512)[0]
    cast = np.clip(crop * 0.7 + [70, 0, 20], 0, 255).astype(np.uint8)
    plain, found = rgb.copy(), rgb.copy()
    paste(plain, cast, matrix, patch, match_colour=False)
    paste(found, cast, matrix, patch, match_colour=True)
    inside = spread(patch, rgb.shape) == 1
    assert np.abs(plain[inside].mean(axis=0) - rgb[inside].mean(axis=0)).max() > 20, "the control"
    assert np.abs(found[inside].mean(axis=0) - rgb[inside].mean(axis=0)).max() < 2
    assert np.abs(found[inside].std(axis=0) - rgb[inside].std(axis=0)).max() < 3


def test_contrast_is_not_made_out_of_nothing() -> None:
    """A flat crop stays flat; an empty mask changes nothing."""
    flat = np.full((40, 40, 3), 90, np.uint8)
    flat[::2] += 1
    busy = np.random.default_rng(3).integers(0, 256, (40, 40, 3), np.uint8)
    full = np.full((40, 40), 255, np.uint8)
    assert matched(flat, busy, full).std(axis=(0, 1)).max() < 3
    assert matched(flat, busy, np.zeros_like(full)) is flat


def test_matching_is_linear_in_opponent_colours() -> None:
    """Against OpenCV's own conversion to YCrCb: mean and spread of each channel are the target's."""
    random = np.random.default_rng(4)
    over, under = (np.clip(random.normal(m, s, (64, 64, 3)), 0, 255).astype(np.uint8) for m, s in ((90, 12), (140, 18)))
    full = np.full((64, 64), 255, np.uint8)
    found, wanted = (cv2.cvtColor(each, cv2.COLOR_RGB2YCrCb) for each in (matched(over, under, full), under))
    assert np.abs(found.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 1
    assert np.abs(found.std(axis=(0, 1)) - wanted.std(axis=(0, 1))).max() < 1
