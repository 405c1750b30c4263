"""The nodes, called as ComfyUI calls them: it reads the class's attributes and calls the named method by keywords."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facegate
from fixtures.collection import two_people

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.frameworks


@pytest.fixture(scope="module")
def nodes() -> Iterator[ModuleType]:
    from examples import comfyui_nodes

    yield comfyui_nodes
    comfyui_nodes.gate().close()
    comfyui_nodes.gate.cache_clear()


def execute(nodes: ModuleType, name: str, **links: Any) -> tuple[Any, ...]:
    """What ComfyUI's executor does with a node: defaults of widgets, then the method; outputs by RETURN_TYPES."""
    node = nodes.NODE_CLASS_MAPPINGS[name]
    given = {}
    for argument, (kind, *options) in node.INPUT_TYPES()["required"].items():
        if argument in links:
            given[argument] = links.pop(argument)
        else:
            given[argument] = kind[0] if isinstance(kind, list) else options[0]["default"]
    assert not links
    result = getattr(node(), node.FUNCTION)(**given)
    assert isinstance(result, tuple)
    assert len(result) == len(node.RETURN_TYPES) == len(node.RETURN_NAMES)
    for kind, value in zip(node.RETURN_TYPES, result, strict=True):
        if kind == "IMAGE":
            assert (value.dtype, value.ndim, value.shape[-1]) == (torch.float32, 4, 3)
            assert 0 <= value.min() <= value.max() <= 1
        else:
            assert kind == "STRING"
            assert isinstance(value, str)
    return result


def image(rgb: np.ndarray) -> Any:
    """As ComfyUI's LoadImage gives it."""
    return torch.from_numpy(rgb.astype(np.float32) / 255)[None]


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    return two_people().rgb


def checked(receipts: str, count: int) -> None:
    found = [facegate.verify(each) for each in json.loads(receipts)]
    assert [(each.outcome, each.purge.residuals) for each in found] == [("finished", ())] * count


def test_a_bitmap_is_the_pictures_bytes(nodes: ModuleType, people: np.ndarray) -> None:
    for width in (64, 65, 66, 67):
        part = people[:50, :width]
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(nodes.bitmap(part)))), part)


def test_everyone_is_covered_or_all_but_the_largest(nodes: ModuleType, people: np.ndarray) -> None:
    batch = torch.cat([image(people), image(people[:, ::-1].copy())])
    all_covered, receipts = execute(nodes, "FacegateRedactFaces", image=batch)
    checked(receipts, 2)
    one_kept, receipts = execute(nodes, "FacegateRedactFaces", image=batch, keep="largest", style="pixelate")
    checked(receipts, 2)
    assert all_covered.shape == one_kept.shape == batch.shape
    for before, covered, kept in zip(batch, all_covered, one_kept, strict=True):
        changed = [(each - before).abs().amax(-1) > 1 / 255 for each in (covered, kept)]
        assert changed[0].any()
        # What is covered only when nobody is kept is the subject.
        assert (changed[0] & ~changed[1]).sum() > 1000
        assert changed[1].any()


def test_a_face_is_put_back_into_what_was_generated(nodes: ModuleType, people: np.ndarray) -> None:
    before, generated = image(people), torch.full_like(image(people), 0.25)
    mixed, receipts = execute(nodes, "FacegatePutFaceBack", original=before, generated=generated)
    checked(receipts, 1)
    same = ((mixed - before).abs().amax(-1) < 1 / 255).float()
    assert 0.01 < float(same.mean()) < 0.5
    assert torch.equal((mixed * 255).round()[0, -1], (generated * 255).round()[0, -1])
    nobody = torch.full((1, 64, 64, 3), 0.5)
    alone, _ = execute(nodes, "FacegatePutFaceBack", original=nobody, generated=nobody / 2)
    assert torch.allclose(alone, nobody / 2, atol=1 / 255)
    with pytest.raises(ValueError, match="one size"):
        execute(nodes, "FacegatePutFaceBack", original=before, generated=generated[:, :-1])


def test_no_node_returns_geometry(nodes: ModuleType) -> None:
    """What nodes return is kept by ComfyUI's cache: pictures and receipts only."""
    for node in nodes.NODE_CLASS_MAPPINGS.values():
        assert set(node.RETURN_TYPES) <= {"IMAGE", "STRING"}
    assert nodes.NODE_CLASS_MAPPINGS.keys() == nodes.NODE_DISPLAY_NAME_MAPPINGS.keys()


@pytest.mark.facegate_sealed
def test_no_node_leaks_anything_facial(nodes: ModuleType, people: np.ndarray) -> None:
    execute(nodes, "FacegateRedactFaces", image=image(people), keep="largest")
    execute(nodes, "FacegatePutFaceBack", original=image(people), generated=image(people) / 2)
