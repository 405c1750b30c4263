"""The one picture type of the child side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Frame:
    """A decoded picture, upright (EXIF orientation already applied). Lives in the child alone.

    Attributes:
        rgb: (H, W, 3) uint8, RGB, C-contiguous, writable.
        alpha: (H, W) uint8, or None when the upload is opaque.
        icc_profile: colour profile of the upload that matches `rgb`, or None.
        format: Pillow's name of the upload's type, e.g. ``"JPEG"``.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    icc_profile: bytes | None
    format: str
