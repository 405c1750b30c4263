"""What was exposed is recognized in every form that pipelines keep it in, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

import facegate
from facegate.audit.exposed import Exposed
from facegate.request import Request


@pytest.fixture(scope="module")
def shown(gate: facegate.Gate, astronaut: bytes) -> Iterator[dict]:
    """One request's products, copied by the test, and what took them down."""
    exposed = Exposed()
    with gate.open_request("exposed", purpose="generation") as request:
        upload = request.admit(astronaut)
        faces = request.analyze(upload)
        assert faces.subject is not None
        found = {"exposed": exposed, "face": faces.subject}
        for name in ("landmarks", "embedding", "five_points", "pose", "box", "points_68", "points_106", "transform"):
            with faces.subject.expose(name) as array:
                found[name] = array.copy()
        with upload.expose() as rgb:
            found["pixels"] = rgb.copy()
        with faces.subject.crop("arcface") as crop, faces.subject.mask("oval", feather=0.1) as mask:
            found["crop"], found["mask"] = crop.pixels.copy(), mask.copy()
    yield found
    exposed.close()


FORMS = {
    "itself": lambda xyz: xyz,
    "x and y": lambda xyz: xyz[:, :2],
    "normalized": lambda xyz: xyz[:, :2] / np.array([512, 512]),
    "of a crop": lambda xyz: (xyz[:, :2] - 170) * 1.7,
    "float16": lambda xyz: xyz.astype(np.float16),
    "a few of them": lambda xyz: xyz[100:120].copy(),
    "flat": lambda xyz: xyz.reshape(-1),
    "a list": lambda xyz: xyz.tolist(),
    "a list of tuples": lambda xyz: [tuple(row) for row in xyz.tolist()],
    "bytes": lambda xyz: b"header" + xyz.tobytes(),
    "bytes of doubles": lambda xyz: bytearray(xyz.astype(np.float64).tobytes()),
    "text": lambda xyz: f"points {xyz[0, 0]:.3f}, {xyz[0, 1]:.3f}",
    "printed": lambda xyz: str(xyz[33]),
    "in a dict": lambda xyz: {"faces": [{"id": 1, "kps": xyz}]},
    "in an object": lambda xyz: SimpleNamespace(face=SimpleNamespace(points=xyz)),
}


@pytest.mark.parametrize("form", FORMS)
def test_landmarks_are_known_again(shown: dict, form: str) -> None:
    assert shown["exposed"].found_in(FORMS[form](shown["landmarks"])) == "landmarks"


def test_copies_of_crops_and_masks_are_known_again(shown: dict) -> None:
    """In a list, where no global gives a picture away by its shape; and nothing of them is in words."""
    assert shown["exposed"].found_in([shown["crop"].copy()]) == "pixels of a crop"
    assert shown["exposed"].found_in([shown["mask"].copy()]) == "mask"
    assert shown["exposed"].found_in((shown["mask"] * 255).astype(np.uint8)) == "mask"
    assert shown["exposed"].found_in(1 - shown["mask"][::-1]) == ""
    assert shown["exposed"].found_in("0.0000 and 1.0000 and 0.5000") == ""


@pytest.mark.parametrize("name", ["embedding", "five_points", "pose"])
def test_other_products_are_known_again(shown: dict, name: str) -> None:
    assert shown["exposed"].found_in({"value": shown[name].copy()}) == name


@pytest.mark.parametrize("name", ["points_68", "points_106"])
def test_other_points_are_known_again(shown: dict, name: str) -> None:
    assert shown["exposed"].found_in({"value": shown[name].copy()}) in {name, "landmarks"}


def test_a_transform_is_known_again(shown: dict) -> None:
    assert shown["exposed"].found_in([shown["transform"].copy()]) == "transform"
    assert [each.shape for each in shown["exposed"].kept if each.name == "transform"] == [(3, 4)], "without 0, 0, 0, 1"


def test_aligned_crops_and_masks_are_known_again(shown: dict) -> None:
    assert shown["exposed"].found_in(shown["crop"][..., ::-1].copy()) == "pixels of a crop"
    for kept in (shown["mask"].copy(), (shown["mask"] * 255).astype(np.uint8), shown["mask"][..., None].copy()):
        assert shown["exposed"].found_in([kept]) == "mask"
    assert shown["exposed"].found_in(np.roll(shown["mask"], 5, axis=1)) == ""


def test_a_box_is_known_again_in_whole_pixels(shown: dict) -> None:
    assert shown["exposed"].found_in(f"face at {shown['box'].round().astype(int).tolist()}") == "boxes"
    assert shown["exposed"].found_in(shown["box"].astype(int)) == "boxes"


def test_a_crop_is_known_again(shown: dict) -> None:
    crop: NDArray[np.uint8] = shown["pixels"][80:180, 180:270]
    assert shown["exposed"].found_in([crop.copy()]) == "pixels of the picture"
    assert shown["exposed"].found_in(np.ascontiguousarray(crop[..., ::-1])) == "pixels of the picture"


def test_a_handle_is_known_again(shown: dict) -> None:
    assert shown["exposed"].found_in({"last": shown["face"]}) == "a sealed Face"


@pytest.mark.parametrize(
    "value",
    [
        "step 12 of 30, 45.12 seconds, loss 0.0312",
        "wrote 512x512 pixels to output.png at 10:31:07.123",
        np.random.default_rng(1).normal(size=(478, 3)),
        np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8),
        np.arange(1434.0).reshape(478, 3),
        np.zeros((478, 3)),
        np.full((512, 512, 3), 128, np.uint8),
        bytes(4096),
        [0.1, 0.2, 0.3, 0.4],
        {"seed": 7, "guidance": 7.5, "size": (512, 512)},
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_not(shown: dict, value: object) -> None:
    assert shown["exposed"].found_in(value) == ""


def test_nothing_is_kept_plain(shown: dict) -> None:
    xyz = shown["landmarks"].tobytes()
    (kept,) = [each for each in shown["exposed"].kept if each.name == "landmarks"]
    assert kept.masked.tobytes() != xyz
    with kept.plain() as plain:
        assert plain.tobytes() == xyz
    assert not plain.any()


def test_closed_it_is_gone() -> None:
    before = (Request.begin, Request.expose_product, Request.expose_pixels)
    exposed = Exposed()
    assert Request.begin is not before[0]
    exposed.close()
    assert (Request.begin, Request.expose_product, Request.expose_pixels) == before
