"""What markers are made of, and that they are nowhere plain."""

from __future__ import annotations

import copy
import mmap
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from facegate.audit.residue import Markers, scan
from facegate.errors import RequestClosedError, SealedError, ShapeError


def mapped(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """An array in a map of its own, so that filling it leaves nothing in numpy's heap."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, size), dtype)[: int(np.prod(shape))].reshape(shape)


def test_the_scanner_does_not_find_itself() -> None:
    """Every encoding was made in this process; not one is left, and what was given is found until it is wiped."""
    chance = np.random.default_rng()
    arrays = {"landmarks": mapped((478, 3), np.float32), "embedding": mapped((1404,), np.float32)}
    for array in arrays.values():
        chance.random(dtype=np.float32, out=array)
    arrays["pixels"] = mapped((64, 64, 3), np.uint8)
    with Path("/dev/urandom").open("rb", buffering=0) as noise:
        assert noise.readinto(arrays["pixels"].data) == arrays["pixels"].size
    with Markers.of(**arrays) as markers:
        before = scan([os.getpid()], markers).processes[0]
        assert {(hit.kind, hit.encoding): hit.count for hit in before.hits} == {
            ("landmarks", "float32"): 16,
            ("embedding", "float32"): 16,
            ("pixels", "rgb"): 16,
        }
        for array in arrays.values():
            array[:] = 0
        after = scan([os.getpid()], markers)
        assert not after.processes[0].hits, after
        assert after.verified, after
        assert after.bytes_scanned > 20 << 20
        assert len(markers.counts) > 40


def test_markers_are_not_shown_or_sent() -> None:
    with Markers.of(embedding=np.random.default_rng(1).random(1404, np.float32)) as markers:
        assert str(markers) == f"[sealed Markers: {markers.count} windows]"
        for send in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(SealedError):
                send(markers)
    with pytest.raises(RequestClosedError, match="The markers are closed"):
        scan([os.getpid()], markers)
    assert not markers.table.any()


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.zeros((478, 3), np.float32), id="zeros"),
        pytest.param(np.arange(1404, dtype=np.float32), id="ramp"),
        pytest.param(np.full((300, 300, 3), 90, np.uint8), id="one colour"),
        pytest.param(np.full((478, 3), np.nan, np.float32), id="nan"),
        pytest.param(np.array([1.5, 2.25], np.float32), id="short"),
        pytest.param(bytes(5000), id="zero bytes"),
    ],
)
def test_what_tells_nothing_is_refused(array: np.ndarray | bytes) -> None:
    with pytest.raises(ShapeError, match="Nothing in thing tells it from other data"):
        Markers.of(thing=array)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.arange(9), "thing must be uint8, float16, float32 or float64 with 1 to 3 dimensions, not int64 with 1."),
        (np.ones((2, 2, 2, 2), np.float32), "not float32 with 4."),
        (np.ones(5, ">f4"), "not >f4 with 1."),
        (np.ones((0, 3), np.float32), "thing is empty."),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, sentence: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Markers.of(thing=array)
    assert str(caught.value).endswith(sentence)


def test_nothing_is_no_marker() -> None:
    with pytest.raises(ShapeError, match="at least one array"):
        Markers.of()
    with pytest.raises(ShapeError, match="windows must be at least 1, not 0"):
        Markers.of(windows=0, embedding=np.random.default_rng(1).random(1404, np.float32))


def test_flat_parts_are_passed_over_and_counted() -> None:
    """A face before a plain wall: half of the picture is looked for, the rest is refused, and both are said."""
    picture = np.full((256, 64, 3), 200, np.uint8)
    picture[:128] = np.random.default_rng(2).integers(0, 256, (128, 64, 3))
    with Markers.of(pixels=picture) as markers:
        assert markers.counts["pixels", "rgb"] == 8
        assert markers.refused == 8


@pytest.mark.parametrize(
    ("array", "first"),
    [
        (np.random.default_rng(3).integers(0, 256, (200, 200), dtype=np.uint8), "bytes"),
        (np.random.default_rng(3).bytes(4000), "bytes"),
        (np.random.default_rng(3).normal(size=(40, 512)), "float64"),
        (np.random.default_rng(3).normal(size=(2, 90, 3)).astype(np.float16), "float16"),
    ],
)
def test_other_shapes_are_taken(array: np.ndarray | bytes, first: str) -> None:
    with Markers.of(thing=array) as markers:
        assert markers.labels[0] == ("thing", first)
        assert {"base64", "hex", "json"} <= {encoding for _, encoding in markers.counts}
