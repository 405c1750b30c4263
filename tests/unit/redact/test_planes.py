"""Redaction on the planes of a frame, in every format, against plain numpy."""

from __future__ import annotations

import av
import numpy as np
import pytest

from facegate.codes import Refusal
from facegate.redact.formats import FORMATS
from facegate.redact.planes import redact_frame
from tests.unit.redact import reference

STYLES = ("solid", "pixelate", "blur")
SHAPES = ("box", "ellipse")
BOX = (20.7, 11.2, 60.1, 57.9)  # no corner on a cell's edge
EVERY = sorted(FORMATS)
# One for each way that a plane can be laid out.
TYPICAL = ("yuv420p", "yuv422p10le", "yuv444p", "yuvj420p", "yuva420p", "gray10le", "rgb24", "argb", "gbrp10le", "ya8")


def _boxes(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _grey(pixel_format: str, plane: int) -> int:
    layout = FORMATS[pixel_format]
    limited = pixel_format.startswith(("yuv4", "yuva")) and plane == 0
    return {8: 126, 9: 251, 10: 502, 12: 2008, 14: 8032, 16: 32128}[layout.depth] if limited else 1 << layout.depth - 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("pixel_format", EVERY)
def test_every_format_is_redacted_where_asked_and_nowhere_else(pixel_format: str, style: str, shape: str):
    """Odd sides; samples, lines' padding and alpha compared one by one with the reference."""
    frame = reference.noise(77, 71, pixel_format)
    layout, before, was = FORMATS[pixel_format], reference.samples(frame), reference.memory(frame)
    redact_frame(frame, _boxes(BOX), style=style, shape=shape)  # type: ignore[arg-type]
    mask = reference.touched(frame, BOX, shape)
    # The reference tries points: what an ellipse touches with less than the distance of two of them, it misses.
    nearly = reference.touched(frame, (BOX[0] - 0.1, BOX[1] - 0.1, BOX[2] + 0.1, BOX[3] + 0.1), shape)
    for index, (old, new) in enumerate(zip(before, reference.samples(frame), strict=True)):
        where, outside = reference.grown(mask, frame, index), ~reference.grown(nearly, frame, index)
        assert np.array_equal(new[outside], old[outside])
        colours = [channel for channel in range(new.shape[2]) if channel != layout.alpha]
        if layout.planes[index].kind == "alpha":
            assert (new[where] == (1 << layout.depth) - 1).all()
            continue
        if layout.alpha is not None:
            assert (new[where][:, layout.alpha] == (1 << layout.depth) - 1).all()
        if style == "solid":
            assert (new[where][:, colours] == _grey(pixel_format, index)).all()
        elif style == "pixelate":
            expected = _mosaic(frame, old, index)
            assert np.abs(new[where] - expected[where])[:, colours].max() <= 0.51
        else:
            assert _detail(new, where, colours) < _detail(old, where, colours) / 12
            means = new[where][:, colours].mean(axis=0), old[where][:, colours].mean(axis=0)
            assert np.abs(means[0] - means[1]).max() < (1 << layout.depth) / 12
    for plane, old in zip(frame.planes, was, strict=True):
        size = layout.planes[0].channels * (1 if layout.depth == 8 else 2)
        assert plane.line_size > plane.width * size  # or there would be no padding to look at
        new_lines, old_lines = (array.reshape(plane.height, -1) for array in (np.frombuffer(plane, np.uint8), old))
        assert np.array_equal(new_lines[:, plane.width * size :], old_lines[:, plane.width * size :])


def _mosaic(frame: av.VideoFrame, old: np.ndarray, index: int) -> np.ndarray:
    """`BOX` is 39.4 by 46.7: 48 whole cells at most, so blocks of six pixels."""
    part, (down, across) = FORMATS[frame.format.name].planes[index], reference.cell(frame)
    left, top, right, bottom = BOX
    y0, y1 = int(top // down) * down // part.down, -int(-bottom // down) * down // part.down
    x0, x1 = int(left // across) * across // part.across, -int(-right // across) * across // part.across
    expected = old.copy()
    expected[y0:y1, x0:x1] = reference.mosaic(old[y0:y1, x0:x1], 6 // part.down, 6 // part.across)
    return expected


def _detail(plane: np.ndarray, where: np.ndarray, channels: list[int]) -> float:
    """Mean difference between neighbours in a row that are both covered."""
    both = where[:, 1:] & where[:, :-1]
    return float(np.abs(np.diff(plane, axis=1))[both][:, channels].mean())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv420p10le"])
def test_wherever_luma_is_covered_so_is_its_colour(pixel_format: str, shape: str):
    """No sample of chroma survives that a covered pixel is shown with, at any offset of the box to the grid."""
    part = FORMATS[pixel_format].planes[1]
    for offset in np.linspace(0, 2, 7):
        frame = reference.noise(40, 40, pixel_format, seed=3)
        before = reference.samples(frame)
        redact_frame(frame, _boxes((9 + offset, 8 + offset, 25 + offset / 2, 27)), shape=shape)  # type: ignore[arg-type]
        after = reference.samples(frame)
        luma = (after[0] != before[0])[:, :, 0]
        neutral = (after[1] == 1 << FORMATS[pixel_format].depth - 1)[:, :, 0]
        assert luma.any()
        assert neutral.repeat(part.down, 0).repeat(part.across, 1)[luma].all()


@pytest.mark.parametrize(("color_range", "expected"), [(0, 126), (1, 126), (2, 128)])
def test_solid_is_the_middle_of_the_frames_range(color_range: int, expected: int):
    """126 of 16 to 235, 128 of 0 to 255; chroma is neutral in both."""
    frame = reference.noise(32, 32, "yuv420p")
    frame.color_range = color_range
    redact_frame(frame, _boxes((0, 0, 32, 32)), shape="box")
    luma, *chroma = reference.samples(frame)
    assert (luma == expected).all()
    assert all((plane == 128).all() for plane in chroma)


@pytest.mark.parametrize("side", [9, 16, 17, 40, 63, 64, 100, 250])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "rgb24"])
def test_a_mosaic_has_at_most_eight_blocks_on_an_even_grid(pixel_format: str, side: int):
    """Of luma along the longer side, wherever the box begins; chroma changes only where luma may."""
    for offset in (0.0, 0.6, 1.5):
        frame = reference.noise(300, 300, pixel_format)
        left = 11 + offset
        redact_frame(frame, _boxes((left, 11, left + side, 11 + side * 0.8)), style="pixelate", shape="box")
        begin, end = int(left) // 2 * 2, int(np.ceil(left + side))
        planes = reference.samples(frame)
        line = planes[0][14, begin:end]
        edges = np.flatnonzero((np.diff(line, axis=0) != 0).any(axis=1)) + 1
        assert len(edges) <= (7 if pixel_format != "rgb24" else 8)
        if pixel_format != "rgb24":
            assert (edges % 2 == 0).all()
            scale = FORMATS[pixel_format].planes[1].across
            chroma = planes[1][14 // FORMATS[pixel_format].planes[1].down, begin // scale : -(-end // scale)]
            changes = (np.flatnonzero(np.diff(chroma[:, 0])) + 1) * scale
            spacing = np.diff([0, *edges]).min() if len(edges) else side
            assert (changes % spacing == 0).all()


@pytest.mark.parametrize("style", ["pixelate", "blur"])
def test_strength_is_that_of_the_whole_face_when_the_frame_cuts_it(style: str):
    """The visible half is as coarse as the whole."""
    frame = reference.noise(200, 200, "yuv420p")
    redact_frame(frame, _boxes((-100, 20, 60, 180)), style=style, shape="box")  # type: ignore[arg-type]
    for plane, scale in zip(reference.samples(frame), (1, 2, 2), strict=True):
        assert np.abs(np.diff(plane[22 // scale : 178 // scale, : 60 // scale], axis=1)).mean() < 4


@pytest.mark.parametrize("style", STYLES)
def test_interlaced_frames_are_covered_in_both_fields(style: str):
    """Each field has every second row of chroma: what is covered are four rows of luma and two of chroma."""
    frame = _filtered(reference.noise(64, 64, "yuv420p"), "setparams", "field_mode=tff")
    assert frame.interlaced_frame
    before = reference.samples(frame)
    redact_frame(frame, _boxes((16, 18, 48, 46)), style=style, shape="box")  # type: ignore[arg-type]
    after = reference.samples(frame)
    for old, new, (first, behind) in zip(before, after, ((16, 48), (8, 24), (8, 24)), strict=True):
        rows = np.flatnonzero((old != new).any(axis=(1, 2)))
        assert rows.min() == first
        assert rows.max() == behind - 1


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("boxes", [_boxes(), _boxes((90, 10, 120, 40)), _boxes((-40, -40, -1, -1))])
def test_without_a_face_the_frame_is_neither_copied_nor_touched(style: str, boxes: np.ndarray):
    """Another frame has the same memory, so a copy would show; and it does when there is a face."""
    frame, other = _shared(reference.noise(80, 60, "yuv420p"))
    before = reference.memory(other)
    redact_frame(frame, boxes, style=style)  # type: ignore[arg-type]
    assert [plane.buffer_ptr for plane in frame.planes] == [plane.buffer_ptr for plane in other.planes]
    assert all(np.array_equal(*pair) for pair in zip(before, reference.memory(frame), strict=True))
    redact_frame(frame, _boxes((10, 10, 40, 40)), style=style)  # type: ignore[arg-type]
    assert frame.planes[0].buffer_ptr != other.planes[0].buffer_ptr
    assert all(np.array_equal(*pair) for pair in zip(before, reference.memory(other), strict=True))


def _shared(frame: av.VideoFrame) -> list[av.VideoFrame]:
    """Two frames with the memory of one."""
    graph = av.filter.Graph()
    size = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/30:pixel_aspect=1/1"
    source, split, sinks = graph.add("buffer", size), graph.add("split"), [graph.add("buffersink") for _ in range(2)]
    source.link_to(split)
    for pad, sink in enumerate(sinks):
        split.link_to(sink, pad, 0)
    graph.configure()
    frame.pts = 0
    source.push(frame)
    return [sink.pull() for sink in sinks]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "box", [(np.nan,) * 4, (-np.inf, -np.inf, np.inf, np.inf), (-1e9, -1e9, 1e9, 1e9), (80, 60, 0, 0), (-9, -9, 99, 99)]
)
def test_boxes_beyond_measure_cover_the_middle_of_the_frame(box: tuple[float, ...], style: str, shape: str):
    """In doubt all of it; no warning, no error."""
    frame = reference.noise(81, 61, "yuv420p")
    redact_frame(frame, _boxes(box), style=style, shape=shape)  # type: ignore[arg-type]
    assert np.abs(np.diff(reference.samples(frame)[0][25:35, 20:60], axis=1)).mean() < 8


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("pixel_format", TYPICAL)
@pytest.mark.parametrize("box", [(30.2, 20.3, 30.6, 20.9), (30, 20, 30, 20), (0, 0, 1, 1), (80.5, 60.5, 80.9, 60.9)])
def test_a_tiny_box_becomes_grey(box: tuple[float, ...], pixel_format: str, style: str):
    """A mean of a few samples would be the samples. The frame's last, odd, column and row are reached."""
    frame = reference.noise(81, 61, pixel_format)
    redact_frame(frame, _boxes(box), style=style)  # type: ignore[arg-type]
    x, y = min(int(box[0]), 80), min(int(box[1]), 60)
    for index, (plane, part) in enumerate(zip(reference.samples(frame), FORMATS[pixel_format].planes, strict=True)):
        if part.kind != "alpha" and FORMATS[pixel_format].alpha is None:
            assert (plane[y // part.down, x // part.across] == _grey(pixel_format, index)).all()


@pytest.mark.parametrize("style", ["pixelate", "blur"])
@pytest.mark.parametrize("shape", SHAPES)
def test_overlapping_faces_work_on_what_the_earlier_left(style: str, shape: str):
    """The result is that of one call after the other; two mosaics of one original would tell more."""
    boxes = [(5.5, 5, 45, 45), (25, 15.2, 70, 55), (20, 20, 30, 30)]
    together, apart = (reference.noise(80, 60, "yuv420p") for _ in range(2))
    redact_frame(together, _boxes(*boxes), style=style, shape=shape)  # type: ignore[arg-type]
    for box in boxes:
        redact_frame(apart, _boxes(box), style=style, shape=shape)  # type: ignore[arg-type]
    assert np.array_equal(together.to_ndarray(), apart.to_ndarray())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_plane_that_lies_upside_down_is_redacted_where_it_is_seen(style: str, shape: str):
    """Lines that run upwards, as in raw AVI: the result is that of the same picture stored the usual way."""
    upright = reference.noise(64, 48, "yuv420p")
    flipped = _filtered(av.VideoFrame.from_ndarray(_reversed(upright), format="yuv420p"), "vflip")
    assert all(plane.line_size < 0 for plane in flipped.planes)
    for frame in (upright, flipped):
        redact_frame(frame, _boxes((10, 4, 40, 30)), style=style, shape=shape)  # type: ignore[arg-type]
    again = _filtered(flipped, "vflip")  # lines run downwards again; the picture is the flipped one
    assert np.array_equal(_reversed(again), upright.to_ndarray())


def _filtered(frame: av.VideoFrame, name: str, *arguments: str) -> av.VideoFrame:
    graph = av.filter.Graph()
    size = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/30:pixel_aspect=1/1"
    source, change, sink = graph.add("buffer", size), graph.add(name, *arguments), graph.add("buffersink")
    source.link_to(change)
    change.link_to(sink)
    graph.configure()
    frame.pts = 0
    source.push(frame)
    return sink.pull()


def _reversed(frame: av.VideoFrame) -> np.ndarray:
    """Its planes with their lines in reverse, as `from_ndarray` takes them."""
    width, height = frame.width, frame.height
    planes = [plane[::-1, :, 0].astype(np.uint8) for plane in reference.samples(frame)]
    return np.concatenate([planes[0].ravel(), planes[1].ravel(), planes[2].ravel()]).reshape(height * 3 // 2, width)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"style": "swirl"}, "redact.style"),
        ({"shape": "star"}, "redact.shape"),
        ({"margin": -1.0}, "redact.margin"),
        ({"boxes": np.zeros((2, 3), np.float32)}, "redact.boxes"),
        ({"boxes": np.zeros((2, 4), np.int64)}, "redact.boxes"),
        ({"boxes": None}, "redact.boxes"),
        ({"outlines": [np.zeros((5, 3), np.float32)]}, "redact.outlines"),
        ({"outlines": [np.zeros((0, 2), np.float32)]}, "redact.outlines"),
        ({"outlines": [[(0.0, 1.0)]]}, "redact.outlines"),
        ({"frame": av.VideoFrame(32, 32, "nv12")}, "format.pixels"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(change: dict, code: str):
    """Before anything is changed."""
    asked = {"frame": reference.noise(32, 32, "yuv420p"), "boxes": _boxes((1, 1, 20, 20))} | change
    frame = asked["frame"]
    before = reference.memory(frame)
    with pytest.raises(Refusal) as caught:
        redact_frame(asked.pop("frame"), asked.pop("boxes"), **asked)
    assert caught.value.code == code
    assert all(np.array_equal(*pair) for pair in zip(before, reference.memory(frame), strict=True))
