"""How coverage is measured: clips made by hand, in which the answer is known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from benchmarks.coverage import BLACK, GREY, coverage_of_boxes, coverage_of_video
from fixtures.clips import Clip, FrameTruth
from fixtures.clips import clip as known

WIDE, HIGH, COUNT = 192, 144, 12
BOX = (60.0, 40.0, 100.0, 90.0)  # 50 px high


def write(path: Path, pictures: list[np.ndarray], *, times: list[int] | None = None, turned: int = 0) -> None:
    """Lossless, so that the colours are what the test says they are."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "bgr0"
        stream.codec_context.time_base = Fraction(1, 100)
        if turned:
            stream.set_display_rotation(-turned)
        for index, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = times[index] if times else 4 * index, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def scene() -> list[np.ndarray]:
    """Bright noise: far from black and from grey."""
    rng = np.random.default_rng(0)
    return [rng.integers(170, 256, (HIGH, WIDE, 3)).astype(np.uint8) for _ in range(COUNT)]


def ellipse(box: tuple[float, ...], grow: float = 1.0) -> np.ndarray:
    x0, y0, x1, y1 = box
    ys, xs = np.mgrid[:HIGH, :WIDE] + 0.5
    across, down = grow * (x1 - x0) / 2, grow * (y1 - y0) / 2
    return ((xs - (x0 + x1) / 2) / across) ** 2 + ((ys - (y0 + y1) / 2) / down) ** 2 <= 1


def truth(index: int, boxes: list[tuple[float, ...]] | None = None, visible: float = 1.0) -> FrameTruth:
    at = np.array(boxes if boxes is not None else [BOX], np.float32).reshape(-1, 4)
    count = len(at)
    shares, still = np.full(count, visible, np.float32), np.zeros(count, np.float32)
    return FrameTruth(40 * index, 0.04 * index, np.arange(count), at, shares, still)


def made(tmp_path: Path, pictures: list[np.ndarray], frames: tuple[FrameTruth, ...] | None = None) -> Clip:
    path = tmp_path / "original.mkv"
    write(path, pictures)
    frames = frames or tuple(truth(index) for index in range(len(pictures)))
    return Clip(path, (WIDE, HIGH), 25.0, frames, None, 0, Fraction(1, 1000))


def painted(pictures: list[np.ndarray], mask: np.ndarray, colour=GREY, leave=()) -> list[np.ndarray]:
    out = [rgb.copy() for rgb in pictures]
    for index, rgb in enumerate(out):
        if index not in leave:
            rgb[mask] = colour
    return out


def bucket(result, name: str):
    return next(one for one in result.buckets if one.name == name)


@pytest.mark.parametrize("colour", [GREY, BLACK])
def test_a_face_uncovered_in_exactly_three_frames(tmp_path, colour):
    """Three of twelve face-frames are missed, two of them in a row; the run says which."""
    pictures = scene()
    clip = made(tmp_path, pictures)
    write(tmp_path / "out.mkv", painted(pictures, ellipse(BOX), colour, leave=(2, 7, 8)))
    result = coverage_of_video(clip, tmp_path / "out.mkv", fill=colour)
    assert (result.frames, result.missing, result.added, result.undecided) == (COUNT, 0, 0, 0)
    found = bucket(result, "44-60")
    assert (found.faces, found.covered, result.uncovered) == (COUNT, COUNT - 3, 3)
    assert (result.from_28.faces, result.from_28.covered) == (COUNT, COUNT - 3)
    assert [(run.track, run.first, run.frames, run.height) for run in result.runs] == [(0, 7, 2, 50.0)]
    assert result.false_boxes == 0
    assert bucket(result, "24-44").faces == 0


def test_an_untouched_file_covers_nothing(tmp_path):
    pictures = scene()
    clip = made(tmp_path, pictures)
    result = coverage_of_video(clip, clip.path)
    assert (result.from_28.covered, result.from_28.mean, result.uncovered) == (0, 0.0, COUNT)


