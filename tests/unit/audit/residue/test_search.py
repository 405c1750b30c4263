"""A window is found wherever it lies, once, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.audit.residue import Markers
from facegate.audit.residue.markers import STRIDE, WINDOW
from facegate.audit.residue.reading import Bytes
from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.search import BLOCK, Search
from facegate.audit.residue.sweep import Sweep

VECTOR = np.random.default_rng(5).normal(0, 1, 60).astype(np.float32)


@pytest.fixture(scope="module")
def markers() -> Markers:
    return Markers.of(windows=1, vector=VECTOR)


def found_in(markers: Markers, content: np.ndarray, start: int = 0) -> dict[str, tuple[int, int]]:
    """Encodings found, with how often and where first."""
    with Scratch(3 * BLOCK) as scratch:
        sweep = Sweep(Search(markers, scratch))
        assert sweep.over(Bytes(content), start, content.size, "here") == content.size - start
        assert sweep.bytes_scanned == content.size - start
        assert not sweep.unreadable
        return {hit.encoding: (hit.count, hit.first) for hit in sweep.hits}


def window_of(markers: Markers) -> int:
    """Where in the vector's bytes the one raw window lies."""
    return found_in(markers, VECTOR.view(np.uint8).copy())["float32"][1]


@pytest.mark.parametrize("near", [0, 8192, BLOCK, 2 * BLOCK])
def test_at_every_offset(markers: Markers, near: int) -> None:
    """At the beginning, in the middle, over the seams of blocks: every phase of the stride, and of the seam."""
    raw, inside = VECTOR.view(np.uint8), window_of(markers)
    for shift in range(-2 * WINDOW if near else 0, 2 * STRIDE):
        content = np.random.default_rng(6).integers(0, 256, 2 * BLOCK + 4096, dtype=np.uint8)
        at = near + shift - (inside if near else 0)
        content[at : at + raw.size] = raw
        assert found_in(markers, content) == {"float32": (1, at + inside)}


def test_a_window_at_either_end(markers: Markers) -> None:
    raw, inside = VECTOR.view(np.uint8).copy(), window_of(markers)
    window = raw[inside : inside + WINDOW]
    assert found_in(markers, window.copy()) == {"float32": (1, 0)}
    for length in range(1, 3 * STRIDE):
        assert found_in(markers, np.concatenate([window, np.zeros(length, np.uint8)])) == {"float32": (1, 0)}
        assert found_in(markers, np.concatenate([np.zeros(length, np.uint8), window])) == {"float32": (1, length)}


def test_a_byte_less_is_no_window(markers: Markers) -> None:
    """No hit is a guess: every byte of the 32 counts."""
    raw, inside = VECTOR.view(np.uint8).copy(), window_of(markers)
    window = raw[inside : inside + WINDOW]
    assert not found_in(markers, window[1:].copy())
    assert not found_in(markers, window[:-1].copy())
    for at in range(WINDOW):
        content = np.zeros(200, np.uint8)
        content[40 : 40 + WINDOW] = window
        content[40 + at] ^= 1
        assert not found_in(markers, content)


def test_every_copy_counts(markers: Markers) -> None:
    content = np.tile(VECTOR.view(np.uint8), 5000)
    assert found_in(markers, content)["float32"][0] == 5000


def test_any_large_part_is_enough() -> None:
    """The places that are looked for are spread evenly: 2 / windows of an array is enough to find what is left."""
    vector = np.random.default_rng(7).normal(0, 1, 1404).astype(np.float32)
    raw = vector.view(np.uint8)
    with Markers.of(windows=16, vector=vector) as made:
        part = raw.size * 2 // 16
        for begin in range(0, raw.size - part, 97):
            assert "float32" in found_in(made, raw[begin : begin + part].copy()), begin


def test_noise_is_nothing() -> None:
    chance = np.random.default_rng(8)
    with Markers.of(vector=VECTOR, pixels=chance.integers(0, 256, (99, 99, 3), dtype=np.uint8)) as made:
        assert not found_in(made, chance.integers(0, 256, 32 << 20, dtype=np.uint8))
