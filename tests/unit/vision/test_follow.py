"""Following faces through small clips: every frame once and in order, everyone covered, one kept while that is sure."""

from collections import Counter
from typing import NamedTuple

import av
import numpy as np
import pytest

from benchmarks.coverage import coverage_of_boxes
from facegate.redact.profiles import PROFILES
from facegate.vision.follow import Follower, Kept
from facegate.vision.pictures import Pictures
from facegate.vision.shots import Shots
from facegate.vision.video_detector import TILE, VideoDetector, tiles
from fixtures.clips import clip


class Info(NamedTuple):
    """What a follower needs to know of a video."""

    rotation: int = 0
    rate: float = 30.0


def frames_of(one):
    with av.open(str(one.path)) as container:
        return list(container.decode(video=0))


def follow(one, name="balanced", *, keep=None):
    """What comes out, and the most frames that were held."""
    follower = Follower(Info(one.rotation, one.rate), PROFILES[name], keep=keep)
    out, most = [], 0
    for pushed, frame in enumerate(frames_of(one), 1):
        out += follower.push(frame)
        most = max(most, pushed - len(out))
    return out + follower.flush(), most


def coverage(one, out, *, keep=None):
    return coverage_of_boxes(one.frames, [each.boxes for each in out], size_wh=one.size_wh, keep=keep)


@pytest.mark.parametrize("name", PROFILES)
def test_every_frame_comes_out_once_in_order_and_few_are_held(name):
    one = clip("entering_leaving")
    out, most = follow(one, name)
    assert [each.frame.pts for each in out] == [frame.pts for frame in one.frames]
    assert all(each.boxes.dtype == np.float32 and each.boxes.shape == (each.faces, 4) for each in out)
    assert most <= PROFILES[name].lookahead + PROFILES[name].every <= 24


@pytest.mark.parametrize(
    "name", ["sizes_tiny", "entering_leaving", "cuts", "rotated", "dark", "occluded_board", "motion_blur", "crowd_12"]
)
def test_everyone_is_covered_in_every_frame(name):
    one = clip(name)
    found = coverage(one, follow(one)[0])
    assert found.uncovered == 0, found.runs
    assert found.false_boxes < 0.05


def test_a_face_that_crosses_the_picture_in_half_a_second_is_covered():
    """One size a frame, and back: key frames alone see it in places that seem unrelated."""
    one = clip("fast")
    assert coverage(one, follow(one)[0]).uncovered <= 1


def test_thorough_covers_that_face_in_every_frame():
    found = coverage(clip("fast"), follow(clip("fast"), "thorough")[0])
    assert found.uncovered == 0, found.runs


def test_where_nobody_is_nothing_is_covered():
    assert all(len(each.boxes) == 0 for each in follow(clip("empty"))[0])


def test_an_empty_video_is_empty():
    follower = Follower(Info(), PROFILES["fast"])
    assert follower.flush() == []


def test_one_frame_is_a_video():
    one = clip("one")
    follower = Follower(Info(), PROFILES["fast"])
    first = frames_of(one)[0]
    out = follower.push(first) + follower.flush()
    assert len(out) == 1
    assert len(out[0].boxes) == 1


def test_frames_of_another_size_in_the_middle_are_followed():
    """As when a stream changes its resolution."""
    follower, out = Follower(Info(), PROFILES["fast"]), []
    frames = [*frames_of(clip("one"))[:12], *frames_of(clip("size_400"))[:12]]
    for frame in frames:
        out += follower.push(frame)
    out += follower.flush()
    assert len(out) == 24
    assert all(len(each.boxes) >= 1 for each in out)


def subject(one, track):
    first = one.frames[0]
    return Kept(first.time, first.boxes[list(first.tracks).index(track)])


def kept_frames(one, out, track):
    """For each frame in which the track is, whether less than a third of its box is touched."""
    result = []
    for truth, each in zip(one.frames, out, strict=True):
        if track in truth.tracks:
            face = truth.boxes[list(truth.tracks).index(track)]
            low, high = np.maximum(each.boxes[:, :2], face[:2]), np.minimum(each.boxes[:, 2:], face[2:])
            shared = np.prod(np.maximum(high - low, 0), axis=1).sum()
            result.append(bool(shared < np.prod(face[2:] - face[:2]) / 3))
    return result


