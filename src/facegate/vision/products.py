"""Pictures made of one face's geometry: crops, masks, what was pasted. Child side only, and of the subject only.

What they are made from is in the arena: the geometry of the latest analysis. The worker has checked that the face it
names is that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facegate.memory.arena import slot
from facegate.sizes import CROP_HEADER
from facegate.vision import align, facemasks
from facegate.vision.frame import Frame
from facegate.vision.paste import paste, reached, square


def crop(command: dict[str, Any], regions: Sequence[memoryview], frame: Frame, arena: memoryview) -> dict[str, Any]:
    """Write the two matrices and the crop.

    Args:
        command: ``kind``, ``size`` and ``template``, the latter a list of five points, or None.
        regions: one to write to: (2, 3) float32 from the picture to the crop, its inverse, and at `CROP_HEADER` the
            pixels, (size, size, 3) uint8, RGB.
        frame: the picture.
        arena: of the request.
    """
    size = command["size"]
    matrices = _matrices(command, arena)
    header = np.frombuffer(regions[0], np.float32, count=12)
    header[:6], header[6:] = matrices[0].ravel(), align.inverses(matrices)[0].ravel()
    pixels = np.frombuffer(regions[0], np.uint8, count=size * size * 3, offset=CROP_HEADER)
    pixels[:] = align.crops(frame.rgb, matrices, size, align.BORDERS[command["kind"]]).ravel()
    return {}


def mask(command: dict[str, Any], regions: Sequence[memoryview], arena: memoryview) -> dict[str, Any]:
    """Write a mask.

    Args:
        command: ``mask``, ``feather``, and ``shape``: height and width.
        regions: one to write to, all zeros: (H, W) float32, 0 to 1.
        arena: of the request.
    """
    height, width = command["shape"]
    (patch,) = facemasks.masks(slot(arena, "landmarks")[None], command["mask"], (height, width), command["feather"])
    patch.spread(np.frombuffer(regions[0], np.float32, count=height * width).reshape(height, width))
    return {}


def pasted(command: dict[str, Any], regions: Sequence[memoryview], onto: Frame, arena: memoryview) -> Frame:
    """A copy of a picture with a crop put back.

    Args:
        command: of the crop ``kind``, ``size`` and ``template``; ``mask``, ``feather`` and ``match_colour``.
        regions: one to read: the crop, (size, size, 3) uint8, RGB.
        onto: the picture.
        arena: of the request.
    """
    size = command["size"]
    pixels = np.frombuffer(regions[0], np.uint8, count=size * size * 3).reshape(size, size, 3)
    landmarks = slot(arena, "landmarks")[None]
    matrix = _matrices(command, arena)[0]
    rgb = onto.rgb.copy()
    size_hw = (rgb.shape[0], rgb.shape[1])
    edge = int(facemasks.soft_edges(landmarks, command["feather"])[0])
    if command["mask"] == "crop":
        patch = square(matrix, size, size_hw, edge)
    else:
        (drawn,) = facemasks.masks(landmarks, command["mask"], size_hw, command["feather"])
        patch = reached(drawn, matrix, size, size_hw, edge)
    paste(rgb, pixels, matrix, patch, match_colour=command["match_colour"])
    return Frame(rgb, onto.alpha, onto.icc_profile, onto.format)


def _matrices(command: dict[str, Any], arena: memoryview) -> align.Doubles:
    template = None if command["template"] is None else np.array(command["template"], np.float64)
    return align.fit(command["kind"], slot(arena, "five_points")[None], command["size"], template)
