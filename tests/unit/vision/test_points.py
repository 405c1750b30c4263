"""The 68 and 106 points: their order, and how far they are from those of the software that they stand in for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facegate.errors import ShapeError
from facegate.vision import points
from tests.unit.vision.geometry import WHO, between_eyes, golden, landmarks

# Each iBUG number's mirror image.
_IBUG_TWINS = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
)
# Outlines in insightface's numbers, as those who use them connect them.
_CLOSED_106 = {
    "right brow": (43, 48, 49, 51, 50, 46, 47, 45, 44),
    "left brow": (101, 105, 104, 103, 102, 97, 98, 99, 100),
    "right eye": (35, 41, 40, 42, 39, 37, 33, 36),
    "left eye": (89, 95, 94, 96, 93, 91, 87, 90),
    "outer lips": (52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55),
}
_JAW_106 = (
    *(1, 9, 10, 11, 12, 13, 14, 15, 16, 2, 3, 4, 5, 6, 7, 8, 0),
    *(24, 23, 22, 21, 20, 19, 18, 32, 31, 30, 29, 28, 27, 26, 25, 17),
)


def area(outline: NDArray[np.floating]) -> float:
    """Of a closed line that does not cross itself; larger than 0 when it goes clockwise as seen."""
    x, y = outline.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def crossings(line: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Which sides of a closed line cross each other."""

    def left_of(a: NDArray[np.floating], b: NDArray[np.floating], point: NDArray[np.floating]) -> bool:
        return bool((b - a)[0] * (point - a)[1] > (b - a)[1] * (point - a)[0])

    sides = list(zip(line, np.roll(line, -1, axis=0), strict=True))
    return [
        (one, two)
        for one in range(len(sides))
        for two in range(one + 2, len(sides) - (one == 0))
        if left_of(*sides[one], sides[two][0]) != left_of(*sides[one], sides[two][1])
        and left_of(*sides[two], sides[one][0]) != left_of(*sides[two], sides[one][1])
    ]


def test_against_dlib() -> None:
    """Share of the distance between the outer corners of the eyes, over both portraits: docs/geometry.md states it."""
    errors = []
    for who, mesh in zip(WHO, landmarks(*WHO), strict=True):
        ours = points.points_68(mesh[None])[0, :, :2]
        errors.append(np.linalg.norm(ours - golden()[f"dlib|{who}"], axis=1) / between_eyes(mesh))
    each = np.mean(errors, axis=0)
    assert each.mean() < 0.035
    parts = {"jaw": slice(0, 17), "brows": slice(17, 27), "nose": slice(27, 36), "eyes": slice(36, 48)}
    means = {name: each[part].mean() for name, part in parts.items()} | {"mouth": each[48:].mean()}
    assert means["jaw"] < 0.05, means
    assert max(means[name] for name in ("brows", "nose", "eyes", "mouth")) < 0.04, means
    assert each.max() < 0.08, "no point is another one's"


def test_68_is_its_own_mirror_image() -> None:
    """On the mirrored portrait, number for number, each point is where its twin was."""
    for who in WHO:
        plain, mirrored = (points.points_68(landmarks(who, pose=pose))[0, :, :2] for pose in ("upright", "mirrored"))
        # Each without where it is: the mirrored picture's width does not matter.
        moved = mirrored[list(_IBUG_TWINS)] * [-1, 1]
        apart = np.linalg.norm((moved - moved.mean(axis=0)) - (plain - plain.mean(axis=0)), axis=1)
        assert apart.max() < 0.1 * between_eyes(landmarks(who)[0])


def test_68_are_vertices_or_between_two() -> None:
    """Depth comes along, and nothing is extrapolated."""
    mesh = landmarks("hopper")
    found = points.points_68(mesh)[0]
    for place, point in zip(points.IBUG_68, found, strict=True):
        ends = mesh[0, [place] if isinstance(place, int) else list(place[:2])]
        assert (point >= ends.min(axis=0) - 1e-3).all()
        assert (point <= ends.max(axis=0) + 1e-3).all()


