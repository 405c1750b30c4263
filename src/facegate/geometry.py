"""What is made of the subject's geometry as pictures: crops and masks to look at, and crops that are pasted back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facegate.errors import AnalysisError, RequestClosedError, ShapeError
from facegate.memory.regions import new_region
from facegate.memory.sealed import Sealed
from facegate.sizes import CROP_HEADER

if TYPE_CHECKING:
    from facegate.custody import Custody
    from facegate.faces import Face
    from facegate.memory.regions import AnyWindow

CropKind: TypeAlias = Literal["arcface", "ffhq", "similarity"]
MaskKind: TypeAlias = Literal["oval", "skin", "eyes", "lips", "hairless"]

CROPS = ("arcface", "ffhq", "similarity")
MASKS = ("oval", "skin", "eyes", "lips", "hairless")
# Of a crop's edge, pixels. No generator takes more, and the room for a crop is made before the child is asked.
_MOST = 4096
_USUAL = {"arcface": 112, "ffhq": 512}


class Crop(Sealed):
    """An aligned crop while its block lasts; afterwards its arrays read zeros.

    Attributes:
        pixels: (size, size, 3) uint8, RGB, read-only.
        matrix: (2, 3) float32, read-only, from the upload to the crop: ``matrix @ [x, y, 1]``; the centre of the top
            left pixel is (0, 0) in both, as in OpenCV.
        inverse: (2, 3) float32, read-only, from the crop to the upload.
        size: edge of the crop, pixels.
    """

    __slots__ = ("inverse", "matrix", "pixels", "size")

    def __init__(self, window: AnyWindow, size: int) -> None:
        self.size = size
        matrices = window.array(np.float32, (2, 2, 3))
        self.matrix, self.inverse = matrices
        shown = window.array(np.uint8, (CROP_HEADER + size * size * 3,))
        self.pixels: NDArray[np.uint8] = shown[CROP_HEADER:].reshape(size, size, 3)  # type: ignore[assignment]


def crop_wish(kind: str, size: int | None, template: ArrayLike | None) -> dict[str, Any]:
    """What the child is to cut out.

    Raises:
        AnalysisError: there is no such kind, or not in that size.
        ShapeError: the template is none.
    """
    if kind not in CROPS:
        raise AnalysisError(f"kind must be one of {', '.join(CROPS)}.")
    size = _USUAL.get(kind) if size is None else size
    if type(size) is not int or not 1 <= size <= _MOST:
        raise AnalysisError(f"size must be a whole number of pixels from 1 to {_MOST}.")
    if kind == "arcface" and size % 112 and size % 128:
        raise AnalysisError("The size of an arcface crop must be a multiple of 112 or of 128.")
    if kind == "ffhq" and size not in {512, 1024}:
        raise AnalysisError("The size of an ffhq crop must be 512 or 1024.")
    if (template is None) == (kind == "similarity"):
        raise AnalysisError("A template is needed for a similarity crop, and for no other kind.")
    return {"kind": kind, "size": size, "template": None if template is None else _template(template)}


def mask_wish(kind: str, feather: float, *more: str) -> dict[str, Any]:
    """What the child is to draw.

    Args:
        kind: of the mask.
        feather: as in `Face.mask`.
        more: kinds beside `MASKS`.

    Raises:
        AnalysisError: there is no such kind, or feather is no share.
    """
    if kind not in (*MASKS, *more):
        raise AnalysisError(f"mask must be one of {', '.join((*MASKS, *more))}.")
    if isinstance(feather, bool) or not isinstance(feather, (int, float)) or not 0 <= feather <= 1:
        raise AnalysisError("feather must be a number from 0 to 1, a share of the face's size.")
    return {"mask": kind, "feather": float(feather)}


@contextmanager
def crop(custody: Custody, face: Face, wish: dict[str, Any]) -> Iterator[Crop]:
    """What `Face.crop` does."""
    size = wish["size"]
    command = {"do": "face.crop"} | wish
    with _shown(custody, face, command, CROP_HEADER + size * size * 3) as window:
        yield Crop(window, size)


@contextmanager
def mask(custody: Custody, face: Face, wish: dict[str, Any]) -> Iterator[NDArray[np.float32]]:
    """What `Face.mask` does."""
    width, height = face.faces.size_wh
    command = {"do": "face.mask", "shape": [height, width]} | wish
    with _shown(custody, face, command, width * height * 4) as window:
        yield window.array(np.float32, (height, width))  # type: ignore[misc]


def paste(custody: Custody, face: Face, pixels: NDArray[np.uint8], command: dict[str, Any]) -> None:
    """What `Request.paste` does.

    Args:
        custody: of the request.
        face: the subject.
        pixels: the crop, as `checked_crop` let it through.
        command: all but its name.
    """
    with custody.working():
        _check_latest(custody, face)
        region = custody.hold(new_region("pixels", pixels.nbytes))
        try:
            region.lock_used(pixels.nbytes)
            with region.buffer() as buffer:
                np.frombuffer(buffer, np.uint8, count=pixels.size).reshape(pixels.shape)[...] = pixels
            region.seal()
            custody.call({"do": "face.paste"} | command, [region])
        finally:
            custody.release(region)


def checked_crop(pixels: object, size: int | None) -> NDArray[np.uint8]:
    """The array, if it is a crop of that size.

    Raises:
        ShapeError: it is not (size, size, 3) uint8.
    """
    good = isinstance(pixels, np.ndarray) and pixels.ndim == 3 and pixels.dtype == np.uint8
    if not good or pixels.shape != (pixels.shape[0],) * 2 + (3,) or size not in {None, pixels.shape[0]}:  # type: ignore[attr-defined]
        edge = "size" if size is None else str(size)
        got = f"{pixels.shape} {pixels.dtype}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ShapeError(f"pixels must be the crop as ({edge}, {edge}, 3) uint8, RGB, not {got}.")
    return pixels  # type: ignore[return-value]


@contextmanager
def _shown(custody: Custody, face: Face, command: dict[str, Any], size: int) -> Iterator[AnyWindow]:
    """A window on a new region of that many bytes, once the child has carried out the command on it."""
    with custody.working():
        _check_latest(custody, face)
        region = custody.hold(new_region("product", size))
        try:
            custody.call(command | {"upload": face.faces.upload_id}, targets=[region])
            region.lock_used(region.size)
            window = custody.open_region(region)
        except BaseException:
            custody.release(region)
            raise
    try:
        yield window
    finally:
        custody.close_window(window)
        custody.release(region)


def _check_latest(custody: Custody, face: Face) -> None:
    # The child has the geometry of one analysis, the latest.
    if not custody.is_latest(face.faces.analysis):
        raise RequestClosedError("A later analysis took the place of this one.", request_id=custody.request_id)


def _template(template: ArrayLike) -> list[list[float]]:
    points = np.asarray(template)
    if points.shape != (5, 2) or points.dtype.kind not in "fiu":
        raise ShapeError(f"The template must be (5, 2) numbers, pixels of the crop, not {points.shape} {points.dtype}.")
    rows = [[float(value) for value in row] for row in points]
    if not all(math.isfinite(value) for row in rows for value in row) or len({tuple(row) for row in rows}) < 2:
        raise ShapeError("The template must be five finite points, not all in one place.")
    return rows
