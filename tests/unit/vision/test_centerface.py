"""CenterFace on LiteRT says what OpenCV's dnn says of the shipped .onnx, and its numbers are read as the authors do."""

import cv2
import numpy as np
import pytest

from facegate.errors import AnalysisError
from facegate.vision import boxes as bx
from facegate.vision import centerface
from facegate.vision.centerface import CenterFace, decode
from facegate.vision.models import weights
from facegate.vision.onnx import read
from facegate.vision.tflite import turned
from fixtures import calibration, portrait, two_people
from fixtures.collection import scene

SIGMOID = ("537", "538", "539", "540")


@pytest.fixture(scope="module")
def picture():
    return np.asarray(cv2.resize(two_people().rgb, (640, 352), interpolation=cv2.INTER_AREA))


def by_opencv(rgb):
    """Heat, size, offset and points, (h, w, n) each."""
    net = cv2.dnn.readNetFromONNX(np.frombuffer(weights("centerface"), np.uint8))
    net.setInput(cv2.dnn.blobFromImage(rgb))
    return [out[0].transpose(1, 2, 0) for out in net.forward(SIGMOID)]


def raw(network, rgb):
    seen = []
    original, centerface.decode = centerface.decode, lambda *outputs: seen.append(outputs) or decode(*outputs)
    try:
        network(rgb, 0.3)
    finally:
        centerface.decode = original
    return seen[0][:4]


@pytest.mark.parametrize("size", [(352, 640), (128, 96)])
def test_every_number_is_opencvs(picture, size):
    rgb = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    heat, *others = raw(CenterFace(*size), rgb)
    expected_heat, *expected = by_opencv(rgb)
    np.testing.assert_allclose(1 / (1 + np.exp(-heat)), expected_heat, atol=1e-4)
    for mine, theirs in zip(others, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-3)
    assert expected_heat.max() > 0.3, "a picture without a face proves nothing"


def reference(heat, size, offset, points, threshold):
    """One cell after the other, as in the authors' decoder; heat after its sigmoid."""
    found = []
    for row in range(heat.shape[0]):
        for column in range(heat.shape[1]):
            score = heat[row, column, 0]
            if score <= threshold:
                continue
            high, wide = np.exp(size[row, column]) * 4
            top = (row + offset[row, column, 0] + 0.5) * 4 - high / 2
            left = (column + offset[row, column, 1] + 0.5) * 4 - wide / 2
            five = [
                (points[row, column, 2 * i + 1] * wide + left, points[row, column, 2 * i] * high + top)
                for i in range(5)
            ]
            found.append((score, np.array([left, top, left + wide, top + high]), np.array(five)))
    found.sort(key=lambda face: -face[0])
    kept = []
    for face in found:
        if all(overlap(face[1], other[1]) <= 0.3 for other in kept):
            kept.append(face)
    return kept


def overlap(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.maximum(sides, 0))
    return common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common)


def test_boxes_scores_and_points_are_those_of_a_plain_decoder(picture):
    expected = reference(*by_opencv(picture), 0.1)
    faces = CenterFace(352, 640)(picture, 0.1)
    assert len(expected) == len(faces.scores) >= 2
    for (score, box, points), *mine in zip(expected, faces.scores, faces.boxes, faces.points, strict=True):
        assert mine[0] == pytest.approx(score, abs=1e-4)
        np.testing.assert_allclose(mine[1], box, atol=0.02)
        np.testing.assert_allclose(mine[2], points, atol=0.02)


def test_decoding_of_random_numbers_is_the_references():
    rng = np.random.default_rng(0)
    heat = rng.normal(-2, 1.5, (12, 17, 1)).astype(np.float32)
    others = [rng.normal(1, 0.5, (12, 17, n)).astype(np.float32) for n in (2, 2, 10)]
    expected = reference(1 / (1 + np.exp(-heat)), *others, 0.3)
    faces = decode(heat, *others, 0.3)
    assert len(expected) == len(faces.scores) > 5
    np.testing.assert_allclose(faces.boxes, [box for _, box, _ in expected], atol=1e-3)
    np.testing.assert_allclose(faces.points, [points for _, _, points in expected], atol=1e-3)


def test_eyes_nose_and_mouth_are_where_they_are():
    rgb = np.ascontiguousarray(portrait("astronaut")[:512, :512])
    faces = CenterFace(512, 512)(rgb, 0.5)
    assert len(faces.scores) == 1
    np.testing.assert_allclose(faces.points[0, :2], [(204, 102), (248, 106)], atol=8)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_smaller_picture_is_black_beyond_and_leaves_nothing_of_the_one_before(precision):
    part = portrait("astronaut")[40:200, 150:300]
    padded = np.zeros((192, 160, 3), np.uint8)
    padded[:160, :150] = part
    network = CenterFace(192, 160, precision=precision)
    network(portrait("hopper")[100:292, 160:320], 0.3)
    for one, other in zip(raw(network, part), raw(network, padded), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["five", "overlapping", "dark_50", "face_28_turned_15", "turned_45", "close_hopper"])
def test_int8_sees_what_float32_sees(name):
    rgb = np.asarray(scene(name).rgb)
    zoom = min(1.0, 704 / rgb.shape[1], 384 / rgb.shape[0])
    rgb = np.asarray(cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA))
    exact = CenterFace(384, 704)(rgb, 0.15)
    quick = CenterFace(384, 704, precision="int8")(rgb, 0.15)
    sure = exact.scores >= 0.3
    assert sure.any(), "a picture without a face proves nothing"
    overlaps = bx.iou(exact.boxes[sure], quick.boxes)
    assert overlaps.max(axis=1).min() > 0.75
    same = overlaps.argmax(axis=1)
    np.testing.assert_allclose(quick.scores[same], exact.scores[sure], atol=0.15)
    sides = np.max(exact.boxes[sure, 2:] - exact.boxes[sure, :2], axis=1)
    off = np.abs(quick.points[same] - exact.points[sure]).max(axis=(1, 2))
    assert (off < np.maximum(0.08 * sides, 1.5)).all()
    # And nobody else.
    assert bx.iou(quick.boxes[quick.scores >= 0.3], exact.boxes).max(axis=1).min() > 0.5


def test_the_table_of_ranges_has_each_activation_and_is_what_calibration_measures():
    table = centerface.ranges()
    few = calibration.measured(calibration.scenes(count=6))
    assert table.keys() == few.keys()
    for name, (least, most) in few.items():
        wide = table[name][1] - table[name][0]
        assert table[name][0] - 0.35 * wide < least <= most < table[name][1] + 0.35 * wide
        assert most - least > 0.3 * wide


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_nobody_is_nobody(precision):
    faces = CenterFace(64, 64, precision=precision)(np.full((64, 64, 3), 90, np.uint8), 0.3)
    assert faces.boxes.shape == (0, 4)
    assert faces.points.shape == (0, 5, 2)


def test_a_network_with_another_operator_is_refused():
    with pytest.raises(AnalysisError, match="Clip"):
        turned(*read(weights("centerface").replace(b"Relu", b"Clip")), SIGMOID, 64, 64)


def test_weights_of_an_unknown_type_are_refused():
    # TensorProto: dims 1, data_type 11 (double), name "w", inside GraphProto.initializer inside ModelProto.graph.
    tensor = bytes([0x08, 1, 0x10, 11, 0x42, 1, ord("w")])
    graph = bytes([0x2A, len(tensor)]) + tensor
    with pytest.raises(AnalysisError, match="type"):
        read(bytes([0x3A, len(graph)]) + graph)