@pytest.mark.parametrize(("grow", "enough"), [(0.84, False), (0.90, True)])
def test_three_quarters_of_the_ellipse_are_enough(tmp_path, grow, enough):
    """A concentric ellipse of 0.84 has 0.71 of the area, one of 0.90 has 0.81."""
    pictures = scene()
    clip = made(tmp_path, pictures)
    write(tmp_path / "out.mkv", painted(pictures, ellipse(BOX, grow)))
    result = coverage_of_video(clip, tmp_path / "out.mkv")
    assert result.from_28.mean == pytest.approx(grow**2, abs=0.02)
    assert result.from_28.covered == (COUNT if enough else 0)


def test_the_fill_colour_of_the_picture_itself_does_not_count(tmp_path):
    """Half of the face is grey in the original: uncovered it is 0, and covered the other half decides."""
    pictures = scene()
    left = np.zeros((HIGH, WIDE), bool)
    left[:, :80] = True
    for rgb in pictures:
        rgb[left] = GREY
    clip = made(tmp_path, pictures)
    assert coverage_of_video(clip, clip.path).from_28.mean == 0.0
    write(tmp_path / "out.mkv", painted(pictures, ellipse(BOX) & ~left))
    covered = coverage_of_video(clip, tmp_path / "out.mkv")
    assert (covered.from_28.covered, covered.from_28.mean, covered.false_boxes) == (COUNT, 1.0, 0.0)


def test_a_face_of_the_fill_colour_is_undecided(tmp_path):
    pictures = painted(scene(), ellipse(BOX, 1.1))
    clip = made(tmp_path, pictures)
    result = coverage_of_video(clip, clip.path)
    assert (result.undecided, result.from_28.faces, result.uncovered) == (COUNT, 0, 0)


def test_what_is_covered_away_from_faces_is_false(tmp_path):
    """Two blocks of 20x20 in half of the frames: one box a frame; what lies around the face is not false."""
    pictures = scene()
    clip = made(tmp_path, pictures)
    out = painted(pictures, ellipse(BOX, 1.4))
    for rgb in out[::2]:
        rgb[5:25, 160:180] = GREY
        rgb[122:142, :20] = GREY
    write(tmp_path / "out.mkv", out)
    result = coverage_of_video(clip, tmp_path / "out.mkv")
    assert result.false_boxes == 1.0
    assert result.false_area == pytest.approx(400 / (WIDE * HIGH), rel=0.05)
    assert result.from_28.covered == COUNT


def test_missing_and_added_frames_are_reported_and_paired_by_time(tmp_path):
    """Without two frames and with one more between; what is left is compared with its own time."""
    pictures = scene()
    clip = made(tmp_path, pictures)
    out = painted(pictures, ellipse(BOX), leave=(5,))
    times = [4 * i for i in range(COUNT)]
    kept = [i for i in range(COUNT) if i not in (3, 10)]
    shown = sorted([(times[i], out[i]) for i in kept] + [(4 * 6 + 2, out[6])], key=lambda one: one[0])
    write(tmp_path / "out.mkv", [rgb for _, rgb in shown], times=[time for time, _ in shown])
    result = coverage_of_video(clip, tmp_path / "out.mkv")
    assert (result.missing, result.added, result.frames) == (2, 1, COUNT - 2)
    assert [(run.first, run.frames) for run in result.runs] == [(5, 1)]


def test_frames_are_paired_by_order_when_asked(tmp_path):
    """A tool that makes other times of the same frames."""
    pictures = scene()
    clip = made(tmp_path, pictures)
    write(tmp_path / "out.mkv", painted(pictures, ellipse(BOX)), times=[7 * i for i in range(COUNT)])
    assert coverage_of_video(clip, tmp_path / "out.mkv").missing > 0
    result = coverage_of_video(clip, tmp_path / "out.mkv", by="order")
    assert (result.missing, result.added, result.from_28.covered) == (0, 0, COUNT)


