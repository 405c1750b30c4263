"""Which encoder an output gets, and how quality and speed are said to each."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from av.codec import Codec
from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list
from av.video.format import VideoFormat

from facegate.codes import Refusal
from facegate.video.carry import MUXERS, written_as
from facegate.video.info import VideoInfo

OutputContainer = Literal["mp4", "mov", "mkv", "webm", "avi", "gif", "webp"]
OutputCodec = Literal["h264", "hevc", "vp9", "av1", "prores", "ffv1", "gif", "webp"]

ENCODERS: Final[dict[str, str]] = {
    "h264": "libx264",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "prores": "prores_ks",
    "ffv1": "ffv1",
    "gif": "gif",
    "webp": "libwebp_anim",
}
# In the order of preference where the upload's own codec will not do.
HOLDS: Final[dict[str, tuple[str, ...]]] = {
    "mp4": ("h264", "hevc", "av1", "vp9"),
    "mov": ("h264", "hevc", "prores"),
    "mkv": ("h264", "hevc", "av1", "vp9", "prores", "ffv1"),
    "webm": ("vp9", "av1"),
    "avi": ("h264", "ffv1"),
    "gif": ("gif",),
    "webp": ("webp",),
}
PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
# The same ladder for encoders that count: SVT-AV1's preset, libvpx's cpu-used.
_SVT: Final = dict(zip(PRESETS, (12, 11, 10, 9, 8, 7, 5, 3, 2), strict=True))
_VPX: Final = dict(zip(PRESETS, (8, 7, 6, 5, 4, 3, 2, 1, 0), strict=True))
# Constant rate factors that look alike on 1080p camera pictures: x264's 20 is taken as transparent for a second
# generation; the others' are their developers' equivalents.
_CRF: Final[dict[str, tuple[int, int]]] = {"h264": (20, 51), "hevc": (22, 51), "vp9": (28, 63), "av1": (28, 63)}
_LOSS: Final = PixFmtLoss.DEPTH | PixFmtLoss.RESOLUTION | PixFmtLoss.CHROMA | PixFmtLoss.COLORQUANT


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """What is asked of an output.

    Attributes:
        container: kind of file; None for the upload's own (MP4 for MPEG-TS).
        codec: of the video track; None for the upload's own where it can be encoded without losing bits, colour or
            resolution, else H.264 where the container has it, else the container's best that loses nothing.
        preset: x264's name for a trade of speed against size, for every encoder; None for ``"medium"``.
        quality: 1 to 100, more is better; None for the codec's default. It is a constant rate factor counted backwards
            in hundredths of its range: 60 is x264's crf 20.
        threads: of the encoder.
    """

    container: OutputContainer | None = None
    codec: OutputCodec | None = None
    preset: str | None = None
    quality: int | None = None
    threads: int = 1


class Plan(NamedTuple):
    """How a video track will be encoded.

    Attributes:
        container: of the output.
        codec: of the output.
        encoder: FFmpeg's name.
        pixel_format: what the encoder gets.
        options: for the encoder.
    """

    container: str
    codec: str
    encoder: str
    pixel_format: str
    options: dict[str, str]


def plan(info: VideoInfo, settings: OutputSettings) -> Plan:
    """Choose container, codec, pixel format and options of an output.

    Raises:
        Refusal: output.container, output.codec, output.preset or output.quality.
    """
    container = written_as(info.container) if settings.container is None else settings.container
    if container not in MUXERS:
        raise Refusal("output.container")
    if settings.preset is not None and settings.preset not in PRESETS:
        raise Refusal("output.preset")
    quality = settings.quality
    if quality is not None and (isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100):
        raise Refusal("output.quality")
    codec, pixel_format = _codec(info, container, settings.codec)
    options = _options(codec, settings.preset or "medium", quality, settings.threads)
    if container == "avi":
        options["bf"] = "0"  # AVI has no time stamps, only an order
    if codec == "webp":
        options |= _webp_options(info, quality)
    return Plan(container, codec, ENCODERS[codec], pixel_format, options)


def _codec(info: VideoInfo, container: str, asked: str | None) -> tuple[str, str]:
    held = HOLDS[container]
    if asked is not None:
        chosen = pixel_format(asked, info) if asked in held else None
        if chosen is None:
            raise Refusal("output.codec")
        return asked, chosen[0]
    candidates = [info.codec, *held] if info.codec in held else list(held)
    fallback: tuple[str, str] | None = None
    for codec in candidates:
        chosen = pixel_format(codec, info)
        if chosen is not None and chosen[1]:
            return codec, chosen[0]
        if chosen is not None and fallback is None:
            fallback = codec, chosen[0]
    if fallback is None:
        raise Refusal("output.codec")
    return fallback


def pixel_format(codec: str, info: VideoInfo) -> tuple[str, bool] | None:
    """What an encoder takes that is nearest to what the decoder yields.

    Args:
        codec: of the output.
        info: of the upload.

    Returns:
        The format's name and whether nothing is lost by it; None when the encoder cannot have the picture's size.
    """
    if codec in {"gif", "webp"}:
        # Palettes are made by a filter; WebP's encoder is lossless with BGRA only.
        return ("pal8" if codec == "gif" else "bgra"), True
    names = [name for name in _formats(ENCODERS[codec]) if _fits(codec, name, info.size_wh)]
    if not names:
        return None
    source = plain(info.pixel_format)
    if source in names:
        return source, True
    best, loss = find_best_pix_fmt_of_list(names, source)
    if best is None:
        return None
    return best.name, not loss & _LOSS


def plain(name: str) -> str:
    """A pixel format's name without the range in it: yuvj420p is yuv420p in full range."""
    return name.replace("yuvj", "yuv")


