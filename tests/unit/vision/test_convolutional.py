"""The convolutional BlazeFace says what the shipped one says, at any size."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from facegate.errors import AnalysisError
from facegate.vision.convolutional import Network, convolutional, normalized
from facegate.vision.models import weights
from fixtures import portrait


@pytest.fixture(scope="module")
def original():
    return weights("face_detection_short_range")


@pytest.fixture(scope="module")
def model(original):
    return convolutional(original)


def run_original(original, pixels):
    interpreter = Interpreter(model_content=original, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    return {item["name"]: interpreter.get_tensor(item["index"]) for item in interpreter.get_output_details()}


def inputs():
    yield normalized(np.ascontiguousarray(portrait("astronaut")[20:148, 160:288]))[None]
    yield np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)


@pytest.mark.parametrize("pixels", list(inputs()), ids=["face", "noise"])
def test_at_128_px_every_number_equals_the_originals(original, model, pixels):
    expected = run_original(original, pixels)
    heads = Network(model, 128, 128)(pixels)
    logits = np.concatenate([heads[stride][0].reshape(1, -1, 1) for stride in (8, 16)], axis=1)
    raw = np.concatenate([heads[stride][1].reshape(1, -1, 16) for stride in (8, 16)], axis=1)
    np.testing.assert_array_equal(logits, expected["classificators"])
    np.testing.assert_array_equal(raw, expected["regressors"])


def test_a_larger_picture_is_the_same_convolutions_over_more_cells(model):
    """Far from the border (zero padding), a cell sees the same 128 px wherever they are in the input."""
    face = normalized(portrait("astronaut"))
    small, large = Network(model, 448, 448), Network(model, 224, 320)
    there = small(face[None, :448, :448])[16][0]
    here = large(face[None, 32 : 32 + 224, 96 : 96 + 320])[16][0]
    # Cells 2..: the shift is 32 px down and 96 px right, 2 and 6 cells of stride 16.
    inner = here[0, 5:9, 5:15]
    np.testing.assert_allclose(inner, there[0, 7:11, 11:21], rtol=0.05, atol=0.5)
    assert np.abs(inner - there[0, 5:9, 5:15]).max() > 3, "the comparison must notice a wrong shift"


def test_a_batch_is_its_pictures_one_by_one(model):
    pixels = np.random.default_rng(1).uniform(-1, 1, (3, 128, 160, 3)).astype(np.float32)
    one, three = Network(model, 128, 160), Network(model, 128, 160, batch=3)
    together = three(pixels)
    for index in range(3):
        alone = one(pixels[index : index + 1])
        for stride, anchors in ((8, 2), (16, 6)):
            assert together[stride][0].shape == (3, 128 // stride, 160 // stride, anchors)
            np.testing.assert_allclose(together[stride][0][index], alone[stride][0][0], atol=1e-4)
            np.testing.assert_allclose(together[stride][1][index], alone[stride][1][0], atol=1e-3)


def test_a_look_is_the_same_as_a_normalized_array(model):
    """Also after a larger picture, whose remains must be gone."""
    rgb = portrait("astronaut")[40:150, 150:270]
    padded = np.zeros((128, 128, 3), np.uint8)
    padded[:110, :120] = rgb
    network = Network(model, 128, 128)
    network.look(portrait("hopper")[:128, :128])
    for one, other in zip(network.look(rgb).values(), network(normalized(padded)[None]).values(), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_another_model_is_refused():
    with pytest.raises(AnalysisError, match="four heads"):
        convolutional(weights("face_landmark"))


def test_pixels_span_minus_one_to_one():
    assert normalized(np.array([0, 255], np.uint8)).tolist() == [-1.0, 1.0]
