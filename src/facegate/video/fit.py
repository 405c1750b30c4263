"""From the frames of an upload to the frames that an encoder takes: pixel format, palette, and upright if need be."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, VideoReformatter

from facegate.video.codecs import Plan
from facegate.video.info import Look

# Containers that cannot say how a picture is to be turned: it is turned itself.
TURNED: Final = frozenset({"avi", "gif", "webp"})
# What a display matrix does, told by the signs of its four corners (a, b, c, d): x' = a x + c y, y' = b x + d y.
_TURNS: Final[dict[tuple[int, int, int, int], tuple[tuple[str, str | None], ...]]] = {
    (1, 0, 0, 1): (),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (-1, 0, 0, -1): (("hflip", None), ("vflip", None)),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (-1, 0, 0, 1): (("hflip", None),),
    (1, 0, 0, -1): (("vflip", None),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}


class Fitter:
    """Makes frames fit. Frames that fit already pass through, without a copy.

    Args:
        plan: of the output.
        look: of the upload.
        size_wh: of the upload's frames, pixels.
        time_base: of the upload's frames, seconds.

    Attributes:
        size_wh: of what comes out.
        aspect: width of a pixel over its height, of what comes out; or None.
    """

    def __init__(self, plan: Plan, look: Look, size_wh: tuple[int, int], time_base: Fraction) -> None:
        self._plan = plan
        self._range = ColorRange.JPEG if look.full_range else ColorRange.MPEG
        self._size_wh = size_wh
        self._time_base = time_base
        self._reformatter = VideoReformatter()
        self._graph: Graph | None = None
        self._graph_format = ""
        self._turns = _turns(look.matrix) if plan.container in TURNED else ()
        sideways = any(name == "transpose" for name, _ in self._turns)
        self.size_wh = size_wh[::-1] if sideways else size_wh
        self.aspect = 1 / look.aspect if sideways and look.aspect else look.aspect

    def fit(self, frame: av.VideoFrame) -> av.VideoFrame:
        """One frame in, one out; the times are those of the one that came in.

        Raises:
            av.FFmpegError: FFmpeg cannot convert it.
        """
        if self._turns or self._plan.pixel_format == "pal8":
            return self._filtered(frame)
        if frame.format.name == self._plan.pixel_format:
            return frame
        return self._reformatter.reformat(
            frame, format=self._plan.pixel_format, src_color_range=self._range, dst_color_range=self._range
        )

    def _filtered(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self._graph is None or frame.format.name != self._graph_format:
            self._graph, self._graph_format = self._built(frame.format), frame.format.name
        pts, duration = frame.pts, frame.duration
        self._graph.vpush(frame)
        ready = self._graph.vpull()
        ready.pts, ready.time_base, ready.duration = pts, self._time_base, duration
        return ready

    def _built(self, form: VideoFormat) -> Graph:
        graph = Graph()
        graph.threads = 1
        width, height = self._size_wh
        last = graph.add_buffer(
            width=width, height=height, format=VideoFormat(form.name, width, height), time_base=self._time_base
        )
        for name, argument in self._turns:
            following = graph.add(name, argument) if argument else graph.add(name)
            last.link_to(following)
            last = following
        if self._plan.pixel_format == "pal8":
            split = graph.add("split")
            # A palette of its own for every frame: one for all would need them all first.
            palette = graph.add("palettegen", "stats_mode=single")
            use = graph.add("paletteuse", "new=1")
            last.link_to(split)
            split.link_to(use, 0, 0)
            split.link_to(palette, 1, 0)
            palette.link_to(use, 0, 1)
            last = use
        else:
            form_filter = graph.add("format", self._plan.pixel_format)
            last.link_to(form_filter)
            last = form_filter
        last.link_to(graph.add("buffersink"))
        graph.configure()
        return graph


def _turns(matrix: tuple[int, ...] | None) -> tuple[tuple[str, str | None], ...]:
    if matrix is None:
        return ()
    corners = (matrix[0], matrix[1], matrix[3], matrix[4])
    a, b, c, d = ((value > 0) - (value < 0) if abs(value) > 1 << 14 else 0 for value in corners)
    return _TURNS.get((a, b, c, d), ())
