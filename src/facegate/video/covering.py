"""The one place where a frame that was followed becomes one that may leave.

An encoder takes `Redacted` and nothing else, and nothing else makes one. So whatever fails in looking for faces or in
covering them, there is no frame to encode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from av.video.reformatter import VideoReformatter

from facegate.redact.planes import redact_frame, supported_format

if TYPE_CHECKING:
    import av

    from facegate.redact.image import Shape, Style
    from facegate.vision.follow import Covered


@dataclass(frozen=True, slots=True)
class Redaction:
    """How faces are covered; see `facegate.redact.planes.redact_frame`."""

    style: Style
    shape: Shape
    margin: float


_KEY: Final = object()


@final
class Redacted:
    """A frame in which everything is covered that was to be. Made by `Cover` alone.

    Attributes:
        frame: to be encoded.
    """

    __slots__ = ("frame",)

    def __init__(self, frame: av.VideoFrame, key: object) -> None:
        if key is not _KEY:
            raise TypeError("Only Cover makes one.")
        self.frame = frame


class Cover:
    """Covers the faces of frames of one video."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        # Kept, since swscale's tables cost more than their use.
        self._reformatter = VideoReformatter()

    def __call__(self, covered: Covered) -> Redacted:
        """Cover a frame, which is then no longer the caller's.

        Raises:
            Refusal: its pixels are in a format that cannot be covered, or a wish was none.
        """
        frame, wish = covered.frame, self._redaction
        form = supported_format(frame.format.name)
        if form != frame.format.name:
            frame = self._reformatter.reformat(frame, format=form)
        redact_frame(frame, covered.boxes, style=wish.style, shape=wish.shape, margin=wish.margin)
        return Redacted(frame, _KEY)
