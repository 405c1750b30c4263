"""A portrait of nobody, drawn: the audit needs a face that is found on every host, and no file of anybody's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 256

# Ellipses, back to front: centre x, y, radius x, y as shares of the side; RGB. Mirrored are those of eyes and nostrils.
_WHOLE = (
    (0.5, 1.15, 0.45, 0.32, (60, 70, 110)),
    (0.5, 0.42, 0.27, 0.34, (60, 40, 30)),
    (0.5, 0.80, 0.10, 0.16, (200, 150, 125)),
    (0.5, 0.50, 0.215, 0.295, (222, 175, 150)),
)
_MIRRORED = (
    (0.09, 0.40, 0.055, 0.012, (70, 45, 35)),
    (0.09, 0.455, 0.045, 0.022, (245, 240, 235)),
    (0.09, 0.455, 0.02, 0.021, (60, 40, 30)),
    (0.09, 0.455, 0.009, 0.010, (10, 10, 10)),
    (0.09, 0.435, 0.048, 0.008, (120, 80, 65)),
    (0.025, 0.585, 0.012, 0.008, (120, 75, 65)),
)
_MIDDLE = (
    (0.5, 0.53, 0.018, 0.06, (235, 190, 165)),
    (0.5, 0.67, 0.075, 0.022, (175, 80, 80)),
    (0.5, 0.667, 0.07, 0.004, (110, 45, 45)),
)


def draw(seed: int) -> NDArray[np.uint8]:
    """The portrait, (256, 256, 3) uint8, RGB; place and noise are the seed's, so that no two have a row in common.

    BlazeFace is over 0.9 sure of it.
    """
    dice = np.random.default_rng(seed)
    across, down = dice.uniform(-0.03, 0.03, 2)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    picture = np.full((SIDE, SIDE, 3), (150, 170, 190), np.float32)

    def over(cx: float, cy: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        distance = np.hypot((x - cx - across) / rx, (y - cy - down) / ry)
        share = np.clip((1 - distance) * min(rx, ry) * 150 + 0.5, 0, 1)[..., None]
        picture[...] = picture * (1 - share) + share * np.array(colour, np.float32)

    for each in _WHOLE:
        over(*each)
    for cx, *rest in _MIRRORED:
        for side in (-1, 1):
            over(0.5 + side * cx, *rest)  # type: ignore[arg-type]
    for each in _MIDDLE:
        over(*each)
    picture += dice.normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)
