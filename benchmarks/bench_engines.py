"""The engines beside their ceilings: bare LiteRT for the mesh, Pillow for decoding, a memory copy for redaction."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from facegate.policy import MediaLimits
from facegate.redact.image import redact
from facegate.vision import models
from facegate.vision.decode import decode
from facegate.vision.detect import Detector
from facegate.vision.landmarks import Landmarker
from fixtures.portraits import portrait

cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return np.array(portrait("astronaut"))


@pytest.fixture(scope="module")
def jpeg(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.mark.benchmark(group="decode 512x512 JPEG")
@pytest.mark.parametrize("what", ["facegate", "Pillow", "OpenCV"])
def test_decode(benchmark: BenchmarkFixture, jpeg: bytes, what: str) -> None:
    limits = MediaLimits()
    run = {
        "facegate": lambda: decode(jpeg, limits).rgb,
        "Pillow": lambda: np.array(Image.open(io.BytesIO(jpeg))),
        "OpenCV": lambda: cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB),
    }[what]
    assert benchmark(run).shape == (512, 512, 3)


@pytest.mark.benchmark(group="detect")
@pytest.mark.parametrize(("scan", "side"), [("large", 512), ("everyone", 512), ("everyone", 1024), ("everyone", 3464)])
def test_detect(benchmark: BenchmarkFixture, detector: Detector, rgb: np.ndarray, scan: str, side: int) -> None:
    picture = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    rounds = 5 if side > 2000 else 15
    found = benchmark.pedantic(detector.detect, (picture,), {"scan": scan}, rounds=rounds, warmup_rounds=2)
    assert len(found.boxes) == 1


@pytest.mark.benchmark(group="mesh")
@pytest.mark.parametrize("what", ["bare LiteRT: mesh once, iris twice", "facegate, 1 face", "facegate, 4 faces"])
def test_mesh(benchmark: BenchmarkFixture, detector: Detector, rgb: np.ndarray, what: str) -> None:
    if what.startswith("bare"):
        mesh, iris = (_interpreter(name) for name in ("face_landmark", "iris_landmark"))

        def run() -> int:
            mesh.invoke()
            iris.invoke()
            iris.invoke()
            return 478
    else:
        faces = detector.detect(rgb, scan="large")
        count = int(what.split()[1])
        boxes, points = np.repeat(faces.boxes[:1], count, 0), np.repeat(faces.keypoints[:1], count, 0)
        landmarker = Landmarker()

        def run() -> int:
            return landmarker.analyze(rgb, boxes, points).landmarks.shape[1]

    assert benchmark(run) == 478


def _interpreter(name: str) -> Interpreter:
    interpreter = Interpreter(model_content=models.weights(name), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


@pytest.mark.benchmark(group="redact a 320 px face in 1920x1080")
@pytest.mark.parametrize("what", ["solid", "pixelate", "blur", "memory copy of the region"])
def test_redact(benchmark: BenchmarkFixture, what: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    boxes = np.array([[600, 300, 920, 620]], np.float32)
    if what.startswith("memory"):
        source = picture[300:620, 600:920].copy()
        benchmark(lambda: np.copyto(picture[300:620, 600:920], source))
    else:
        benchmark(lambda: redact(picture, None, boxes, style=what, shape="ellipse"))  # type: ignore[arg-type]
