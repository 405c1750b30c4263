"""What the tests of points, crops, masks and pasting share: two portraits' landmarks, and what other software says."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.unit.vision.faces import analyzed, seen

GOLDEN = Path(__file__).parents[2] / "golden" / "geometry.npz"
WHO = ("astronaut", "hopper")


@functools.cache
def golden() -> dict[str, NDArray[np.generic]]:
    """By ``"insightface|112"`` and so on; see `tests.golden.make_geometry_golden`."""
    with np.load(GOLDEN, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


@functools.cache
def landmarks(*who: str, pose: str = "upright") -> NDArray[np.float32]:
    """(N, 478, 3) float32, of the portraits named, after two looks."""
    return np.concatenate([analyzed(f"{each}/{pose}/1", 2).landmarks for each in who])


def picture(who: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, RGB."""
    return seen()[f"{who}/upright/1"].rgb


def between_eyes(mesh: NDArray[np.float32]) -> float:
    """Distance of the outer corners of the eyes, pixels, of (478, 3)."""
    return float(np.linalg.norm(mesh[33, :2] - mesh[263, :2]))
