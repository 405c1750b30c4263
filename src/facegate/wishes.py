"""What a caller may wish of a redaction and of an output, checked, as the command that the child gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from facegate import videos
from facegate.errors import AnalysisError, OutputError
from facegate.media import Media, RedactedVideo, VideoUpload

FORMATS = ("jpeg", "png", "webp")
STYLES = ("solid", "pixelate", "blur")
SHAPES = ("box", "ellipse")

Style: TypeAlias = Literal["solid", "pixelate", "blur"]
Shape: TypeAlias = Literal["box", "ellipse"]
Profile: TypeAlias = Literal["fast", "balanced", "thorough"]
Container: TypeAlias = Literal["mp4", "mov", "mkv", "webm", "avi", "gif", "webp"]


class Covering(NamedTuple):
    """The arguments of `Request.redact`, as they were given.

    Attributes:
        keep: index of the face that stays, already known to be of this upload.
        style: of what covers.
        shape: of the covered area.
        margin: None for the kind of media's own.
        profile: of a video.
    """

    keep: int | None
    style: str
    shape: str
    margin: float | None
    profile: str | None


def covering(upload: Media, wish: Covering, plans: Iterator[int]) -> dict[str, Any]:
    """The command for what is to be covered.

    Args:
        upload: what is to be redacted.
        wish: how.
        plans: numbers for the plans of videos.

    Raises:
        AnalysisError: the wish is none.
    """
    video = isinstance(upload, VideoUpload)
    if isinstance(upload, RedactedVideo):
        raise AnalysisError("The video is redacted already: redact the upload once more instead.")
    if wish.style not in STYLES or wish.shape not in SHAPES:
        raise AnalysisError(f"style must be one of {', '.join(STYLES)}; shape one of {', '.join(SHAPES)}.")
    margin = wish.margin
    if margin is None:
        margin = 0.0 if video else 0.25
    if not 0 <= margin <= 2:
        raise AnalysisError("margin must be a number from 0 to 2.")
    if wish.profile is not None and (not video or wish.profile not in videos.PROFILES):
        raise AnalysisError(f"profile is for a video, and one of {', '.join(videos.PROFILES)}.")
    command = {
        "do": "redact",
        "upload": upload.upload_id,
        "keep": wish.keep,
        "style": wish.style,
        "shape": wish.shape,
        "margin": float(margin),
    }
    if video:
        command |= {"do": "video.redact", "plan": next(plans), "profile": wish.profile or "balanced"}
    return command


def picture_output(format: str, quality: int | None) -> dict[str, Any]:
    """The command for a picture that leaves.

    Raises:
        OutputError: there is no such format or quality.
    """
    if format not in FORMATS:
        raise OutputError(f"format must be one of {', '.join(FORMATS)}.")
    if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
        raise OutputError("quality must be a whole number from 1 to 100.")
    return {"do": "encode", "format": format, "quality": quality}
