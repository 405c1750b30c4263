"""The clips and what is claimed to be known about them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import av
import numpy as np
import pytest

from facegate.vision import boxes as bx
from facegate.vision.detect import Detector
from fixtures.clips import CLIPS, SMALL, clip
from fixtures.clips.encode import write
from fixtures.clips.people import PEOPLE, bust
from fixtures.clips.render import render, times_of
from fixtures.clips.spec import Actor, Spec, Thing
from fixtures.clips.table import SPECS
from fixtures.clips.turning import YAW_LIMIT, set_down

STILL = ((0.0, 0.5, 0.45),)


def spec(**changes) -> Spec:
    plain = Spec("made", 4, (Actor("astronaut", STILL, (80, 80), sway=0.0),), size_wh=(320, 240), pan=0.0, noise=0.0)
    return replace(plain, **changes)


def drawn(one: Spec) -> list:
    return [replace(frame, rgb=frame.rgb.copy()) for frame in render(one)]


@pytest.mark.parametrize("name", SMALL)
def test_a_small_clip_decodes_to_the_frames_it_knows(name):
    """Times, size and number are those of the file; boxes reach into the frame and faces are known once."""
    made = clip(name)
    with av.open(str(made.path)) as container:
        stream = container.streams.video[0]
        shown = [(frame.pts, frame.width, frame.height) for frame in container.decode(stream)]
        assert stream.time_base == made.time_base
    assert [pts for pts, _, _ in shown] == [frame.pts for frame in made.frames]
    assert {(w, h) for _, w, h in shown} == {made.size_wh}
    for frame in made.frames:
        assert frame.time == pytest.approx(float(frame.pts * made.time_base))
        assert len(set(frame.tracks.tolist())) == len(frame.tracks) == len(frame.boxes) == len(frame.visible)
        assert (frame.boxes[:, :2] < np.array(made.size_wh)).all()
        assert (frame.boxes[:, 2:] > 0).all()
        assert ((frame.visible > 0) & (frame.visible <= 1)).all()
    faces = sum(len(frame.tracks) for frame in made.frames)
    assert (faces == 0) == (name == "empty")


@pytest.mark.parametrize(
    "name", ["one", "sizes_middle", "sizes_large", "turning_plane", "turning_side", "dark", "rotated", "cuts"]
)
def test_a_detector_finds_the_faces_where_they_are_known(name):
    """A clip in which no detector sees the face would be no ground truth; boxes at another place neither."""
    made = clip(name)
    overlaps, detector = [], Detector()
    with av.open(str(made.path)) as container:
        for frame, known in zip(container.decode(video=0), made.frames, strict=True):
            if frame.pts // made.frames[1].pts % 10 or not len(known.tracks):
                continue
            rgb, boxes = frame.to_ndarray(format="rgb24"), known.boxes
            if made.rotation == 90:
                # Upright, x is counted from what was the bottom.
                rgb, high = np.ascontiguousarray(np.rot90(rgb, -1)), made.size_wh[1]
                x0, y0, x1, y1 = boxes.T
                boxes = np.column_stack([high - y1, x0, high - y0, x1])
            boxes = boxes[known.visible > 0.8]
            found = detector.detect(rgb).boxes
            overlaps += np.column_stack([bx.iou(boxes, found), np.zeros(len(boxes))]).max(axis=1).tolist()
    assert len(overlaps) >= 3
    assert np.mean(np.array(overlaps) > 0.4) >= 0.9, overlaps
    assert np.median(overlaps) > 0.6


def test_the_true_box_is_where_the_face_is_painted():
    """With and without the person: nearly every pixel of the ellipse differs, and the head ends near its box."""
    for roll, yaw, mirrored in ((0, 0, False), (35, 0, False), (-35, 0, True), (0, 30, False), (0, -30, True)):
        actor = Actor("astronaut", STILL, (100, 100), (roll, 0), (yaw, 0), sway=0.0, mirrored=mirrored)
        whole, empty = drawn(spec(actors=(actor,), frames=1))[0], drawn(spec(actors=(), frames=1))[0]
        changed = np.abs(whole.rgb.astype(int) - empty.rgb).max(axis=2) > 6
        x0, y0, x1, y1 = whole.boxes[0]
        assert (x0 + x1) / 2 == pytest.approx(160, abs=1)
        assert (y0 + y1) / 2 == pytest.approx(108, abs=1)
        if roll == 0:
            assert y1 - y0 == pytest.approx(100, abs=1)
        ys, xs = np.mgrid[:240, :320] + 0.5
        ellipse = ((xs - (x0 + x1) / 2) / (x1 - x0)) ** 2 + ((ys - (y0 + y1) / 2) / (y1 - y0)) ** 2 <= 0.25
        assert changed[ellipse].mean() > 0.95, (roll, yaw, mirrored)


def test_turning_to_a_side_narrows_the_face_and_mirroring_turns_it_round():
    """The far half becomes narrower than the near one; a mirrored face is the mirrored picture."""
    plain = drawn(spec(actors=(Actor("hopper", STILL, (90, 90), sway=0.0),), frames=1))[0]
    turned = drawn(spec(actors=(Actor("hopper", STILL, (90, 90), yaw=(30, 0), sway=0.0),), frames=1))[0]
    wide = [float(frame.boxes[0, 2] - frame.boxes[0, 0]) for frame in (plain, turned)]
    assert wide[1] < 0.95 * wide[0]
    args = ("hopper", (160.0, 108.0), 90.0, 0.0, 20.0)
    patch, box, _ = set_down(*args, mirrored=False, frame_wh=(320, 240))
    other, twin, _ = set_down(*args, mirrored=True, frame_wh=(320, 240))
    assert twin == pytest.approx([320 - box[2], box[1], 320 - box[0], box[3]], abs=1e-6)
    canvas = [np.zeros((240, 320, 4), np.int64) for _ in range(2)]
    for one, onto in zip((patch, other), canvas, strict=True):
        onto[one.top : one.top + one.rgba.shape[0], one.left : one.left + one.rgba.shape[1]] = one.rgba
    # The edges of strongly contrasted letters and braid may be a level of interpolation apart.
    assert np.abs(canvas[0][:, ::-1] - canvas[1]).mean() < 3


def test_a_bar_takes_from_the_visible_share_what_it_hides():
    """Half of the face behind a bar is half visible, all of it behind a wide one is not listed."""
    bar = Thing("bar", ((0.0, 0.5, 0.5),), (400, 240))
    centre = 0.5 + 200 / 320  # its left edge runs through the middle of the face
    half = drawn(spec(things=(replace(bar, path=((0.0, centre, 0.5),)),)))[0]
    assert half.visible[0] == pytest.approx(0.5, abs=0.06)
    assert len(drawn(spec(things=(bar,)))[0].tracks) == 0
    behind = drawn(spec(things=(replace(bar, depth=-1.0),)))[0]
    assert behind.visible[0] == 1.0


def test_a_person_in_front_hides_the_one_behind():
    two = tuple(Actor("hopper", STILL, (80, 80), sway=0.0, depth=depth) for depth in (2.0, 1.0))
    frame = drawn(spec(actors=two))[0]
    # The same outline before it: what is left are points of the ellipse beside the jaw.
    seen = dict(zip(frame.tracks.tolist(), frame.visible.tolist(), strict=True))
    assert seen[0] == 1.0
    assert seen.get(1, 0.0) < 0.1


def test_the_visible_share_at_the_border_is_what_lies_inside():
    frame = drawn(spec(actors=(Actor("astronaut", ((0.0, 0.0, 0.45),), (80, 80), sway=0.0),)))[0]
    assert frame.boxes[0, 0] < 0
    assert frame.visible[0] == pytest.approx(0.5, abs=0.06)


def test_rendering_is_the_same_every_time_and_named_by_its_spec():
    one = spec(noise=2.0, seed=5, frames=3, actors=(Actor("lfw_18", STILL, (40, 40), yaw=(0, 20)),))
    first, second = drawn(one), drawn(one)
    assert all((a.rgb == b.rgb).all() and (a.boxes == b.boxes).all() for a, b in zip(first, second, strict=True))
    assert (drawn(replace(one, seed=6))[0].rgb != first[0].rgb).any()
    assert one.digest == replace(one).digest
    assert one.digest != replace(one, seed=6).digest


def test_the_clips_have_the_difficulties_they_are_named_for():
    """Speed, sizes, numbers, turning, occlusion, borders, blur, cuts, darkness."""
    heights = {name: np.concatenate([f.boxes[:, 3] - f.boxes[:, 1] for f in clip(name).frames]) for name in SMALL[1:]}
    assert heights["sizes_tiny"].min() < 26
    assert heights["size_400"].max() > 390
    fast = clip("fast").frames
    steps = [
        np.abs(b.boxes[b.tracks == 0][0] - a.boxes[a.tracks == 0][0])[0] / np.diff(a.boxes[a.tracks == 0][0][[0, 2]])[0]
        for a, b in itertools.pairwise(fast)
        if 0 in a.tracks and 0 in b.tracks
    ]
    assert max(steps) > 0.9
    assert {len(frame.tracks) for frame in clip("crowd_12").frames} == {12}
    assert np.ptp(heights["turning_plane"]) > 5
    bar = clip("occluded_bar").frames
    assert min(f.visible[f.tracks == 0].min() for f in bar) < 0.4
    assert max(f.visible.max() for f in bar) == 1.0
    assert min(f.visible.min() for f in clip("entering_leaving").frames if len(f.visible)) < 0.3
    assert max(f.blur.max() for f in clip("motion_blur").frames) > 8
    assert {tuple(f.tracks) for f in clip("cuts").frames} == {(0,), (1, 2), (3,), (4,)}
    crossing = clip("crossing")
    assert crossing.subject == 0
    assert any(0 not in f.tracks for f in crossing.frames)


def test_irregular_times_and_rotation_and_tracks_are_in_the_file():
    steps = np.diff([frame.time for frame in clip("variable").frames])
    assert len(set(steps.round(4).tolist())) > 3
    assert steps.max() == pytest.approx(0.5, abs=0.01)
    with av.open(str(clip("rotated").path)) as container:
        # PyAV counts counter-clockwise, the clip clockwise.
        assert next(container.decode(video=0)).rotation == -clip("rotated").rotation == -90
    assert clip("rotated").size_wh == (640, 360)
    kinds = {}
    for name in ("one", "sound", "sounds_text"):
        with av.open(str(clip(name).path)) as container:
            kinds[name] = [stream.type for stream in container.streams]
            assert all(sum(p.size for p in _packets(name, i)) > 0 for i in range(len(kinds[name])))
    assert kinds == {
        "one": ["video"],
        "sound": ["video", "audio"],
        "sounds_text": ["video", "audio", "audio", "subtitle"],
    }


def _packets(name: str, index: int) -> list:
    with av.open(str(clip(name).path)) as container:
        return list(container.demux(container.streams[index]))


def test_a_file_with_another_number_of_frames_is_no_clip(tmp_path, monkeypatch):
    """What was rendered and what is in the file must agree: the truth belongs to frames by their number."""
    one = spec(frames=5)
    meta, frames = write(one, tmp_path / "whole")
    assert (meta.size_wh, len(frames)) == ((320, 240), 5)
    monkeypatch.setattr("fixtures.clips.encode._presentation", lambda _: ([0, 1], meta.time_base))
    with pytest.raises(RuntimeError, match="has 2 frames in its container, 5 were rendered"):
        write(one, tmp_path / "short")


def test_people_and_names():
    assert len(PEOPLE) == len(set(PEOPLE)) == 24
    assert all(bust(person).height > 100 for person in ("astronaut", "hopper", "lfw_18"))
    assert all(abs(actor.yaw[0]) + abs(actor.yaw[1]) <= YAW_LIMIT for one in SPECS.values() for actor in one.actors)
    # Larger than this a crop of 25 pixels is a blur and no face.
    assert all(max(a.size) <= 48 for one in SPECS.values() for a in one.actors if a.person.startswith("lfw_"))
    assert {"bench_10s", "bench_60s"} < set(CLIPS) - set(SMALL)
    with pytest.raises(KeyError, match="no clip is called 'nothing'"):
        clip("nothing")
    assert times_of(SPECS["bench_60s"])[-1] == pytest.approx(60, abs=0.04)