def test_the_subject_is_kept_and_everyone_else_covered_also_where_they_cross():
    """Where they cross the subject is covered as well; afterwards it is known again."""
    one = clip("crossing")
    assert one.subject is not None
    out, _ = follow(one, keep=subject(one, one.subject))
    found = coverage(one, out, keep=one.subject)
    assert found.uncovered == 0, found.runs
    kept = kept_frames(one, out, one.subject)
    assert all(kept[:20])
    assert not any(kept[34:42])
    assert all(kept[-15:])


def test_who_returns_in_another_shot_is_covered():
    one = clip("cuts")
    out, _ = follow(one, keep=subject(one, 0))
    assert coverage(one, out, keep=0).uncovered == 0
    assert sum(kept_frames(one, out, 0)) >= 10
    # The same person, mirrored, in the last shot.
    assert all(len(each.boxes) >= 1 for each in out[44:])


def test_a_choice_that_fits_nobody_keeps_nobody():
    one = clip("one")
    out, _ = follow(one, keep=Kept(0.0, np.array([2, 2, 40, 40], np.float32)))
    assert coverage(one, out).uncovered == 0


def test_before_the_chosen_frame_the_subject_is_covered():
    one = clip("one")
    at = one.frames[20]
    out, _ = follow(one, keep=Kept(at.time, at.boxes[0]))
    kept = kept_frames(one, out, 0)
    assert not any(kept[:20])
    assert all(kept[20:])


def still_frames(count):
    frame = frames_of(clip("one"))[0]
    rgb = frame.to_ndarray(format="rgb24")
    return [av.VideoFrame.from_ndarray(rgb, format="rgb24") for _ in range(count)]


def test_a_still_picture_is_looked_at_once(monkeypatch):
    looked = Counter()
    original = VideoDetector.see

    def counted(self, frame, *, everywhere):
        looked[everywhere] += 1
        return original(self, frame, everywhere=everywhere)

    monkeypatch.setattr(VideoDetector, "see", counted)
    follower, out = Follower(Info(), PROFILES["balanced"]), []
    for frame in still_frames(40):
        out += follower.push(frame)
    assert looked.total() == 1
    out += follower.flush()
    assert all(len(each.boxes) == 1 for each in out)


def test_cuts_are_where_they_are():
    shots = Shots(Pictures(0))
    cuts = [index for index, frame in enumerate(frames_of(clip("cuts"))) if shots.compare(frame).cut]
    assert cuts == [0, 17, 31, 44]


@pytest.mark.parametrize("name", ["fast", "crossing", "motion_blur", "varied_4"])
def test_movement_is_no_cut(name):
    shots = Shots(Pictures(0))
    assert [index for index, frame in enumerate(frames_of(clip(name))) if shots.compare(frame).cut] == [0]


@pytest.mark.parametrize("size", [(720, 1280), (1080, 1920), (1280, 720), (360, 640), (2160, 3840)])
def test_tiles_are_together_the_picture(size):
    seen = np.zeros(size, np.uint8)
    for top, left, height, width in tiles(*size):
        assert sorted((height, width)) <= sorted(TILE)
        seen[top : top + height, left : left + width] += 1
    assert seen.min() == 1


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_come_back_from_upright_pictures_of_any_rotation(rotation):
    rgb = np.zeros((120, 200, 3), np.uint8)
    rgb[30:60, 140:180] = 255
    picture = Pictures(rotation).whole(av.VideoFrame.from_ndarray(rgb, format="rgb24"), 100)
    rows, columns = np.nonzero(picture.rgb[..., 0] > 128)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_allclose(picture.to_frame(box), [[140, 30, 180, 60]], atol=2)
    top, left = int(rows.min()) // 2, int(columns.min()) // 2
    part = picture.part(top, left, 90, 90)
    np.testing.assert_allclose(part.to_frame(box - np.tile([left, top], 2)), [[140, 30, 180, 60]], atol=2)


@pytest.mark.parametrize("form", ["yuv420p", "nv12", "yuv422p10le", "yuv444p", "rgb24", "gray", "p010le"])
def test_a_face_is_looked_for_in_any_format(form):
    one = clip("one")
    frame, face = frames_of(one)[0], one.frames[0].boxes[0]
    box = VideoDetector(PROFILES["fast"], 0).look(frame.reformat(format=form), face)
    assert box is not None
    assert np.abs(box - face).max() < 0.25 * (face[3] - face[1])