@pytest.mark.parametrize("upright", [False, True])
def test_an_output_may_keep_the_rotation_or_apply_it(tmp_path, upright):
    pictures = scene()
    clip = replace(made(tmp_path, pictures), rotation=90)
    write(clip.path, pictures, turned=90)
    out = painted(pictures, ellipse(BOX), leave=(4,))
    # 90 degrees clockwise shows the coded frame upright.
    turned = [np.rot90(rgb, -1) for rgb in out] if upright else out
    write(tmp_path / "out.mkv", turned, turned=0 if upright else 90)
    result = coverage_of_video(clip, tmp_path / "out.mkv")
    assert (result.from_28.covered, result.uncovered) == (COUNT - 1, 1)


def test_another_size_is_refused(tmp_path):
    pictures = scene()
    clip = made(tmp_path, pictures)
    write(tmp_path / "out.mkv", [rgb[:100] for rgb in pictures])
    with pytest.raises(ValueError, match="the output is 192x100, the clip 192x144"):
        coverage_of_video(clip, tmp_path / "out.mkv")


def test_hardly_visible_faces_are_not_counted(tmp_path):
    pictures = scene()
    clip = made(tmp_path, pictures, tuple(truth(i, visible=0.3 if i < 4 else 0.5) for i in range(COUNT)))
    result = coverage_of_video(clip, clip.path)
    assert (result.from_28.faces, result.uncovered) == (COUNT - 4, COUNT - 4)


def test_a_face_at_the_border_counts_by_what_is_inside(tmp_path):
    pictures = scene()
    beyond = (-20.0, 40.0, 20.0, 90.0)
    clip = made(tmp_path, pictures, tuple(truth(i, [beyond]) for i in range(COUNT)))
    write(tmp_path / "out.mkv", painted(pictures, ellipse(beyond)))
    assert coverage_of_video(clip, tmp_path / "out.mkv").from_28.mean == 1.0
    boxes = [np.array([[0, 40, 20, 90]], np.float32)] * COUNT
    inside = coverage_of_boxes(clip.frames, boxes, size_wh=(WIDE, HIGH), shape="box")
    assert inside.from_28.mean == 1.0
    outside = [np.array([[-20, 40, 0, 90]], np.float32)] * COUNT
    assert coverage_of_boxes(clip.frames, outside, size_wh=(WIDE, HIGH), shape="box").from_28.mean == 0.0


def test_boxes_cover_as_ellipses_or_whole():
    """The ellipse in its own box covers all; half a box beside covers what overlaps; growing makes up for it."""
    frames = [truth(i) for i in range(4)]
    same = coverage_of_boxes(frames, [np.array([BOX])] * 4, size_wh=(WIDE, HIGH))
    assert (same.from_28.covered, same.from_28.mean, same.false_boxes) == (4, 1.0, 0.0)
    half = np.array([[60, 40, 80, 90]], np.float32)
    assert coverage_of_boxes(frames, [half] * 4, size_wh=(WIDE, HIGH), shape="box").from_28.mean == pytest.approx(
        0.5, abs=0.01
    )
    two = np.array([[60, 40, 80, 90], [80, 40, 100, 90]], np.float32)
    assert coverage_of_boxes(frames, [two] * 4, size_wh=(WIDE, HIGH), shape="box").from_28.mean == 1.0
    small = np.array([[64, 45, 96, 85]], np.float32)  # 0.8 of the box: 0.64 of the area
    assert coverage_of_boxes(frames, [small] * 4, size_wh=(WIDE, HIGH)).from_28.covered == 0
    assert coverage_of_boxes(frames, [small] * 4, size_wh=(WIDE, HIGH), margin=0.1).from_28.covered == 4


