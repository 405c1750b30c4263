"""A bundle of which mediapipe would make garbage is refused before mediapipe, or anything else, sees it."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import facegate
from facegate.errors import PolicyError
from facegate.vision.engines.bundle import KNOWN, read_bundle
from facegate.vision.models import weights
from fixtures.bundles import BLENDSHAPES, DETECTOR, MESH, bundle, mesh_478, near_bundle, shapes_52, trap_bundle


@pytest.fixture
def save(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write a bundle and say where."""

    def write(data: bytes) -> Path:
        path = tmp_path / "face_landmarker.task"
        path.write_bytes(data)
        return path

    return write


def test_the_trap_is_refused(save: Callable[[bytes], Path]) -> None:
    """Face Mesh's 468 points: mediapipe reads 478 without depth from them, and says nothing."""
    with pytest.raises(PolicyError, match="first output is 468 x 3 and not the 478 x 3"):
        read_bundle(save(trap_bundle()))


def test_no_gate_opens_with_the_trap(save: Callable[[bytes], Path]) -> None:
    """The zygote refuses it with the same sentence, whether mediapipe is installed or not: nothing ran."""
    path = save(trap_bundle())
    with pytest.raises(PolicyError, match="first output is 468 x 3") as caught:
        facegate.Gate(facegate.Policy(engine="mediapipe", landmarker=path, spares=0))
    assert str(caught.value).count(".") - str(caught.value).count(".tflite") - str(caught.value).count(".landm") == 1


def test_a_bundle_with_478_points_passes(save: Callable[[bytes], Path]) -> None:
    read = read_bundle(save(near_bundle()))
    assert read.has_blendshapes
    assert read.name == "face_landmarker.task (of no known release)"
    assert not read_bundle(save(near_bundle(blendshapes=False))).has_blendshapes


def test_the_networks_of_the_test_put_out_what_they_say() -> None:
    """LiteRT's word: 478 points of which the first 468 are Face Mesh's own; 52 numbers."""
    rgb = np.random.default_rng(1).random((1, 192, 192, 3)).astype(np.float32)
    found = []
    for data in (mesh_478(), weights("face_landmark")):
        network = Interpreter(model_content=data, num_threads=1)
        network.allocate_tensors()
        network.set_tensor(network.get_input_details()[0]["index"], rgb)
        network.invoke()
        found.append(network.get_tensor(network.get_output_details()[0]["index"]).reshape(-1, 3))
    assert [len(each) for each in found] == [478, 468]
    assert np.array_equal(found[0][:468], found[1])
    shapes = Interpreter(model_content=shapes_52(), num_threads=1)
    assert list(shapes.get_output_details()[0]["shape"]) == [1, 52]


FINE = {DETECTOR: weights("face_detection_short_range"), MESH: mesh_478()}
DAMAGED = FINE[MESH][:4] + b"TFL3" + b"\xff" * 4096


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "zip archives"),
        (b"PK\x03\x04" + b"\0" * 64, "zip archives"),
        (FINE[MESH], "zip archives"),
        (bundle(FINE)[:-40], "zip archives"),
        (bundle({DETECTOR: FINE[DETECTOR]}), f"has no {MESH}"),
        (bundle({MESH: FINE[MESH]}), f"has no {DETECTOR}"),
        (bundle(FINE, compressed=True), "not compressed"),
        (bundle(FINE | {MESH: b""}), "no .tflite network"),
        (bundle(FINE | {MESH: b"\0" * 4 + b"TFL3"}), "no .tflite network"),
        (bundle(FINE | {MESH: DAMAGED}), "no .tflite network"),
        (bundle(FINE | {MESH: FINE[DETECTOR]}), "first output is 14336 numbers"),
        (bundle(FINE | {BLENDSHAPES: FINE[DETECTOR]}), "does not put out 52 numbers"),
    ],
)
def test_what_is_no_bundle_is_refused_in_one_sentence(
    save: Callable[[bytes], Path], data: bytes, sentence: str
) -> None:
    with pytest.raises(PolicyError, match=sentence) as caught:
        read_bundle(save(data))
    assert str(caught.value).startswith("Policy.landmarker ")
    assert "\n" not in str(caught.value)


def test_a_name_that_is_there_twice_is_refused(save: Callable[[bytes], Path]) -> None:
    """Which of the two mediapipe would take is not to be guessed."""
    path = save(near_bundle())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MESH, weights("face_landmark"))
    with pytest.raises(PolicyError, match="a name twice"):
        read_bundle(path)


@pytest.mark.parametrize("seed", range(4))
def test_damage_anywhere_never_raises_anything_else(save: Callable[[bytes], Path], seed: int) -> None:
    """A quarter of a thousand damaged headers of a network, in bundles whose checksums are right."""
    random = np.random.default_rng(seed)
    for _ in range(64):
        mesh = bytearray(FINE[MESH])
        root = struct.unpack_from("<I", mesh)[0]
        for at in random.integers(0, min(root + 4096, len(mesh)), 6):
            mesh[at] = random.integers(256)
        with suppress(PolicyError):
            read_bundle(save(bundle(FINE | {MESH: bytes(mesh)})))


def test_a_path_that_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"cannot be read: No such file or directory\."):
        read_bundle(tmp_path / "none.task")
    with pytest.raises(PolicyError, match=r"cannot be read: Is a directory\."):
        read_bundle(tmp_path)


def test_known_digests_are_digests() -> None:
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in KNOWN)
