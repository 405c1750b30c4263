"""The fixtures are what they say: known boxes are where the faces were put, the same every time."""

import hashlib

import numpy as np
import pytest

from fixtures import PORTRAITS, Placed, compose, photo, portrait, scenes, two_people
from fixtures.backgrounds import TEXTURES, WITHOUT_PEOPLE, background, picture
from fixtures.portraits import HEADS
from fixtures.recall import samples


@pytest.mark.parametrize("name", PORTRAITS)
def test_portraits_are_whole_and_cannot_be_changed(name):
    rgb = portrait(name)
    assert rgb.dtype == np.uint8
    assert rgb.shape == {"astronaut": (512, 512, 3), "hopper": (600, 512, 3)}[name]
    with pytest.raises(ValueError, match="read-only"):
        rgb[0, 0] = 0


@pytest.mark.parametrize("name", PORTRAITS)
def test_a_head_put_at_its_own_size_and_place_shows_the_portraits_pixels(name):
    """Ties the known box to the pixels: a wrong scale, shift or turn shows a different face."""
    x0, y0, x1, y1 = HEADS[name].box
    canvas = np.zeros((600, 512, 3), np.uint8)
    scene = compose("x", canvas, [Placed(name, ((x0 + x1) / 2, (y0 + y1) / 2), x1 - x0)])
    np.testing.assert_allclose(scene.boxes, [HEADS[name].box])
    quarter = round((x1 - x0) / 4)
    middle = np.s_[int(y0) + quarter : int(y1) - quarter, int(x0) + quarter : int(x1) - quarter]
    difference = np.abs(scene.rgb[middle].astype(int) - portrait(name)[middle])
    assert difference.max() <= 1
    assert not scene.rgb[0, 0].any(), "outside the head the canvas stays"


def test_turning_by_90_degrees_is_counter_clockwise_about_the_centre_of_the_box():
    def face(angle: float, mirrored: bool) -> np.ndarray:
        canvas = np.zeros((301, 301, 3), np.uint8)
        return compose("x", canvas, [Placed("hopper", (150, 150), 100, angle, mirrored)]).rgb.astype(int)

    upright = face(0, False)
    assert np.abs(face(90, False) - np.rot90(upright)).mean() < 1
    assert np.abs(face(0, True) - upright[:, ::-1]).mean() < 1
    assert np.abs(face(90, False) - np.rot90(upright, 3)).mean() > 5, "the comparison must notice the other turn"


def test_a_photo_keeps_the_box_where_the_face_is():
    scene = photo("astronaut", "x", (100, 50, 300, 250), 400)
    np.testing.assert_allclose(scene.boxes, [[150, 50, 352, 252]])
    assert scene.rgb.shape == (400, 400, 3)


def test_a_dark_scene_is_dark():
    bright, dark = (
        compose("x", background("coffee", 200, 300), [Placed("hopper", (150, 100), 60)], gain=gain).rgb.mean()
        for gain in (1.0, 0.25)
    )
    assert dark == pytest.approx(bright / 4, rel=0.05)


def test_scenes_are_as_promised():
    seen = list(scenes())
    assert len({scene.name for scene in seen}) == len(seen) >= 40
    for scene in seen:
        assert scene.rgb.dtype == np.uint8
        assert scene.boxes.dtype == np.float32
        assert 1 <= len(scene.boxes) == len(scene.people) <= 5
        assert set(scene.people) <= set(PORTRAITS)
        sides = scene.boxes[:, 2:] - scene.boxes[:, :2]
        np.testing.assert_allclose(sides[:, 0], sides[:, 1], rtol=0.01)
    assert max(scene.rgb.shape[0] * scene.rgb.shape[1] for scene in seen) >= 12_000_000
    assert min((scene.boxes[:, 2] - scene.boxes[:, 0]).min() for scene in seen) == pytest.approx(24)


def test_scenes_from_the_cache_equal_those_made_anew(monkeypatch, tmp_path):
    monkeypatch.setattr("fixtures.collection.CACHE", tmp_path / "cache")

    def digests():
        names = ("face_24_turned_0", "five", "dark_25")
        return [hashlib.sha256(s.rgb.tobytes() + s.boxes.tobytes()).hexdigest() for s in map(one, names)]

    from fixtures.collection import scene as one

    assert digests() == digests()
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_samples_are_the_same_for_a_seed_and_differ_between_seeds():
    one, same, other = (next(samples(repeats=1, sizes=(40,), angles=(20,), seed=seed)).scene.rgb for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_the_demo_shows_the_astronaut_larger():
    demo = two_people()
    assert demo.people == PORTRAITS
    sides = demo.boxes[:, 2] - demo.boxes[:, 0]
    assert sides[0] > sides[1] > 48


def test_bundled_pictures_are_there_without_a_download():
    for name in WITHOUT_PEOPLE:
        assert picture(name).shape[2] == 3
        assert picture(name).dtype == np.uint8
        assert picture(name).max() > 100
    for name in TEXTURES:
        canvas = background(name, 90, 1700)
        assert canvas.shape == (90, 1700, 3)
        assert canvas.flags.writeable