@pytest.mark.parametrize("who", WHO)
def test_106_go_round_the_parts(who: str) -> None:
    """Every outline goes round without crossing itself, clockwise as seen, as in insightface's picture."""
    mesh = landmarks(who)
    found = points.points_106(mesh)[0].astype(float)
    middle = found[86]
    for name, outline in _CLOSED_106.items():
        line = found[list(outline)]
        assert area(line) > 0, name
        assert not crossings(line), name
        side = 1 if name.startswith("left") else -1
        if name != "outer lips":
            assert side * (line[:, 0].mean() - middle[0]) > 0, f"{name} is the person's"
    jaw = found[list(_JAW_106)]
    assert (np.diff(np.unwrap(np.arctan2(*(jaw - middle).T[::-1]))) < 0).all(), (
        "from the right temple by the chin to the left"
    )
    assert found[:, 1].argmax() in {0, 8, 24}, "0 is the chin"


@pytest.mark.parametrize("who", WHO)
def test_106_as_they_are_used(who: str) -> None:
    """Points that others pick out by number (LivePortrait: eyes, corners of the mouth) are what they are taken for."""
    mesh = landmarks(who)
    found = points.points_106(mesh)[0]
    apart = between_eyes(mesh[0])
    for numbers, vertex in (((33, 35, 40, 39), 468), ((87, 89, 94, 93), 473), ((34, 38), 468), ((88, 92), 473)):
        assert np.linalg.norm(found[list(numbers)].mean(axis=0) - mesh[0, vertex, :2]) < 0.06 * apart
    for number, vertex in ((52, 61), (61, 291), (0, 152), (86, 4), (1, 127), (17, 356)):
        np.testing.assert_allclose(found[number], mesh[0, vertex, :2], atol=1e-3)


def test_106_have_the_68() -> None:
    """What both markups have is in one place."""
    mesh = landmarks("astronaut")
    few, many = points.points_68(mesh)[0, :, :2], points.points_106(mesh)[0]
    same = {8: 0, 0: 1, 16: 17, 27: 72, 30: 86, 33: 80, 36: 35, 39: 39, 42: 89, 45: 93, 48: 52, 51: 71, 54: 61, 57: 53}
    np.testing.assert_allclose(few[list(same)], many[list(same.values())], atol=1e-3)
    # Every second point of the jaw of 106 is one of 68.
    np.testing.assert_allclose(few[:17], many[list(_JAW_106)][::2], atol=1e-3)


@pytest.mark.parametrize(("title", "table"), [("points_68", points.IBUG_68), ("points_106", points.INSIGHTFACE_106)])
def test_the_documented_tables(title: str, table: list[points.Place]) -> None:
    """docs/geometry.md has the places that are used."""
    document = (Path(__file__).parents[3] / "docs" / "geometry.md").read_text(encoding="utf-8")
    section = document.partition(f"### `{title}`\n")[2].partition("\n\n")[0]
    cells = [cell.strip() for row in section.splitlines()[2:] for cell in row.strip("| ").split(" | ")[1:]]
    wanted = [str(each) if isinstance(each, int) else f"{each[0]}-{each[1]} {each[2]:g}" for each in table]
    assert [cell.strip(" |") for cell in cells if cell.strip(" |")] == wanted


def test_a_batch_is_its_singles() -> None:
    """N faces in one sum."""
    mesh = landmarks(*WHO)
    for take, shape in ((points.points_68, (2, 68, 3)), (points.points_106, (2, 106, 2))):
        found = take(mesh)
        assert found.shape == shape
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.concatenate([take(mesh[:1]), take(mesh[1:])]))


@pytest.mark.parametrize("shape", [(478, 3), (1, 468, 3), (1, 478, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """A mesh without irises too: 106 has points in them."""
    with pytest.raises(ShapeError, match="478"):
        points.points_106(np.zeros(shape, np.float32))
