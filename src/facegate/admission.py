"""How an upload becomes one of a request's: it is staged, the child takes it in, and a handle answers for it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from facegate import videos
from facegate.arguments import whole, word
from facegate.errors import AnalysisError, UploadError
from facegate.incoming import Kind, PlainFile, Source, kind_of, plain_file, stage
from facegate.intake import Intake
from facegate.media import ImageUpload, VideoUpload

if TYPE_CHECKING:
    from facegate.custody import Custody
    from facegate.memory.regions import AnyRegion
    from facegate.policy import MediaLimits, VideoLimits
    from facegate.request import Request
    from facegate.sharing.originals import Originals

MediaKind: TypeAlias = Literal["auto", "image", "video"]

_KINDS: Final = ("auto", "image", "video")
# What the child may call a picture.
_READABLE: Final = frozenset({"JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"})


class Admissions:
    """Takes in the uploads of one request; its turns are those of the custody.

    Attributes:
        limits: of pictures.
        video_limits: of videos.
    """

    def __init__(self, request: Request, limits: MediaLimits, video_limits: VideoLimits, originals: Originals) -> None:
        self._request = request
        self.limits = limits
        self.video_limits = video_limits
        self._originals = originals
        self._ids = itertools.count()

    def new_id(self) -> int:
        """Of an upload, or of what is made of one."""
        return next(self._ids)

    def admit(self, custody: Custody, source: Source | Intake, media: MediaKind) -> ImageUpload | VideoUpload:
        """What `Request.admit` does."""
        _check(media)
        if isinstance(source, Intake):
            return self._from_intake(custody, source, media)
        plain = None if media == "image" else plain_file(source)
        if plain is not None:
            try:
                if media == "video" or kind_of(plain.head()) == "video":
                    return self._video(custody, plain)
            finally:
                plain.close()
        kind: Kind = "video" if media == "video" else "image"

        def limit(head: bytes) -> int:
            nonlocal kind
            kind = kind_of(head) if media == "auto" else kind
            return self._most_bytes(kind)

        region, used = stage(source, limit, self._request.request_id, custody.check_open, custody.release)
        return self._staged(custody, kind, region, used)

    def intake(self, custody: Custody, media: MediaKind) -> Intake:
        """What `Request.intake` does."""
        _check(media)
        held_to_be = None if media == "auto" else media
        made = Intake(held_to_be, self._most_bytes, self._request.request_id, custody.check_open)
        with custody.working():
            return custody.hold(made)

    def _most_bytes(self, kind: Kind) -> int:
        return int(self.limits.bytes if kind == "image" else self.video_limits.bytes)

    def _from_intake(self, custody: Custody, intake: Intake, media: MediaKind) -> ImageUpload | VideoUpload:
        if media != "auto":
            raise AnalysisError("What an intake is held to be was said when it was made: leave media out.")
        with custody.working():
            if not custody.holds(intake):
                raise AnalysisError("The intake is not one of this request, or was admitted or dropped.")
            try:
                region, used, kind = intake.seal()
            except UploadError:
                custody.drop(intake)
                raise
            custody.hold(region, used)
            intake.give()
            custody.drop(intake)
        return self._staged(custody, kind, region, used)

    def _staged(self, custody: Custody, kind: Kind, region: AnyRegion, used: int) -> ImageUpload | VideoUpload:
        if kind == "video":
            return self._video(custody, (region, used))
        return self._image(custody, region, used)

    def _image(self, custody: Custody, region: AnyRegion, used: int) -> ImageUpload:
        try:
            with custody.working():
                custody.hold(region, used)
                upload_id = self.new_id()
                command = {"do": "admit", "upload": upload_id, "bytes": used, "limits": self.limits.as_dict()}
                answer = custody.call(command, [region])
                # In here, where a child that does not keep to the protocol is ended for it.
                side = int(self.limits.side)
                size_wh = (whole(answer, "width", 1, side), whole(answer, "height", 1, side))
                picture_format = word(answer, "format", _READABLE)
                if self._originals.wanted:
                    self._originals.keep(custody, upload_id, (region, used))
        except BaseException:
            custody.release(region, used)
            raise
        if not self._originals.wanted:
            custody.release(region, used)
        return ImageUpload(self._request, upload_id, size_wh, picture_format)

    def _video(self, custody: Custody, upload: PlainFile | tuple[AnyRegion, int]) -> VideoUpload:
        upload_id = self.new_id()
        try:
            with custody.working():
                if isinstance(upload, tuple):
                    # Not released before purge: the child reads it whenever it decodes.
                    custody.hold(*upload)
                facts = videos.admit(custody, upload_id, upload, self.video_limits)
                if self._originals.wanted:
                    self._originals.keep(custody, upload_id, upload)
        except BaseException:
            if isinstance(upload, tuple):
                custody.release(*upload)
            raise
        return VideoUpload(self._request, upload_id, facts)


def _check(media: str) -> None:
    if media not in _KINDS:
        raise AnalysisError(f"media must be one of {', '.join(_KINDS)}.")
