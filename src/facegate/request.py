"""One request: its operations, in the order in which a worker uses them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facegate import geometry, shown, stills, videos
from facegate.admission import Admissions, MediaKind
from facegate.aio import AsyncRequest
from facegate.arguments import Reference, Subject, checked_subject, whole
from facegate.categories import Category
from facegate.custody import Custody, Ending
from facegate.errors import AnalysisError, OutputError, PurgeError, PurposeError, RequestClosedError
from facegate.faces import NAME_ONE, Face, FaceSet
from facegate.frames import Frames
from facegate.incoming import Source
from facegate.intake import Intake
from facegate.media import (
    ImageUpload,
    Media,
    Output,
    PastedImage,
    Picture,
    RedactedImage,
    RedactedVideo,
    VideoUpload,
)
from facegate.memory.arena import checked_count
from facegate.policy import MediaLimits, VideoLimits
from facegate.quiet import quiet
from facegate.receipt import Outcome, Receipt
from facegate.recognizer import Recognizer
from facegate.rules.model import Purpose
from facegate.rules.sharing import Partner
from facegate.sharing.data import Json
from facegate.sharing.originals import Originals
from facegate.sharing.share import Exit, Wish
from facegate.targets import To, target_for
from facegate.turn import Turn
from facegate.wishes import Container, Covering, Profile, Shape, Style, covering, picture_output

T = TypeVar("T")

SCANS = ("everyone", "large")


class Request:
    """One request of one person's media; made by `Gate.open_request`, entered once with ``with`` or ``async with``.

    Everything that it computes is gone when the block ends or `finish` returns, whichever comes first, and also when
    its time to live is over, its child dies or its task is cancelled. Methods may be called from any thread and take
    turns.

    Attributes:
        request_id: as given to the gate.
        purpose: as given to the gate.
        receipt: OPEN while the block runs, CLOSE afterwards, None before.
        purge_error: set when purge could not show that everything is gone.
        recognizer: what makes identity embeddings of the subject, as the policy names it; None for nothing.

    Does not protect against: copies that the worker makes inside `expose`, the generated output itself.
    """

    def __init__(
        self,
        request_id: str,
        purpose: Purpose,
        limits: MediaLimits,
        video_limits: VideoLimits,
        begin: Callable[[Request], Custody],
        turn: Turn,
        recognizer: Recognizer | None = None,
        partners: Mapping[str, Partner] | None = None,
    ) -> None:
        self.request_id = request_id
        self.purpose = purpose.name
        self._allowed = purpose
        # Durations come from the clock that nobody sets, so that a request never closes before it opens.
        self.opened_at = datetime.now(UTC)
        self.opened_monotonic = time.monotonic()
        self.receipt: Receipt | None = None
        self.purge_error: PurgeError | None = None
        self.turn = turn
        self.recognizer = recognizer
        self._plans = itertools.count()
        partners = {} if partners is None else partners
        originals = Originals(wanted=any(each.wants_original(purpose.name) for each in partners.values()))
        self._admissions = Admissions(self, limits, video_limits, originals)
        self._exit = Exit(
            request_id=request_id,
            purpose=purpose.name,
            partners=partners,
            originals=originals,
            video_limits=video_limits,
            plans=self._plans,
            check_mine=self._check_mine,
            kept=self._kept,
        )
        self._begin = begin
        self._custody: Custody | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def open(self) -> None:
        """Wait for a turn, where the policy lets requests wait, take a child and sign the OPEN receipt.

        What entering the block does. After `BusyError` the same request may be entered again.

        Raises:
            BusyError: as many requests are open and wait as the policy allows, or this one waited as long as it may.
            RequestClosedError: the request was entered before, or the gate is closed.
        """
        self.check_new()
        self.turn.take()
        self.begin()

    def check_new(self) -> None:
        """Raise if the request was entered before."""
        if self._custody is not None:
            raise RequestClosedError("A request is entered once.", request_id=self.request_id)

    def begin(self) -> None:
        """The rest of `open`, when the turn has come; gives it back if that fails."""
        try:
            self.check_new()
            self.opened_at, self.opened_monotonic = datetime.now(UTC), time.monotonic()
            self._custody = self._begin(self)
        except BaseException:
            self.turn.give_back()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(error)

    async def __aenter__(self) -> AsyncRequest:
        return await AsyncRequest(self).enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await AsyncRequest(self).leave(error)

    @overload
    def admit(self, source: Source, media: Literal["image"]) -> ImageUpload: ...

    @overload
    def admit(self, source: Source, media: Literal["video"]) -> VideoUpload: ...

    @overload
    def admit(self, source: Source | Intake, media: Literal["auto"] = "auto") -> ImageUpload | VideoUpload: ...

    @quiet
    def admit(self, source: Source | Intake, media: MediaKind = "auto") -> ImageUpload | VideoUpload:
        """Hand an upload to the child, which decodes a picture and looks at the header of a video.

        Args:
            source: the encoded upload: bytes, a path, an open descriptor or a binary file object; the caller's still,
                and read from where it stands. A video in a plain file is not copied: the child reads it, read-only, as
                long as the request lasts, so it must not be changed meanwhile. Or an `Intake` of this request, whose
                pieces are all there; it says itself what it is.
            media: ``"auto"`` goes by the first bytes. An animated GIF or WebP is then a picture, its first frame; as
                ``"video"`` it is all of them.

        Raises:
            UploadError: it is empty, of no known type, over a limit or damaged; the request stays open.
            OSError: it cannot be read.
        """
        return self._admissions.admit(self._open_custody(), source, media)

    def intake(self, media: MediaKind = "auto") -> Intake:
        """Somewhere to write an upload that comes in pieces, for `admit` when all have come.

        Args:
            media: as for `admit`; it decides which limit holds.

        Raises:
            RequestClosedError: the request is not open.
        """
        return self._admissions.intake(self._open_custody(), media)

    def drop(self, intake: Intake) -> None:
        """Wipe what came of an upload that is not to be admitted; purge does so anyway."""
        if self._custody is not None:
            self._custody.drop(intake)

    @quiet
    def analyze(
        self,
        upload: ImageUpload | VideoUpload,
        *,
        subject: Subject = "largest",
        scan: Literal["everyone", "large"] = "everyone",
        at: float = 0.0,
    ) -> FaceSet:
        """Find the faces and mesh the subject, and the subject alone.

        Args:
            upload: of this request.
            subject: ``"largest"``; an index, faces being sorted by area, largest first; a point (x, y) in pixels that
                lies on the face; ``"none"`` (or None) to find boxes only; or a `Reference`, another picture of this
                request, for the face that is most like the largest one there. That takes a policy with a recognizer
                that states a threshold; to compare faces, each is embedded in the child and that overwritten at once.
            scan: ``"everyone"`` finds faces from 24 pixels up. ``"large"`` takes a single coarse look, some times
                faster, for one large subject; small faces are missed, and `redact` finds them by a scan of its own.
            at: of a video, which frame is looked at: the one shown so many seconds after the first. `redact` leaves the
                face that it is told to keep from there on.

        Raises:
            PurposeError: the policy's rules allow no facial geometry for the request's purpose.
            AnalysisError: there is no face with that index or at that point, or none that is the reference's. An empty
                picture is no error otherwise: the set is empty and has no subject.
            LimitExceededError: there are more faces than a reference is compared with.
        """
        custody = self._open_custody()
        if not self._allowed.geometry:
            raise PurposeError("The policy allows no facial geometry for this purpose.", request_id=self.request_id)
        self._check_mine(upload)
        wish = checked_subject(subject)
        if isinstance(subject, Reference):
            self._check_comparable(subject)
        if scan not in SCANS:
            raise AnalysisError("scan must be 'everyone' or 'large'.")
        video = isinstance(upload, VideoUpload)
        if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < float("inf") or (at and not video):
            raise AnalysisError("at must be a time in a video, in seconds.")
        with custody.working():
            analysis = custody.begin_analysis()
            command = {"do": "analyze", "upload": upload.upload_id, "subject": wish, "scan": scan}
            if video:
                command |= {"do": "video.analyze", "at": float(at)}
            answer = custody.call(command)
            count = checked_count(answer.get("faces"))
            index = None if answer.get("subject") is None else whole(answer, "subject", 0, count - 1)
        made = answer.get("blendshapes") is True
        return FaceSet(self, upload, analysis, count, index, has_blendshapes=made)

    @overload
    def redact(
        self,
        upload: ImageUpload,
        *,
        keep: Face | None = None,
        style: Style = "solid",
        shape: Shape = "ellipse",
        margin: float = 0.25,
    ) -> RedactedImage: ...

    @overload
    def redact(
        self,
        upload: VideoUpload,
        *,
        keep: Face | None = None,
        style: Style = "solid",
        shape: Shape = "ellipse",
        margin: float | None = None,
        profile: Profile = "balanced",
    ) -> RedactedVideo: ...

    @quiet
    def redact(
        self,
        upload: ImageUpload | VideoUpload,
        *,
        keep: Face | None = None,
        style: Style = "solid",
        shape: Shape = "ellipse",
        margin: float | None = None,
        profile: Profile | None = None,
    ) -> RedactedImage | RedactedVideo:
        """Cover every face but one, or everyone.

        A picture is covered now. For a video this settles what to do; `finish` and `frames` do it.

        Args:
            upload: of this request.
            keep: the face to leave; None covers all. In a video it is followed from the frame on that was analyzed, and
                where it is in doubt whose face it is, it is covered like the others.
            style: ``"solid"`` leaves nothing to reverse; ``"pixelate"`` and ``"blur"`` leave something.
            shape: of the covered area.
            margin: how far the area reaches past the face's box, as a share of the box's side, 0 to 2. By default 0.25
                in a picture; in a video the profile decides, and this comes on top of it.
            profile: of a video only: ``"fast"``, ``"balanced"`` or ``"thorough"``; how closely faces are looked for.

        Raises:
            AnalysisError: an argument is not one of the above, or `keep` is of another analysis.
        """
        custody = self._open_custody()
        self._check_mine(upload)
        kept = None if keep is None else self._kept(custody, upload, keep)
        wish = Covering(kept, style, shape, margin, profile)
        command = covering(upload, wish, self._plans)
        with custody.working():
            custody.call(command)
        if isinstance(upload, VideoUpload):
            return RedactedVideo(self, upload.upload_id, upload.facts, command["plan"])
        return RedactedImage(self, upload.upload_id, upload.size_wh, upload.format)

    @quiet
    def paste(
        self,
        face: Face,
        pixels: NDArray[np.uint8],
        *,
        kind: geometry.CropKind = "ffhq",
        size: int | None = None,
        template: ArrayLike | None = None,
        mask: geometry.MaskKind | Literal["crop"] = "oval",
        feather: float = 0.1,
        match_colour: bool = False,
        onto: Picture | None = None,
    ) -> PastedImage:
        """Put a crop that was generated back where `Face.crop` cut it out.

        Args:
            face: the subject of the latest analysis, in a picture.
            pixels: (S, S, 3) uint8, RGB, read and not kept.
            kind: of the crop, as `kind`, `size` and `template` of `Face.crop`.
            size: None is the edge of `pixels`.
            template: see `kind`.
            mask: what of the crop is taken, a kind of `Face.mask`, or ``"crop"`` for all of it.
            feather: width of the soft edge, as a share of the face's size, 0 to 1.
            match_colour: give the crop the mean and the spread of colour that the picture has there.
            onto: a picture of this request, of the upload's size: a redacted one, whose bystanders then stay covered,
                or one that was pasted into. None is the upload as it came in, with everyone in it.

        Returns:
            A new picture, for `finish` and `expose`; what it was pasted onto stays as it is.

        Raises:
            AnalysisError: an argument is none of these, or the face is a bystander.
            ShapeError: the array or the template is none of these.
            RequestClosedError: the request is over, or a later analysis took the place of the face's.
        """
        custody = self._open_custody()
        face.check_subject()
        upload = face.faces.upload
        self._check_mine(upload)
        crop = geometry.checked_crop(pixels, size)
        command = geometry.crop_wish(kind, len(crop), template) | geometry.mask_wish(mask, feather, "crop")
        base = upload if onto is None else onto
        self._check_mine(base)
        if not isinstance(upload, Picture) or not isinstance(base, Picture) or base.size_wh != upload.size_wh:
            raise AnalysisError("paste puts a crop into a picture of the upload's size, not into a video.")
        made = self._admissions.new_id()
        command |= {"upload": base.upload_id, "redacted": base.redacted, "pasted": made}
        geometry.paste(custody, face, crop, command | {"match_colour": bool(match_colour)})
        return PastedImage(self, made, upload.size_wh, upload.format)

    @quiet
    def frames(
        self,
        video: VideoUpload,
        *,
        redacted: bool = True,
        keep: Face | None = None,
        style: Style = "solid",
        shape: Shape = "ellipse",
        margin: float | None = None,
        profile: Profile | None = None,
    ) -> Frames:
        """The frames of a video for a worker that wants arrays, redacted unless asked otherwise; nothing is purged.

        Args:
            video: of this request: an upload, for which the other arguments are as for `redact`, or what `redact` gave.
            redacted: False for the frames as they came in.
            keep: see `redact`, as all that follow.
            style: of what covers.
            shape: of the covered area.
            margin: on top of the profile's.
            profile: how closely faces are looked for.

        Returns:
            An iterator of (H, W, 3) uint8 arrays, RGB, upright, read-only; each reads zeros when the next one comes.
            One at a time runs in a request.

        Raises:
            AnalysisError: an argument is none of these.
        """
        custody = self._open_custody()
        self._check_mine(video)
        if not isinstance(video, VideoUpload):
            raise AnalysisError("frames takes a video; a picture's pixels are in its expose.")
        wishes = {"keep": keep, "style": style, "shape": shape, "margin": margin, "profile": profile}
        plain = (keep, style, shape, margin, profile) == (None, "solid", "ellipse", None, None)
        if (isinstance(video, RedactedVideo) or not redacted) and not plain:
            raise AnalysisError("What to cover is settled by redact, or nothing is covered: leave the arguments out.")
        if not redacted:
            plan = None
        elif isinstance(video, RedactedVideo):
            plan = video.plan
        else:
            plan = self.redact(video, **wishes).plan  # type: ignore[arg-type]
        return Frames(custody, {"do": "video.frames", "upload": video.upload_id, "plan": plan}, video.size_wh)

    @overload
    def finish(
        self,
        pixels: NDArray[np.uint8] | Picture,
        *,
        format: Literal["jpeg", "png", "webp"] | None = None,
        quality: int | None = None,
    ) -> Output: ...

    @overload
    def finish(
        self,
        pixels: RedactedVideo,
        *,
        format: Container | None = None,
        codec: str | None = None,
        preset: str | None = None,
        quality: int | None = None,
        to: To = None,
        progress: videos.Told | None = None,
    ) -> Output: ...

    @overload
    def finish(
        self, pixels: RedactedImage | RedactedVideo, *, format: str | None = None, quality: int | None = None
    ) -> Output: ...

    @quiet
    def finish(
        self,
        pixels: NDArray[np.uint8] | Picture | RedactedVideo,
        *,
        format: str | None = None,
        codec: str | None = None,
        preset: str | None = None,
        quality: int | None = None,
        to: To = None,
        progress: videos.Told | None = None,
    ) -> Output:
        """Encode the output without metadata, then purge the request.

        Args:
            pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8, read and not kept; or a redacted or admitted picture;
                or a redacted video, which is decoded, covered and encoded now.
            format: of the output. Of a picture ``"png"``, the default, ``"jpeg"`` or ``"webp"``; the colour profile is
                kept where the picture is the upload's. Of a video ``"mp4"``, the default, ``"mov"``, ``"mkv"``,
                ``"webm"``, ``"avi"``, ``"gif"`` or ``"webp"``.
            codec: of a video; None is the format's usual.
            preset: of a video: ``"ultrafast"`` to ``"veryslow"``, speed against size; None is ``"medium"``.
            quality: 1 to 100 for ``"jpeg"``, ``"webp"`` and a video; None is the format's usual.
            to: of a video, where to write it: a path, whose file is there whole or not at all; a binary file object,
                which gets it when it is whole; None keeps it in `Output.data`.
            progress: of a video, called with a `Progress` about twice a second or more often; what it raises ends the
                work and comes out of here.

        Raises:
            OutputError: the output cannot be as asked, or written where asked; the request stays open.
            ShapeError: the array is none of these; the request stays open.
            UploadError: a video is damaged, or over a limit, further on than its header told; the request stays open,
                and there is no output.
            RequestClosedError: it was ended meanwhile, by a withdrawal for one; the output is lost on purpose.
            PurgeError: something was left; the output is lost on purpose.
        """
        custody = self._open_custody()
        if isinstance(pixels, VideoUpload):
            settings = videos.output_settings(format, codec, preset, quality)
            return self._finish_video(custody, pixels, settings, to, progress)
        if any(each is not None for each in (codec, preset, to, progress)):
            raise OutputError("codec, preset, to and progress are for a video.")
        format = "png" if format is None else format
        command = picture_output(format, quality)
        if isinstance(pixels, Picture):
            self._check_mine(pixels)
        with custody.working():
            data = stills.encode(custody, pixels, command)
        self._end_with_output(custody)
        return Output(data, format)

    def _finish_video(
        self, custody: Custody, video: VideoUpload, settings: dict[str, Any], to: To, progress: videos.Told | None
    ) -> Output:
        self._check_mine(video)
        if not isinstance(video, RedactedVideo):
            raise OutputError("A video leaves redacted only: hand over what redact gave.", request_id=self.request_id)
        target = target_for(to)
        start = {"do": "video.start", "upload": video.upload_id, "plan": video.plan} | settings
        made = videos.write(custody, start, video.facts, target, self._admissions.video_limits, progress)
        try:
            self._end_with_output(custody)
        except BaseException:
            target.discard()
            raise
        return Output(target.keep(), settings["container"], size=made.size, path=target.path, frames=made.frames)

    @overload
    def share(
        self,
        partner: str,
        payload: ImageUpload | VideoUpload | PastedImage | NDArray[np.uint8],
        *,
        category: Literal["upload", "output"],
        region: str | None = None,
        keep: Face | None = None,
        format: str | None = None,
        quality: int | None = None,
        profile: Profile | None = None,
    ) -> Output: ...

    @overload
    def share(
        self, partner: str, payload: Json, *, category: Literal["request-data"], region: str | None = None
    ) -> bytes: ...

    @quiet
    def share(
        self,
        partner: str,
        payload: object,
        *,
        category: Category,
        region: str | None = None,
        keep: Face | None = None,
        format: str | None = None,
        quality: int | None = None,
        profile: Profile | None = None,
    ) -> Output | bytes:
        """What may leave for a partner or provider, as the policy's rules let it; counted on the receipt.

        Nothing is sent: what this returns is the caller's to send, and outlives the request. It is looked at, covered
        and encoded as the policy says of the partner, and counted, before anybody has it. Nothing is purged.

        Args:
            partner: one that the policy names, ``[sharing.<partner>]``.
            payload: of ``"upload"`` a picture or video that this request admitted; of ``"output"`` what `paste` made,
                or generated pixels, (H, W), (H, W, 3) or (H, W, 4) uint8, read and not kept; of ``"request-data"``
                JSON: str, int, float, bool, None, and lists, tuples and dicts of these, with few numbers.
            category: which of these.
            region: where it goes, ISO 3166; may be left out where the partner is in one region only.
            keep: the subject, to stay uncovered for a partner whose bystanders are redacted; None covers everyone.
                Of the latest analysis of the payload, a pasted picture's own.
            format: of pictures and videos, as of `finish`.
            quality: as of `finish`.
            profile: of a video, as of `redact`.

        Returns:
            An `Output`, covered and without metadata, or as it was admitted where the policy says so; of request data
            the JSON, UTF-8.

        Raises:
            SharingError: the policy does not let it leave, or it is nothing that its category has.
            SealedError: it holds, at any depth, a sealed handle, what shows memory of an open request, or of what was
                adopted.
            AnalysisError: a handle is not of this request, or `keep` not of the latest analysis of it.
            OutputError: it cannot be encoded so.
            UploadError: a video is damaged further on than its header told.

        Does not protect against: what the caller sends without asking; copies of geometry inside a text or a picture.
        """
        wish = Wish(keep=keep, format=format, quality=quality, profile=profile)
        return self._exit.share(self._open_custody(), partner, payload, category, region, wish)

    def adopt(self, value: T) -> T:
        """Hand over what was made from geometry: it is zeroed and read back when the request is purged.

        Only the elements of this very object are: not what it is a view of, nor copies. It belongs to this request
        until then, and is kept alive. What could not be zeroed is a residual: `PurgeError`, and named on the receipt.

        Args:
            value: a numpy array, a torch tensor on the processor or a CUDA device, a PIL image, a bytearray or a
                memoryview.

        Returns:
            The same object.

        Raises:
            AdoptionError: it is none of these, or its memory belongs to another open request.
        """
        return self._open_custody().adopt(value)

    def check_open(self) -> None:
        """Raise unless the request is open; for long work of the worker's own, which cannot be interrupted.

        Raises:
            RequestClosedError: it is over; the message says how it ended.
        """
        self._open_custody()

    def expose_pixels(self, picture: Picture) -> AbstractContextManager[NDArray[np.uint8]]:
        """What `Picture.expose` does."""
        return shown.pixels(self._open_custody(), picture)

    def expose_crop(self, face: Face, wish: dict[str, Any]) -> AbstractContextManager[geometry.Crop]:
        """What `Face.crop` does."""
        return geometry.crop(self._open_custody(), face, wish)

    def expose_mask(self, face: Face, wish: dict[str, Any]) -> AbstractContextManager[NDArray[np.float32]]:
        """What `Face.mask` does."""
        return geometry.mask(self._open_custody(), face, wish)

    def expose_product(
        self, faces: FaceSet, name: str, rows: slice | int
    ) -> AbstractContextManager[NDArray[np.float32]]:
        """What `FaceSet.expose` and `Face.expose` do."""
        return shown.product(self._open_custody(), faces, name, rows)

    def close(self, error: BaseException | None = None) -> None:
        """Purge, whatever state the request is in; what leaving the block does.

        Args:
            error: what the block raised, if it did.

        Raises:
            PurgeError: something was left.
            BaseExceptionGroup: something was left, and the block had raised too.
        """
        if self._custody is None:
            return
        reported = self._custody.ending is not None and self._custody.ending.outcome == "finished"
        if error is None:
            ending = Ending("abandoned")
        else:
            cancelled = isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))
            ending = Ending("cancelled" if cancelled else "exception", type(error).__name__)
        self._custody.end(ending)
        if self.purge_error is None or error is self.purge_error or (reported and error is None):
            return
        if error is None:
            raise self.purge_error
        raise BaseExceptionGroup("The request failed, and so did its purge.", [error, self.purge_error])

    def cancel(self) -> None:
        """Purge now, from any thread; an operation under way raises `RequestClosedError`."""
        if self._custody is not None:
            self._custody.end(Ending("cancelled"))

    def kill(self, outcome: Outcome, error: str) -> None:
        """End the child at once, without waiting for purge, which `close` must do; for callers that may not block."""
        if self._custody is not None:
            self._custody.kill(Ending(outcome, error))

    def _end_with_output(self, custody: Custody) -> None:
        try:
            custody.finish()
        finally:
            if self.purge_error is not None:
                raise self.purge_error

    def _open_custody(self) -> Custody:
        if self._custody is None:
            raise RequestClosedError("The request was not entered: use 'with'.", request_id=self.request_id)
        self._custody.check_open()
        return self._custody

    def _kept(self, custody: Custody, upload: Media, face: Face) -> int:
        """Index of a face that is to stay."""
        mine = face.faces.belongs_to(self) and face.faces.upload_id == upload.upload_id
        if not mine or not custody.is_latest(face.faces.analysis):
            raise AnalysisError(
                "keep must be a face of the latest analysis of this upload.", request_id=self.request_id
            )
        return face.index

    def _check_comparable(self, reference: Reference) -> None:
        self._check_mine(reference.upload)
        if self.recognizer is None:
            raise AnalysisError(
                f"A Reference needs a network that compares faces: {NAME_ONE}", request_id=self.request_id
            )
        if self.recognizer.threshold is None:
            raise AnalysisError(
                "A Reference needs to know when two faces are one person's: give Recognizer(threshold=...) the cosine "
                "that the model's publisher states.",
                request_id=self.request_id,
            )

    def _check_mine(self, media: Media) -> None:
        if not isinstance(media, Media) or not media.belongs_to(self):
            raise AnalysisError(
                "The picture or video is not one that this request admitted.", request_id=self.request_id
            )

    def __repr__(self) -> str:
        return f"Request({self.request_id!r}, purpose={self.purpose!r})"
