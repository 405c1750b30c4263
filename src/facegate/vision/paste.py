"""A generated crop put back where it was cut out: warped, matched in colour if asked, and blended by a soft mask.

All of it happens in the smallest upright box around the mask. Child side only.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.vision.align import inverses
from facegate.vision.facemasks import Patch, soften

Pixels = NDArray[np.uint8]

# A crop that is finer than this many of its pixels for one of the picture's, on a side, is first made as coarse by
# averaging: sampled as it is it would alias. Coarser, and it would lose sharpness twice.
_FINEST = 2
# BT.601, full range: luma, and what blue and red differ from it; of bytes, hence the middles.
_OPPONENT = np.array(
    [[0.299, 0.587, 0.114, 0], [-0.168736, -0.331264, 0.5, 128], [0.5, -0.418688, -0.081312, 128]], np.float64
)
# Contrast may be matched by no more than this factor: a flat crop has none, and its noise would be taken for it.
_MOST_CONTRAST = 2.0


def square(matrix: NDArray[np.float64], size: int, size_hw: tuple[int, int], width: int) -> Patch:
    """The whole crop as a mask of the picture, its edge soft to the inside, where there is something to blend.

    Args:
        matrix: (2, 3), from the picture to the crop.
        size: edge of the crop, pixels.
        size_hw: height and width of the picture.
        width: of the soft edge, pixels of the picture.
    """
    left, top, right, bottom = _around(matrix, size, size_hw)
    if left >= right or top >= bottom:
        return Patch(0, 0, np.empty((0, 0), np.uint8))
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    # Softening reaches as far outwards as inwards, so the edge is half a width further in. Outside of the crop there is
    # nothing, hence the pixel.
    inset = int(np.ceil(width * zoom / 2)) + 1
    inside = np.zeros((size, size), np.uint8)
    inside[inset : size - inset, inset : size - inset] = 255
    inside = soften(inside, int(width * zoom))
    return Patch(top, left, _warped(inside, matrix, (left, top, right, bottom), beyond=cv2.BORDER_CONSTANT))


def reached(patch: Patch, matrix: NDArray[np.float64], size: int, size_hw: tuple[int, int], width: int) -> Patch:
    """A mask without what the crop does not have, with a soft edge there.

    Args:
        patch: the mask.
        matrix: (2, 3), from the picture to the crop.
        size: edge of the crop, pixels.
        size_hw: height and width of the picture.
        width: of the soft edge, pixels of the picture.
    """
    y1, x1 = patch.top + patch.values.shape[0] - 1, patch.left + patch.values.shape[1] - 1
    x0, y0 = patch.left, patch.top
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]]) @ matrix.T
    if corners.min() >= 1 and corners.max() <= size - 2:
        return patch
    whole = square(matrix, size, size_hw, width)
    into = np.zeros_like(patch.values)
    top, left = max(whole.top, y0), max(whole.left, x0)
    bottom = min(whole.top + whole.values.shape[0], y1 + 1)
    right = min(whole.left + whole.values.shape[1], x1 + 1)
    if top < bottom and left < right:
        part = whole.values[top - whole.top : bottom - whole.top, left - whole.left : right - whole.left]
        of_mask = patch.values[top - y0 : bottom - y0, left - x0 : right - x0]
        into[top - y0 : bottom - y0, left - x0 : right - x0] = cv2.multiply(of_mask, part, scale=1 / 255)
    return Patch(patch.top, patch.left, into)


def paste(rgb: Pixels, crop: Pixels, matrix: NDArray[np.float64], patch: Patch, *, match_colour: bool) -> None:
    """Blend a crop into a picture, in place.

    Args:
        rgb: (H, W, 3) uint8, RGB, writable.
        crop: (S, S, 3) uint8, RGB.
        matrix: (2, 3) float64, from the picture to the crop.
        patch: the mask, from `square` or `reached`: nothing that the crop does not have.
        match_colour: give the crop the mean and the spread that the picture has under the mask.
    """
    height, width = patch.values.shape
    if not patch.values.any():
        return
    box = (patch.left, patch.top, patch.left + width, patch.top + height)
    under = rgb[patch.top : box[3], patch.left : box[2]]
    over = _warped(crop, matrix, box)
    if match_colour:
        over = matched(over, under, patch.values)
    _blend(under, over, patch.values)


def matched(over: Pixels, under: Pixels, mask: Pixels) -> Pixels:
    """The first picture with the second's mean and spread of colour under a mask.

    Reinhard et al. (2001) did so in a space of opponent colours. In that of JPEG, BT.601's luma and two differences, it
    is one linear map of RGB.

    Args:
        over: (h, w, 3) uint8, RGB.
        under: (h, w, 3) uint8, RGB.
        mask: (h, w) uint8; what is below 128 does not count.

    Returns:
        (h, w, 3) uint8, RGB.
    """
    counted = np.asarray(mask > 127, np.uint8)
    if not counted.any():
        return over
    moments = (cv2.meanStdDev(cv2.transform(each, _OPPONENT), mask=counted) for each in (over, under))
    (mean, spread), (wanted, wanted_spread) = moments
    gain = np.clip(wanted_spread / np.maximum(spread, 1e-3), 1 / _MOST_CONTRAST, _MOST_CONTRAST)
    back = np.linalg.inv(_OPPONENT[:, :3])
    linear = back @ (gain * _OPPONENT[:, :3])
    # The middles of the differences, 128, cancel out: both means have them.
    offset = back @ (wanted - _OPPONENT[:, 3:] - gain * (mean - _OPPONENT[:, 3:]))
    return np.asarray(cv2.transform(over, np.hstack([linear, offset])), np.uint8)


def _around(matrix: NDArray[np.float64], size: int, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """The upright box, xyxy, of the crop in the picture, clipped."""
    edge = size - 0.5
    corners = (
        np.array([[-0.5, -0.5, 1], [edge, -0.5, 1], [edge, edge, 1], [-0.5, edge, 1]]) @ inverses(matrix[None])[0].T
    )
    left, top = (int(value) for value in np.maximum(np.floor(corners.min(axis=0)), 0))
    right, bottom = (int(value) for value in np.minimum(np.ceil(corners.max(axis=0)) + 1, size_hw[::-1]))
    return left, top, right, bottom


def _warped(
    crop: Pixels, matrix: NDArray[np.float64], box: tuple[int, int, int, int], *, beyond: int = cv2.BORDER_REPLICATE
) -> Pixels:
    """What of a crop lies in a box, xyxy, of the picture; beyond it its outermost pixels go on, or as told."""
    left, top, right, bottom = box
    # From pixels of the box to those of the crop.
    back = matrix.copy()
    back[:, 2] = matrix[:, :2] @ [left, top] + matrix[:, 2]
    fine = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if fine > _FINEST:
        smaller = max(1, round(len(crop) * _FINEST / fine))
        by = smaller / len(crop)
        crop = np.asarray(cv2.resize(crop, (smaller, smaller), interpolation=cv2.INTER_AREA), np.uint8)
        # Pixels' centres are at whole numbers: a pixel that is the mean of several lies in their middle.
        back = back * by
        back[:, 2] += by / 2 - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(crop, back, (right - left, bottom - top), flags=flags, borderMode=beyond), np.uint8
    )


def _blend(under: Pixels, over: Pixels, mask: Pixels) -> None:
    """Into `under`, in place: a pixel whose mask is 0 keeps its value, one whose mask is 255 takes the other's."""
    share = cv2.merge((mask, mask, mask)).astype(np.uint16)
    mixed = over * share + under * (255 - share)
    # Rounded, exactly, without a division: for 0 to 255 * 255 this is (mixed + 127) // 255.
    mixed += 128
    under[...] = (mixed + (mixed >> 8)) >> 8
