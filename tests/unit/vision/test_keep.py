"""Whom a keeper spares, frame by frame, where pictures and tracks leave it no other reason than the one under test."""

from fractions import Fraction

import av
import numpy as np
import pytest

from facegate.redact.profiles import PROFILES
from facegate.redact.tracks import Track, Tracks
from facegate.vision.keep import Keeper, Kept
from facegate.vision.pictures import Crops, Pictures
from facegate.vision.trails import Held

SIDE = 60
RNG = np.random.default_rng(5)
FACE, OTHER = (RNG.integers(0, 256, (SIDE, SIDE), np.uint8) for _ in range(2))


def held(index, **faces):
    """A grey frame with pictures at places: name=(x, y)."""
    grey = np.full((240, 320), 90, np.uint8)
    for name, (x, y) in faces.items():
        grey[y : y + SIDE, x : x + SIDE] = {"face": FACE, "other": OTHER}[name]
    frame = av.VideoFrame.from_ndarray(grey, format="gray")
    frame.pts, frame.time_base = index, Fraction(1, 30)
    return Held(index, frame)


def box(x, y):
    return np.array([x, y, x + SIDE, y + SIDE], np.float32)


@pytest.fixture
def tracks():
    return Tracks(PROFILES["balanced"])


@pytest.fixture
def keeper(tracks):
    crops = Crops(Pictures(0), 0)
    return Keeper(Kept(0.0, box(40, 80)), tracks, crops, longest_gap=4)


def seen(tracks, *places, frames=10, start=0):
    """A track that is seen in one place on every frame."""
    for x, y in places:
        track = Track(start)
        for index in range(start, start + frames):
            track.add(index, box(x, y))
        tracks.alive.append(track)
    return tracks.alive[-len(places) :]


def test_who_stands_alone_and_looks_the_same_stays(tracks, keeper):
    subject, _ = seen(tracks, (40, 80), (220, 80))
    for index in range(6):
        assert keeper.spare(held(index, face=(40, 80), other=(220, 80))) == (subject,)


def test_while_another_face_is_near_the_subject_is_covered(tracks, keeper):
    seen(tracks, (40, 80), (40 + SIDE + 4, 80))
    for index in range(6):
        assert keeper.spare(held(index, face=(40, 80), other=(104, 80))) == ()


def test_in_another_shot_the_subject_is_covered_though_nothing_changed(tracks, keeper):
    (subject,) = seen(tracks, (40, 80), frames=6)
    for index in range(6):
        assert keeper.spare(held(index, face=(40, 80))) == (subject,)
    tracks.cut(6)
    seen(tracks, (40, 80), start=6)
    for index in range(6, 14):
        assert keeper.spare(held(index, face=(40, 80))) == ()


def test_who_does_not_look_the_same_any_more_is_covered(tracks, keeper):
    seen(tracks, (40, 80))
    assert len(keeper.spare(held(0, face=(40, 80)))) == 1
    assert keeper.spare(held(1, other=(40, 80))) == ()


def test_who_is_known_again_for_some_frames_stays_again(tracks, keeper):
    (subject,) = seen(tracks, (40, 80))
    shown = [len(keeper.spare(held(index, **{"other" if index == 1 else "face": (40, 80)}))) for index in range(7)]
    assert shown == [1, 0, 0, 0, 1, 1, 1]
    assert tracks.alive == [subject]


def test_a_gap_is_a_doubt(tracks, keeper):
    track = Track(0)
    for index in (0, 1, 8):
        track.add(index, box(40, 80))
    tracks.alive.append(track)
    assert [len(keeper.spare(held(index, face=(40, 80)))) for index in range(4)] == [1, 1, 0, 0]