def _fits(codec: str, name: str, size_wh: tuple[int, int]) -> bool:
    """x264, x265 and SVT-AV1 cut or refuse a picture whose sides are no multiple of a chroma sample."""
    if codec not in {"h264", "hevc", "av1"}:
        return True
    form = VideoFormat(name, 64, 64)
    across, down = 64 // form.chroma_width(64), 64 // form.chroma_height(64)
    return size_wh[0] % across == 0 and size_wh[1] % down == 0


@functools.cache
def _formats(encoder: str) -> tuple[str, ...]:
    found = Codec(encoder, "w").video_formats or []
    # The ones with a range in their name are the same samples as those without.
    return tuple(form.name for form in found if not form.name.startswith("yuvj") and not _semiplanar(form.name))


def _semiplanar(name: str) -> bool:
    return name.startswith(("nv", "p0"))


def _options(codec: str, preset: str, quality: int | None, threads: int) -> dict[str, str]:
    default, worst = _CRF.get(codec, (0, 0))
    crf = default if quality is None else round(worst * (1 - quality / 100))
    if codec == "h264":
        # No SEI that the upload carried; closed captions stay.
        return {"preset": preset, "crf": str(crf), "udu_sei": "0", "a53cc": "1"}
    if codec == "hevc":
        return {
            "preset": preset,
            "crf": str(crf),
            "udu_sei": "0",
            "a53cc": "1",
            # Its pool of threads lowers their priority, a call that the sandbox does not allow, and reads /sys; threads
            # for whole frames do neither and take as long.
            "x265-params": f"log-level=none:pools=none:frame-threads={min(threads, 16)}",
        }
    if codec == "vp9":
        return {"crf": str(crf), "b": "0", "deadline": "good", "cpu-used": str(_VPX[preset]), "row-mt": "1"}
    if codec == "av1":
        return {"crf": str(crf), "preset": str(_SVT[preset]), "svtav1-params": f"lp={min(threads, 2)}"}
    return {}


def _webp_options(info: VideoInfo, quality: int | None) -> dict[str, str]:
    # Palette pictures are smaller without loss than with it, and look better.
    if quality == 100 or (quality is None and info.container == "gif"):
        return {"lossless": "1"}
    return {"quality": str(quality or 90)}