def test_boxes_missing_in_some_frames_and_false_ones():
    frames = [truth(i) for i in range(10)]
    nothing, right = np.empty((0, 4), np.float32), np.array([BOX], np.float32)
    wrong = np.array([BOX, (150, 100, 180, 140)], np.float32)
    boxes = [nothing if i in (1, 2, 3, 6) else wrong if i == 8 else right for i in range(10)]
    result = coverage_of_boxes(frames, boxes, size_wh=(WIDE, HIGH))
    assert (result.uncovered, result.from_28.covered) == (4, 6)
    assert [(run.first, run.frames) for run in result.runs] == [(1, 3)]
    assert result.false_boxes == pytest.approx(0.1)
    assert result.summary()["coverage"]["44-60"] == {"faces": 10, "share": 0.6}


def test_covering_someone_who_is_about_to_enter_is_not_false():
    """The face is there from frame 20 on; its place may be covered half a second (12 frames) before, not earlier."""
    frames = [truth(i, [] if i < 20 else [BOX]) for i in range(30)]
    result = coverage_of_boxes(frames, [np.array([BOX])] * 30, size_wh=(WIDE, HIGH))
    assert result.false_boxes * 30 == pytest.approx(20 - 12)


def test_boxes_for_another_number_of_frames_are_refused():
    with pytest.raises(ValueError, match="boxes are given for 1 frames, the clip has 2"):
        coverage_of_boxes([truth(0), truth(1)], [np.array([BOX])], size_wh=(WIDE, HIGH))


def test_the_person_who_is_kept_is_counted_apart():
    """Uncovered they are no miss; covered in two frames they are reported with two."""
    other = (120.0, 40.0, 160.0, 90.0)
    frames = [truth(i, [BOX, other]) for i in range(10)]
    both, one = np.array([BOX, other], np.float32), np.array([other], np.float32)
    boxes = [both if i in (4, 5) else one for i in range(10)]
    result = coverage_of_boxes(frames, boxes, size_wh=(WIDE, HIGH), keep=0)
    assert (result.from_28.faces, result.uncovered, result.runs) == (10, 0, ())
    assert (result.kept.faces, result.kept.covered) == (10, 2)
    assert coverage_of_boxes(frames, boxes, size_wh=(WIDE, HIGH)).uncovered == 8


@pytest.mark.parametrize("name", ["sizes_tiny", "dark", "rotated", "variable"])
@pytest.mark.parametrize("colour", [GREY, BLACK])
def test_covering_the_known_faces_counts_as_covered_after_a_lossy_encoder(tmp_path, name, colour):
    """What another tool's file looks like: ellipses on real frames, 4:2:0, x264; and nothing of it is false."""
    clip = known(name)
    cover(clip, tmp_path / "out.mp4", colour, leave=(3, 4))
    result = coverage_of_video(clip, tmp_path / "out.mp4", fill=colour)
    assert (result.missing, result.added, result.undecided, result.false_boxes) == (0, 0, 0, 0.0)
    everyone = sum(int((frame.visible >= 0.35).sum()) for frame in clip.frames)
    missed = sum(int((clip.frames[i].visible >= 0.35).sum()) for i in (3, 4))
    assert sum(one.faces for one in result.buckets) == everyone
    assert result.uncovered == missed
    assert {run.frames for run in result.runs} == {2}


def cover(clip: Clip, path: Path, colour: tuple[int, int, int], leave: tuple[int, ...]) -> None:
    with av.open(str(clip.path)) as source, av.open(str(path), "w") as container:
        given = source.streams.video[0]
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, "yuv420p"
        stream.codec_context.time_base = given.time_base
        stream.set_display_rotation(-clip.rotation)
        for index, frame in enumerate(source.decode(given)):
            rgb = frame.to_ndarray(format="rgb24").copy()
            for x0, y0, x1, y1 in clip.frames[index].boxes.astype(float) if index not in leave else ():
                # In sixteenths of a pixel, as cv2 takes them.
                centre, axes = (8 * (x0 + x1), 8 * (y0 + y1)), (8 * (x1 - x0), 8 * (y1 - y0))
                whole = [tuple(round(v) for v in pair) for pair in (centre, axes)]
                cv2.ellipse(rgb, *whole, 0, 0, 360, colour, -1, cv2.LINE_8, 4)
            made = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
            made.pts, made.time_base = frame.pts, frame.time_base
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
