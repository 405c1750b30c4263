"""Checks of what callers and children hand in; each failure is one sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facegate.errors import AnalysisError, ProtocolError, ShapeError
from facegate.media import ImageUpload


@dataclass(frozen=True, slots=True)
class Reference:
    """A photo of the person who is to be the subject: ``request.analyze(upload, subject=facegate.Reference(photo))``.

    Attributes:
        upload: a picture that the same request admitted. Its largest face is the person.

    Raises:
        AnalysisError: it is none.
    """

    upload: ImageUpload

    def __post_init__(self) -> None:
        if not isinstance(self.upload, ImageUpload):
            raise AnalysisError("A Reference is made of a picture that the request admitted.")


Subject: TypeAlias = Literal["largest", "none"] | int | tuple[float, float] | Reference | None
Selector: TypeAlias = str | int | list[float] | dict[str, int] | None


def checked_subject(subject: Subject) -> Selector:
    """The selector in the form in which the child takes it.

    Raises:
        AnalysisError: it is no selector.
    """
    if isinstance(subject, Reference):
        return {"reference": subject.upload.upload_id}
    if subject is None or subject == "none":
        return None
    if subject == "largest" or (isinstance(subject, int) and not isinstance(subject, bool)):
        return subject
    if isinstance(subject, (tuple, list)) and len(subject) == 2:
        point = [float(value) for value in subject]
        if all(map(math.isfinite, point)):
            return point
    raise AnalysisError("subject must be 'largest', 'none', an index, a point (x, y) or a Reference.")


def checked_pixels(pixels: object) -> NDArray[np.uint8]:
    """The array, if it is a picture.

    Raises:
        ShapeError: it is not (H, W), (H, W, 3) or (H, W, 4) uint8 with at least one pixel.
    """
    if not isinstance(pixels, np.ndarray):
        raise ShapeError(f"pixels must be a numpy array or a picture of this request, not {type(pixels).__name__}.")
    good = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in {3, 4})
    if not good or pixels.dtype != np.uint8 or pixels.size == 0:
        raise ShapeError(
            f"pixels must be (H, W), (H, W, 3) or (H, W, 4) uint8 and not empty, not {pixels.shape} {pixels.dtype}."
        )
    return pixels


def whole(answer: dict[str, Any], key: str, least: int, most: int) -> int:
    """A whole number that a child sent.

    Raises:
        ProtocolError: it is missing, no whole number or out of range.
    """
    value = answer.get(key)
    if type(value) is not int or not least <= value <= most:
        raise ProtocolError(f"The child sent no usable {key}.")
    return value


def word(answer: dict[str, Any], key: str, known: frozenset[str]) -> str:
    """A word that a child sent, which may be no other than these: a child's own text is never shown to anyone.

    Raises:
        ProtocolError: it is missing or none of them.
    """
    value = answer.get(key)
    if not isinstance(value, str) or value not in known:
        raise ProtocolError(f"The child sent no usable {key}.")
    return value
