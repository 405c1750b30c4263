"""What a detector of yours is to facegate: the protocol of the entry-point group ``facegate.detectors``.

A package offers one under a name, and a policy asks for it by that name, ``Policy(detector="name")``. The entry point
is a callable without arguments that makes the detector; it runs in the zygote, once, before anybody's data is near::

    [project.entry-points."facegate.detectors"]
    name = "my_package.detector:make"

Imported on both sides, so nothing heavy may be imported here; `docs/engines.md` has a whole example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

GROUP: Final = "facegate.detectors"


class Found(NamedTuple):
    """The faces of one picture, in any order. A plain tuple of the three does as well.

    Attributes:
        boxes: (N, 4) of numbers, xyxy, pixels of the picture, each larger than nothing; about forehead to chin.
        confidence: (N,) of numbers, 0 to 1.
        keypoints: (N, 6, 2) of numbers, x, y, pixels: the person's right eye, left eye, nose tip, mouth centre, right
            ear, left ear; None if the detector knows none.
    """

    boxes: NDArray[Any]
    confidence: NDArray[Any]
    keypoints: NDArray[Any] | None = None


class Detector(Protocol):
    """Finds the faces of pictures, in the child, which has no network and can write no file.

    It is made in the zygote and forked with it: all that it needs is to be loaded when it is made, and neither making
    it nor `detect`, which the zygote tries on a picture of nobody, may leave a thread behind.

    Does not protect against: a detector that sees fewer faces than there are. Whom it misses, no redaction covers.
    """

    def detect(self, rgb: NDArray[np.uint8], /) -> Found | tuple[Any, Any, Any]:
        """Find everyone in one picture.

        Args:
            rgb: (H, W, 3) uint8, RGB, upright, read-only; not to be kept.

        Returns:
            What was found. It is checked as anything hostile is: shapes, types, finite numbers, how many.
        """

    def models(self) -> Mapping[str, str]:
        """SHA-256 of each network that it uses, lower-case hex, by name, for the receipts; may be empty."""
