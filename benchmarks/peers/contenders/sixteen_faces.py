"""The sixteen faces of the geometry contenders: a picture full of them, their five points, and the mesh of one."""

from __future__ import annotations

import numpy as np

CROPS = 16


def load(path: str) -> dict[str, np.ndarray]:
    """What `benchmarks.geometry` wrote: ``rgb``, ``five_points`` (16, 5, 2), ``landmarks`` (478, 3), ``crop``."""
    with np.load(path) as found:
        return {name: found[name] for name in found.files}
