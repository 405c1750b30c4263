"""Pixel formats that the kernels work on, and what the others are to be turned into first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from facegate.codes import Refusal

Kind = Literal["luma", "chroma", "colour", "alpha"]


@dataclass(frozen=True, slots=True)
class PlaneLayout:
    """One plane of a format.

    Attributes:
        across: luma columns per sample, 1 or 2.
        down: luma rows per sample, 1 or 2.
        channels: samples that lie side by side for one pixel.
        kind: what they mean; packed formats say "colour" though one of the channels may be alpha.
    """

    across: int
    down: int
    channels: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Layout:
    """A pixel format as the kernels see it.

    Attributes:
        depth: significant bits of a sample, in its low end; over 8, samples are uint16, little endian.
        planes: in the order of the frame's.
        alpha: channel of a packed plane that is alpha, or None.
        full: whether samples span all codes ("pc"); None where the frame has to say.
    """

    depth: int
    planes: tuple[PlaneLayout, ...]
    alpha: int | None = None
    full: bool | None = True


_ONE = {kind: PlaneLayout(1, 1, 1, kind) for kind in ("luma", "colour", "alpha")}


def _formats() -> dict[str, Layout]:
    table: dict[str, Layout] = {}
    for tag, across, down in (("420", 2, 2), ("422", 2, 1), ("444", 1, 1)):
        yuv = (_ONE["luma"], *(PlaneLayout(across, down, 1, "chroma"),) * 2)
        for depth in (8, 9, 10, 12, 14, 16):
            table[_name(f"yuv{tag}p", depth)] = Layout(depth, yuv, full=None)
        for depth in (8, 9, 10, 16) if tag == "420" else (8, 9, 10, 12, 16):
            table[_name(f"yuva{tag}p", depth)] = Layout(depth, (*yuv, _ONE["alpha"]), full=None)
        table[f"yuvj{tag}p"] = Layout(8, yuv)
    rgb = (_ONE["colour"],) * 3
    for depth in (8, 9, 10, 12, 14, 16):
        table[_name("gray", depth)] = Layout(depth, (_ONE["luma"],), full=None)
        table[_name("gbrp", depth)] = Layout(depth, rgb)
        if depth != 9:
            table[_name("gbrap", depth)] = Layout(depth, (*rgb, _ONE["alpha"]))
    for name, depth, channels, alpha in (
        ("rgb24", 8, 3, None), ("bgr24", 8, 3, None), ("rgb48le", 16, 3, None), ("bgr48le", 16, 3, None),
        ("rgba", 8, 4, 3), ("bgra", 8, 4, 3), ("argb", 8, 4, 0), ("abgr", 8, 4, 0),
        ("rgba64le", 16, 4, 3), ("bgra64le", 16, 4, 3), ("ya8", 8, 2, 1), ("ya16le", 16, 2, 1),
    ):  # fmt: skip
        table[name] = Layout(depth, (PlaneLayout(1, 1, channels, "colour"),), alpha)
    return table


def _name(stem: str, depth: int) -> str:
    return stem if depth == 8 else f"{stem}{depth}le"


FORMATS = _formats()

# Little endian names; what a pattern says holds for every format of that family.
_NEAREST: tuple[tuple[str, str], ...] = (
    (r"nv12|nv21|yuv410p", "yuv420p"),
    (r"nv16|yuv411p|uyyvyy411|yuyv422|uyvy422|yvyu422", "yuv422p"),
    (r"nv24|nv42|yuv440p|vuyx|vyu444", "yuv444p"),
    (r"yuvj411p", "yuvj422p"),
    (r"yuvj440p", "yuvj444p"),
    (r"ayuv|vuya|uyva", "yuva444p"),
    (r"ayuv64le", "yuva444p16le"),
    (r"nv20le|y210le|p210le", "yuv422p10le"),
    (r"p010le", "yuv420p10le"),
    (r"p012le", "yuv420p12le"),
    (r"p016le", "yuv420p16le"),
    (r"y212le|p212le", "yuv422p12le"),
    (r"y216le|p216le", "yuv422p16le"),
    (r"p410le|xv30le|v30xle|yuv440p10le|yuv444p10msble", "yuv444p10le"),
    (r"p412le|xv36le|yuv440p12le|yuv444p12msble", "yuv444p12le"),
    (r"p416le|xv48le", "yuv444p16le"),
    (r"0rgb|rgb0|0bgr|bgr0|(rgb|bgr)(8|4_byte|444le|555le|565le)", "rgb24"),
    (r"pal8", "rgba"),
    (r"x2rgb10le|x2bgr10le|gbrp10msble", "gbrp10le"),
    (r"gbrp12msble", "gbrp12le"),
    (r"monow|monob", "gray"),
    (r"xyz12le", "rgb48le"),
)

# Nothing in FFmpeg 8 reads these, so there is no way to turn them into anything.
_UNREADABLE = frozenset(("v30xbe", "xv30be", "x2rgb10be", "x2bgr10be", "y210be", "y212be", "y216be"))


def supported_format(pixel_format: str) -> str:
    """The format itself if the kernels work on it, else the nearest that they work on and that loses nothing.

    "Nothing" is no bit of depth, no chroma sample, no transparency. A palette may be transparent, so it becomes RGBA.

    Args:
        pixel_format: FFmpeg's name.

    Raises:
        Refusal: format.pixels: Bayer patterns, floating point, 32 bit, pictures in a graphics card's memory, unknown.
    """
    if pixel_format in FORMATS:
        return pixel_format
    little = pixel_format[:-2] + "le" if pixel_format.endswith("be") else pixel_format
    if little in FORMATS:
        return little
    for pattern, nearest in _NEAREST:
        if pixel_format not in _UNREADABLE and re.fullmatch(pattern, little):
            return nearest
    raise Refusal("format.pixels")
