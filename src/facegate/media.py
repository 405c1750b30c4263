"""Uploads as the worker holds them, and outputs. The pixels of an upload are in the child; `expose` shows them."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facegate.errors import OutputError
from facegate.memory.sealed import Sealed

if TYPE_CHECKING:
    from facegate.request import Request


class Media(Sealed):
    """Something that lives in the child of one request."""

    __slots__ = ("_request", "upload_id")

    def __init__(self, request: Request, upload_id: int) -> None:
        self._request = request
        self.upload_id = upload_id

    def belongs_to(self, request: Request) -> bool:
        """Whether this is of that request."""
        return self._request is request


class Picture(Media):
    """A picture that lives in the child of one request.

    Attributes:
        size_wh: width and height, pixels, upright.
        format: type of the upload, e.g. ``"JPEG"``.
    """

    __slots__ = ("format", "size_wh")

    def __init__(self, request: Request, upload_id: int, size_wh: tuple[int, int], picture_format: str) -> None:
        super().__init__(request, upload_id)
        self.size_wh = size_wh
        self.format = picture_format

    redacted = False

    def expose(self) -> AbstractContextManager[NDArray[np.uint8]]:
        """Look at the pixels: (H, W, 3) uint8, RGB, read-only; zeros after the block.

        Raises:
            RequestClosedError: the request is over.
        """
        return self._request.expose_pixels(self)


class ImageUpload(Picture):
    """What came in, decoded and upright."""

    __slots__ = ()


class RedactedImage(Picture):
    """An upload with the faces covered that `Request.redact` was asked to cover."""

    __slots__ = ()
    redacted = True


class PastedImage(Picture):
    """A picture into which `Request.paste` put a crop back; it can be redacted, pasted into and finished like any."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What is known of a video without decoding it.

    Attributes:
        size_wh: width and height, pixels, as it is to be shown: turned upright.
        duration: seconds; None if the file does not say.
        frames: how many; None if the file does not say.
        rate: frames a second, on average.
        format: of the file: ``"mp4"``, ``"mov"``, ``"mkv"``, ``"webm"``, ``"avi"``, ``"ts"``, ``"gif"`` or ``"webp"``.
        tracks: video, sound, subtitles and the rest together.
    """

    size_wh: tuple[int, int]
    duration: float | None
    frames: int | None
    rate: float
    format: str
    tracks: int


class VideoUpload(Media):
    """A video that came in. It is read anew, from the beginning, by each operation; no frame of it is kept.

    Attributes:
        facts: all that is known of it, under the same names as the properties.
    """

    __slots__ = ("facts",)

    def __init__(self, request: Request, upload_id: int, facts: VideoFacts) -> None:
        super().__init__(request, upload_id)
        self.facts = facts

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height, pixels, upright."""
        return self.facts.size_wh

    @property
    def duration(self) -> float | None:
        """Seconds; None if the file does not say."""
        return self.facts.duration

    @property
    def frames(self) -> int | None:
        """How many; None if the file does not say."""
        return self.facts.frames

    @property
    def rate(self) -> float:
        """Frames a second, on average."""
        return self.facts.rate

    @property
    def format(self) -> str:
        """Of the file, e.g. ``"mp4"``."""
        return self.facts.format

    @property
    def tracks(self) -> int:
        """Video, sound, subtitles and the rest together."""
        return self.facts.tracks


class RedactedVideo(VideoUpload):
    """A video of which `Request.redact` has said what to cover; `Request.finish` and `Request.frames` do it.

    Attributes:
        plan: number of the plan, for the child.
    """

    __slots__ = ("plan",)

    def __init__(self, request: Request, upload_id: int, facts: VideoFacts, plan: int) -> None:
        super().__init__(request, upload_id, facts)
        self.plan = plan


@dataclass(frozen=True, slots=True, repr=False)
class Output:
    """What goes out: encoded, without metadata, and no longer facegate's; the caller owns it.

    Attributes:
        data: the encoded picture or video; empty if it was written to where the caller wanted it.
        format: ``"jpeg"``, ``"png"`` or ``"webp"``; of a video ``"mp4"`` and so on.
        size: bytes, wherever they are.
        path: the file that was written, if one was.
        frames: of a video, how many it has.
    """

    data: bytes
    format: str
    size: int = 0
    path: Path | None = None
    frames: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.size or len(self.data))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `data` to `path`.

        Raises:
            OutputError: the output was written elsewhere already, so there is none.
        """
        if len(self.data) < self.size:
            raise OutputError("The output was written to where finish was told to, and is not here.")
        Path(path).write_bytes(self.data)

    def __repr__(self) -> str:
        return f"Output(format={self.format!r}, {self.size} bytes)"
