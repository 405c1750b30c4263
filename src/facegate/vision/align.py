"""Aligned crops: a face moved, turned and scaled until its five points lie where a network expects them.

Coordinates are OpenCV's: the centre of the top left pixel is (0, 0). Child side only, as all of this package; N faces
at a time.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision.roi import Floats

Doubles = NDArray[np.float64]

# The person's right eye, left eye, tip of the nose, right and left corner of the mouth, x and y in pixels.
# insightface, python-package/insightface/utils/face_align.py, arcface_dst (MIT): of a crop of 112 by 112.
_ARCFACE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
# facexlib, facexlib/utils/face_restoration_helper.py, face_template (Apache-2.0): the means over FFHQ, of 512 by 512.
_FFHQ = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ]
)
# What those crops show beyond the edge of the picture: insightface black, facexlib (135, 133, 132) in its BGR.
_BLACK, _GREY = (0, 0, 0), (132, 133, 135)
BORDERS = {"arcface": _BLACK, "ffhq": _GREY, "similarity": _BLACK}


def arcface_template(size: int) -> Doubles:
    """Where insightface's `estimate_norm` wants the five points.

    Two conventions go by that name. A multiple of 112 is the template, scaled. A multiple of 128, if it is none of 112,
    is the template of 112 moved 8 pixels to the right in 128, scaled: wider than high by the same margins.

    Args:
        size: edge of the crop, pixels, a multiple of 112 or 128.

    Returns:
        (5, 2), pixels of the crop.
    """
    if size % 112 == 0:
        return _ARCFACE * (size / 112)
    return np.asarray((_ARCFACE + np.array([8, 0])) * (size / 128))


def ffhq_template(size: int) -> Doubles:
    """Where facexlib wants the five points in a crop of that size: (5, 2), pixels."""
    return _FFHQ * (size / 512)


def similarities(points: Floats | Doubles, template: Floats | Doubles) -> Doubles:
    """The similarities that take points closest to a template, in the least squares sense (Umeyama, 1991).

    In the plane that has a closed form, without a decomposition: with points as complex numbers about their means, the
    turn and scale are one number, the sum of conj(p) * t over the sum of |p|^2. It is never a reflection.

    Args:
        points: (N, K, 2), pixels of the picture.
        template: (K, 2) or (N, K, 2), pixels of the crop.

    Returns:
        (N, 2, 3) float64, from the picture to the crop: ``matrix @ [x, y, 1]``. Of points that are all in one place,
        the one that takes that place to the template's middle, not scaled.
    """
    if points.ndim != 3 or points.shape[2] != 2 or template.shape not in {points.shape[1:], points.shape}:
        raise ShapeError(f"points must be (N, K, 2) and the template (K, 2), got {points.shape} and {template.shape}.")
    # Contiguous, so that x and y are the two halves of a complex number.
    seen, wanted = (np.ascontiguousarray(each, np.float64) for each in (points, template))
    middle, target = seen.mean(axis=1), wanted.mean(axis=-2)
    p = (seen - middle[:, None]).view(np.complex128)[..., 0]
    t = (wanted - target[..., None, :]).view(np.complex128)[..., 0]
    spread = (p.real**2 + p.imag**2).sum(axis=1)
    turn = np.where(spread > 0, (p.conj() * t).sum(axis=1) / np.where(spread > 0, spread, 1), 1)
    made = np.empty((len(points), 2, 3))
    made[:, 0, 0] = made[:, 1, 1] = turn.real
    made[:, 1, 0], made[:, 0, 1] = turn.imag, -turn.imag
    made[:, :, 2] = target - (made[:, :, :2] @ middle[:, :, None])[..., 0]
    return made


def robust_similarities(points: Floats, template: Floats | Doubles) -> Doubles:
    """The fit of facexlib: the similarity of least median error, which may leave a point out; one face after the other.

    Args:
        points: (N, K, 2), pixels of the picture.
        template: (K, 2), pixels of the crop.

    Returns:
        (N, 2, 3) float64; where there is no such fit, that of `similarities`.
    """
    made = similarities(points, template)
    for number, each in enumerate(points):
        found, _ = cv2.estimateAffinePartial2D(each, template.astype(np.float32), method=cv2.LMEDS)
        if found is not None:
            made[number] = found
    return made


def fit(kind: str, points: Floats, size: int, template: Floats | Doubles | None = None) -> Doubles:
    """The matrices of one kind of crop.

    Args:
        kind: a key of `BORDERS`.
        points: (N, 5, 2), pixels of the picture.
        size: edge of the crops, pixels.
        template: (5, 2), pixels of the crop; of ``"similarity"`` only.

    Returns:
        (N, 2, 3) float64, from the picture to the crops.
    """
    if kind == "ffhq":
        return robust_similarities(points, ffhq_template(size))
    return similarities(points, arcface_template(size) if template is None else template)


def inverses(matrices: Doubles) -> Doubles:
    """The similarities (N, 2, 3) the other way round: from the crops to the picture."""
    linear = np.linalg.inv(matrices[:, :, :2])
    return np.concatenate([linear, -linear @ matrices[:, :, 2:]], axis=2)


def crops(
    rgb: NDArray[np.uint8], matrices: Doubles, size: int, border: tuple[int, int, int] = _BLACK
) -> NDArray[np.uint8]:
    """Cut the crops out, bilinear, as the reference software does: a face that is much larger is not smoothed first.

    Args:
        rgb: (H, W, 3) uint8, RGB.
        matrices: (N, 2, 3) float64, from the picture to the crops.
        size: edge of the crops, pixels.
        border: RGB of what lies beyond the picture.

    Returns:
        (N, size, size, 3) uint8, RGB.
    """
    made = np.empty((len(matrices), size, size, 3), np.uint8)
    boxes = _boxes(matrices, size, rgb.shape)
    four = np.empty((size, size, 4), np.uint8)
    for matrix, (left, top, right, bottom), into in zip(matrices, boxes.tolist(), made, strict=True):
        # Of what the crop is made of, with a fourth channel: OpenCV warps four in two thirds to half of the time that
        # it takes for three, conversions included.
        part = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2RGBA)
        here = matrix.copy()
        here[:, 2] += matrix[:, :2] @ (left, top)
        cv2.warpAffine(part, here, (size, size), four, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT, border)
        cv2.cvtColor(four, cv2.COLOR_RGBA2RGB, into)
    return made


def _boxes(matrices: Doubles, size: int, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Boxes (N, 4), xyxy, of the picture that hold all that bilinear crops read; never empty."""
    edges = np.array([(-1, -1, 1), (size, -1, 1), (size, size, 1), (-1, size, 1)], np.float64)
    corners = edges @ inverses(matrices).transpose(0, 2, 1)
    far = np.array([shape[1], shape[0]])
    low = np.clip(np.floor(corners.min(axis=1)) - 1, 0, far - 1)
    high = np.clip(np.ceil(corners.max(axis=1)) + 2, low + 1, far)
    return np.concatenate([low, high], axis=1).astype(np.intp)
