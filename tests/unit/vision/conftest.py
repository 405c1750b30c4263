"""What tests of a user's network share."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

RUNNERS = ("opencv", "onnxruntime")


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    if request.param == "onnxruntime":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        pytest.importorskip("onnxruntime", reason="the package onnxruntime")
    return str(request.param)


@pytest.fixture
def picture() -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    return cv2.resize(noise, (500, 400), interpolation=cv2.INTER_CUBIC)
