"""facegate's crops, masks and pasting, as its child runs them: ``SCRIPT SCENE TASK SIZE``; see `contender`."""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
from contender import serve
from sixteen_faces import CROPS, load

from facegate.vision import align, facemasks
from facegate.vision.paste import paste, reached, square

cv2.setNumThreads(1)
scene, task, size = load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rgb, five, mesh, crop = scene["rgb"], scene["five_points"], scene["landmarks"][None], scene["crop"]
size_hw = rgb.shape[:2]


def arcface(_: bytes) -> int:
    """Sixteen crops in one array."""
    return len(align.crops(rgb, align.fit("arcface", five, size), size))


def matrices(_: bytes) -> int:
    """Sixteen matrices."""
    return len(align.fit("arcface", five, size))


def ffhq(_: bytes) -> int:
    """Sixteen crops in one array, facexlib's fit."""
    return len(align.crops(rgb, align.fit("ffhq", five, size), size, align.BORDERS["ffhq"]))


def oval(_: bytes) -> int:
    """A mask with a soft edge, of the picture's size, then a crop pasted back through it."""
    into = np.zeros(size_hw, np.float32)
    (patch,) = facemasks.masks(mesh, "oval", size_hw, 0.1)
    patch.spread(into)
    matrix = align.fit("ffhq", five[:1], size)[0]
    edge = int(facemasks.soft_edges(mesh, 0.1)[0])
    out = rgb.copy()
    paste(out, crop, matrix, reached(patch, matrix, size, size_hw, edge), match_colour=False)
    return len(out)


def whole(_: bytes) -> int:
    """The whole crop pasted back."""
    matrix = align.fit("ffhq", five[:1], size)[0]
    out = rgb.copy()
    patch = square(matrix, size, size_hw, int(facemasks.soft_edges(mesh, 0.1)[0]))
    paste(out, crop, matrix, patch, match_colour=False)
    return len(out)


def colour(_: bytes) -> int:
    """Mask, colour, paste."""
    (patch,) = facemasks.masks(mesh, "oval", size_hw, 0.1)
    matrix = align.fit("ffhq", five[:1], size)[0]
    edge = int(facemasks.soft_edges(mesh, 0.1)[0])
    out = rgb.copy()
    paste(out, crop, matrix, reached(patch, matrix, size, size_hw, edge), match_colour=True)
    return len(out)


tasks = {"arcface": arcface, "matrices": matrices, "ffhq": ffhq, "oval": oval, "whole": whole, "colour": colour}
serve(tasks[task], expect=CROPS if task in {"arcface", "matrices", "ffhq"} else size_hw[0], clock=time.process_time)
