"""The small network of `fixtures.networks` and the crop that it takes, calculated a second time and in another way."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from facegate.recognizer import Recognizer
from fixtures import networks

Floats = NDArray[np.float32]

# As insightface's `face_align` has them.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)

# The five points of a face in a picture of 500 x 400 that shows none.
POINTS = np.array([[210, 150], [290, 160], [245, 200], [215, 240], [280, 248]], np.float32)


def entry(folder: Path, data: bytes, **options: Any) -> dict[str, Any]:
    """What a policy would say of this model."""
    path = networks.written(folder, data)
    return Recognizer(path, hashlib.sha256(data).hexdigest(), **options).as_dict()


def to_crop(points: Floats, size: int = 112) -> NDArray[np.float64]:
    """(2, 3), by scikit-image, as insightface has it."""
    target = TEMPLATE * (size / 112) if size % 112 == 0 else (TEMPLATE + np.array([8.0, 0])) * (size / 128)
    return np.asarray(SimilarityTransform.from_estimate(points, target).params[:2])


def weights(length: int = 512, *, side: int = 112, seed: int = 0) -> dict[str, Floats]:
    """What `fixtures.networks.recognizer` draws."""
    random = np.random.default_rng(seed)
    patches = side // 16
    drawn = {}
    for name, shape in (
        ("w1", (8, 3, 4, 4)),
        ("w2", (16, 8, 2, 2)),
        ("matrix", (length, 16 * patches * patches)),
    ):
        noise = random.standard_normal(shape).astype(np.float32)
        noise -= noise.mean(axis=tuple(range(1, len(shape))), keepdims=True)
        drawn[name] = noise / np.float32(np.sqrt(np.prod(shape[1:])))
    return drawn


def forward(planes: Floats, drawn: dict[str, Floats]) -> Floats:
    """(512,) for (3, S, S): kernels are as wide as their strides, so a convolution is a sum over patches."""
    first = np.maximum(_convolved(planes, drawn["w1"]), 0)
    second = _convolved(first, drawn["w2"])
    second = np.where(second < 0, second * np.float32(0.25), second)
    depth, height, width = second.shape
    pooled = second.reshape(depth, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return np.asarray(drawn["matrix"] @ pooled.reshape(-1), np.float32)


def _convolved(planes: Floats, kernels: Floats) -> Floats:
    depth, height, width = planes.shape
    side = kernels.shape[2]
    patches = planes.reshape(depth, height // side, side, width // side, side)
    return np.einsum("cyixj,kcij->kyx", patches, kernels, optimize=True)
