"""Masks against scikit-image's polygons; soft edges; edges of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion
from skimage.draw import polygon2mask

from facegate.errors import ShapeError
from facegate.vision import facemasks
from tests.unit.vision.geometry import WHO, between_eyes, landmarks

SIZE = (600, 520)


def drawn(kind: str, *who: str, feather: float = 0.0, size: tuple[int, int] = SIZE) -> list[NDArray[np.float32]]:
    """Whole masks."""
    made = []
    for patch in facemasks.masks(landmarks(*who), kind, size, feather):
        into = np.zeros(size, np.float32)
        patch.spread(into)
        made.append(into)
    return made


def expected(kind: str, who: str) -> NDArray[np.bool_]:
    """By scikit-image: a pixel is inside where its centre is."""
    mesh = landmarks(who)[0, :, :2]
    inside = np.zeros(SIZE, bool)
    filled, taken = facemasks.KINDS[kind]
    for outline in filled:
        inside |= polygon2mask(SIZE, mesh[list(outline), ::-1])
    for outline in taken:
        inside &= ~polygon2mask(SIZE, mesh[list(outline), ::-1])
    return inside


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("kind", facemasks.KINDS)
def test_against_scikit_image(kind: str, who: str) -> None:
    """Inside and outside are the same but for pixels on the outline, and the area is, to a pixel of its length."""
    (mask,) = drawn(kind, who)
    inside = expected(kind, who)
    assert mask.dtype == np.float32
    assert mask.max() == 1
    near = binary_dilation(inside, iterations=2) & ~binary_erosion(inside, iterations=2)
    assert (mask[inside & ~near] == 1).all()
    assert (mask[~inside & ~near] == 0).all()
    assert abs(mask.sum() - inside.sum()) < near.sum() / 4


@pytest.mark.parametrize("who", WHO)
def test_what_the_kinds_have(who: str) -> None:
    """By landmarks that lie well inside: cheeks, forehead, irises, lips."""
    mesh = landmarks(who)[0, :, :2]
    at = {"cheek": 50, "forehead": 151, "iris": 468, "lip": 17, "chin": 152, "nose": 4}
    spots = {name: tuple(np.rint(mesh[vertex]).astype(int)[::-1]) for name, vertex in at.items()}
    spots["lip"] = tuple(np.rint((mesh[17] + mesh[14]) / 2).astype(int)[::-1])
    wanted = {
        "oval": {"cheek", "forehead", "iris", "lip", "nose"},
        "skin": {"cheek", "forehead", "nose"},
        "eyes": {"iris"},
        "lips": {"lip"},
        "hairless": {"cheek", "iris", "lip", "nose"},
    }
    for kind, inside in wanted.items():
        (mask,) = drawn(kind, who)
        assert {name for name, spot in spots.items() if name != "chin" and mask[spot] > 0.5} == inside, kind


def test_the_oval_goes_through_its_outline() -> None:
    """Half the coverage on the outline, whatever the feather; the sides of the soft edge mirror each other."""
    mesh = landmarks("hopper")[0, :, :2]
    outline = np.rint(mesh[list(facemasks.OVAL)]).astype(int)
    for feather in (0.05, 0.1):
        (mask,) = drawn("oval", "hopper", feather=feather)
        values = mask[outline[:, 1], outline[:, 0]]
        assert np.median(values) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("feather", [0.04, 0.1, 0.2])
def test_the_soft_edge_is_as_wide_as_told(feather: float) -> None:
    """On a straight side: from 0 to 1 within the width, and never back."""
    (mask,) = drawn("oval", "hopper", feather=feather)
    mesh = landmarks("hopper")
    oval = mesh[0, list(facemasks.OVAL), :2]
    width = np.ptp(oval, axis=0).max() * feather
    assert facemasks.soft_edges(mesh, feather)[0] == round(float(width))
    row = mask[int(mesh[0, 234, 1])]
    rising = row[: int(mesh[0, 4, 0])]
    assert (np.diff(rising) >= -1e-6).all()
    soft = ((rising > 0) & (rising < 1)).sum()
    assert 0.75 * width - 2 <= soft <= 1.3 * width + 3


def test_beyond_the_picture() -> None:
    """A face that sticks out is cut off, and the part inside is as if the picture went on."""
    mesh = landmarks("hopper").copy()
    for feather in (0.0, 0.1):
        (whole,) = facemasks.masks(mesh, "oval", SIZE, feather)
        into = np.zeros(SIZE, np.float32)
        whole.spread(into)
        x, y = 200, 220
        (part,) = facemasks.masks(mesh - np.array([x, y, 0], np.float32), "oval", (100, 80), feather)
        inside = np.zeros((100, 80), np.float32)
        part.spread(inside)
        # A line that leaves the picture may take another fine pixel on its way.
        np.testing.assert_allclose(inside, into[y : y + 100, x : x + 80], atol=0.13)
        assert (inside != into[y : y + 100, x : x + 80]).mean() < 0.01
    for away in ([5000, 0, 0], [0, -5000, 0]):
        (nothing,) = facemasks.masks(mesh + np.array(away, np.float32), "skin", SIZE, 0.1)
        assert nothing.values.size == 0
        nothing.spread(np.zeros(SIZE, np.float32))


def test_a_batch_is_its_singles() -> None:
    """One mask for each face, each where that face is."""
    together = drawn("skin", *WHO, feather=0.05)
    for number, who in enumerate(WHO):
        np.testing.assert_array_equal(together[number], drawn("skin", who, feather=0.05)[0])
    first, second = facemasks.masks(landmarks(*WHO), "oval", SIZE)
    assert (first.top, first.left) != (second.top, second.left)


def test_only_the_part_is_drawn() -> None:
    """A patch is no larger than the part and its soft edge."""
    (patch,) = facemasks.masks(landmarks("astronaut"), "eyes", SIZE, 0.0)
    assert patch.values.shape[1] < 1.2 * between_eyes(landmarks("astronaut")[0])


def test_other_shapes_are_refused() -> None:
    """With the shape in the message."""
    with pytest.raises(ShapeError, match="468"):
        facemasks.masks(np.zeros((1, 468, 3), np.float32), "oval", SIZE)
