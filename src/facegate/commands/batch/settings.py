"""What a batch does to every file, and the digest that tells two ways of doing it apart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from facegate.commands.batch.kinds import Kind, Media


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that shape an output.

    Attributes:
        keep: which face is left.
        style: of the covering.
        shape: of the covered area.
        margin: growth of each box, as a share of its side; None is 0.25 in a picture, and the profile's own in a video.
        picture_format: of pictures; None keeps each one's own.
        video_format: of videos; None keeps each one's own.
        quality: of what loses some, 1 to 100, more is better; None is the format's or codec's usual.
        profile: how thoroughly videos are searched.
        codec: of videos; None is the container's usual.
        preset: of the video encoder, speed against size; None is the usual.
    """

    keep: Literal["none", "largest"] = "none"
    style: Literal["solid", "pixelate", "blur"] = "solid"
    shape: Literal["box", "ellipse"] = "ellipse"
    margin: float | None = None
    picture_format: str | None = None
    video_format: str | None = None
    quality: int | None = None
    profile: Literal["fast", "balanced", "thorough"] = "balanced"
    codec: str | None = None
    preset: str | None = None

    def format_of(self, kind: Kind) -> str:
        """The format in which a file of this kind is written."""
        return (self.picture_format if kind.media == "image" else self.video_format) or kind.format

    def digest(self, kind: Kind) -> str:
        """SHA-256, lower-case hex, of all that shapes the output of a file of this kind; of facegate's version too."""
        text = json.dumps(self._relevant(kind.media) | {"format": self.format_of(kind)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _relevant(self, media: Media) -> dict[str, Any]:
        names = ["keep", "style", "shape", "margin", "quality"]
        names += ["profile", "codec", "preset"] if media == "video" else []
        # Another version may find more faces: what an earlier one made is then no longer what would be made.
        return {name: getattr(self, name) for name in names} | {"facegate": version("facegate"), "media": media}
