"""One request: its operations, in the order in which a worker uses them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from facegate.aio import AsyncRequest
from facegate.arguments import Subject, checked_pixels, checked_subject, whole, word
from facegate.custody import Custody, Ending
from facegate.errors import AnalysisError, OutputError, PurgeError, RequestClosedError
from facegate.faces import Face, FaceSet
from facegate.media import ImageUpload, Output, Picture, RedactedImage, Source, stage
from facegate.memory.arena import LAYOUT, checked_count
from facegate.memory.regions import new_region
from facegate.policy import MediaLimits
from facegate.quiet import quiet
from facegate.receipt import Outcome, Receipt
from facegate.sizes import MAX_ICC_BYTES, worst_case_bytes

if TYPE_CHECKING:
    from facegate.memory.regions import AnyRegion

T = TypeVar("T")

READABLE = frozenset({"JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"})
SCANS = ("everyone", "large")
FORMATS = ("jpeg", "png", "webp")
STYLES = ("solid", "pixelate", "blur")
SHAPES = ("box", "ellipse")


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

    Does not protect against: copies that the worker makes inside `expose`, the generated output itself.
    """

    def __init__(self, request_id: str, purpose: str, limits: MediaLimits, begin: Callable[[Request], Custody]) -> None:
        self.request_id = request_id
        self.purpose = purpose
        # Durations come from the clock that nobody sets, so that a request never closes before it opens.
        self.opened_at = datetime.now(UTC)
        self.opened_monotonic = time.monotonic()
        self.receipt: Receipt | None = None
        self.purge_error: PurgeError | None = None
        self._limits = limits
        self._begin = begin
        self._custody: Custody | None = None
        self._upload_ids = itertools.count()

    def __enter__(self) -> Self:
        self.open()
        return self

    def open(self) -> None:
        """Take a child and sign the OPEN receipt; what entering the block does.

        Raises:
            RequestClosedError: the request was entered before.
        """
        if self._custody is not None:
            raise RequestClosedError("A request is entered once.", request_id=self.request_id)
        self.opened_at, self.opened_monotonic = datetime.now(UTC), time.monotonic()
        self._custody = self._begin(self)

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

    @quiet
    def admit(self, source: Source) -> ImageUpload:
        """Hand an upload to the child, which decodes it.

        Args:
            source: the encoded picture: bytes, a path, an open descriptor or a binary file object; the caller's still.

        Raises:
            UploadError: it is empty, of no known type, over a limit or damaged; the request stays open.
            OSError: it cannot be read.
        """
        custody = self._open_custody()
        region, used = stage(source, self._limits.bytes, self.request_id, custody.check_open, custody.release)
        try:
            with custody.working():
                custody.hold(region, used)
                upload_id = next(self._upload_ids)
                command = {"do": "admit", "upload": upload_id, "bytes": used, "limits": self._limits.as_dict()}
                answer = custody.call(command, [region])
                # In here, where a child that does not keep to the protocol is ended for it.
                side = int(self._limits.side)
                size_wh = (whole(answer, "width", 1, side), whole(answer, "height", 1, side))
                picture_format = word(answer, "format", READABLE)
        finally:
            custody.release(region, used)
        return ImageUpload(self, upload_id, size_wh, picture_format)

    @quiet
    def analyze(
        self, upload: ImageUpload, *, subject: Subject = "largest", scan: Literal["everyone", "large"] = "everyone"
    ) -> FaceSet:
        """Find the faces and mesh the subject, and the subject alone.

        Args:
            upload: of this request.
            subject: ``"largest"``; an index, faces being sorted by area, largest first; a point (x, y) in pixels that
                lies on the face; or ``"none"`` (or None) to find boxes only.
            scan: ``"everyone"`` finds faces from 24 pixels up. ``"large"`` takes a single coarse look, some times
                faster, for one large subject; small faces are missed, and `redact` finds them by a scan of its own.

        Raises:
            AnalysisError: there is no face with that index or at that point. An empty picture is no error: the set is
                empty and has no subject.
        """
        custody = self._open_custody()
        self._check_mine(upload)
        wish = checked_subject(subject)
        if scan not in SCANS:
            raise AnalysisError("scan must be 'everyone' or 'large'.")
        with custody.working():
            analysis = custody.begin_analysis()
            command = {"do": "analyze", "upload": upload.upload_id, "subject": wish, "scan": scan}
            answer = custody.call(command)
            count = checked_count(answer.get("faces"))
            index = None if answer.get("subject") is None else whole(answer, "subject", 0, count - 1)
        return FaceSet(self, upload.upload_id, analysis, count, index)

    @quiet
    def redact(
        self,
        upload: ImageUpload,
        *,
        keep: Face | None = None,
        style: Literal["solid", "pixelate", "blur"] = "solid",
        shape: Literal["box", "ellipse"] = "ellipse",
        margin: float = 0.25,
    ) -> RedactedImage:
        """Cover every face but one, or everyone.

        Args:
            upload: of this request.
            keep: the face to leave; None covers all.
            style: ``"solid"`` leaves nothing to reverse; ``"pixelate"`` and ``"blur"`` leave something.
            shape: of the covered area.
            margin: how far the area reaches past the face's box, as a share of the box's side, 0 to 2.

        Raises:
            AnalysisError: an argument is not one of the above, or `keep` is of another analysis.
        """
        custody = self._open_custody()
        self._check_mine(upload)
        if style not in STYLES or shape not in SHAPES:
            raise AnalysisError(f"style must be one of {', '.join(STYLES)}; shape one of {', '.join(SHAPES)}.")
        if not 0 <= margin <= 2:
            raise AnalysisError("margin must be a number from 0 to 2.")
        if keep is not None and (
            not keep.faces.belongs_to(self)
            or keep.faces.upload_id != upload.upload_id
            or not custody.is_latest(keep.faces.analysis)
        ):
            raise AnalysisError(
                "keep must be a face of the latest analysis of this upload.", request_id=self.request_id
            )
        with custody.working():
            custody.call(
                {
                    "do": "redact",
                    "upload": upload.upload_id,
                    "keep": None if keep is None else keep.index,
                    "style": style,
                    "shape": shape,
                    "margin": float(margin),
                }
            )
        return RedactedImage(self, upload.upload_id, upload.size_wh, upload.format)

    @quiet
    def finish(
        self,
        pixels: NDArray[np.uint8] | Picture,
        *,
        format: Literal["jpeg", "png", "webp"] = "png",
        quality: int | None = None,
    ) -> Output:
        """Encode the output without metadata, then purge the request.

        Args:
            pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8, read and not kept; or a redacted or admitted picture.
            format: of the output; the upload's colour profile is kept where the picture is the upload's.
            quality: 1 to 100 for ``"jpeg"`` and ``"webp"``; None is the format's usual.

        Raises:
            OutputError: the format or quality is none of these; the request stays open.
            ShapeError: the array is none of these; the request stays open.
            PurgeError: something was left; the output is lost on purpose.
        """
        custody = self._open_custody()
        if format not in FORMATS:
            raise OutputError(f"format must be one of {', '.join(FORMATS)}.")
        if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
            raise OutputError("quality must be a whole number from 1 to 100.")
        with custody.working():
            data = self._encode(custody, pixels, {"do": "encode", "format": format, "quality": quality})
        custody.end(Ending("finished"))
        if self.purge_error is not None:
            raise self.purge_error
        return Output(data, format)

    def _encode(self, custody: Custody, pixels: NDArray[np.uint8] | Picture, command: dict[str, Any]) -> bytes:
        regions: list[AnyRegion] = []
        try:
            if isinstance(pixels, Picture):
                self._check_mine(pixels)
                width, height = pixels.size_wh
                command |= {"upload": pixels.upload_id, "redacted": pixels.redacted}
            else:
                array = checked_pixels(pixels)
                height, width = array.shape[:2]
                source = custody.hold(new_region("pixels", array.nbytes))
                regions.append(source)
                source.lock_used(array.nbytes)
                with source.buffer() as buffer:
                    np.frombuffer(buffer, np.uint8, count=array.size).reshape(array.shape)[...] = array
                source.seal()
                command |= {"shape": list(array.shape)}
            room = worst_case_bytes(height, width, 4, MAX_ICC_BYTES)
            # Far larger than needed, but only the pages that the child writes exist.
            target = custody.hold(new_region("output", room), 0)
            regions.append(target)
            answer = custody.call(command, regions[:-1], [target])
            size = whole(answer, "bytes", 1, room)
            custody.hold(target, size)
            with target.buffer() as buffer:
                return bytes(buffer[:size])
        finally:
            for region in regions:
                custody.release(region)

    def adopt(self, value: T) -> T:
        """Hand over what was made from geometry: it is zeroed and read back when the request is purged.

        Only the elements of this very object are: not what it is a view of, nor copies. It belongs to this request
        until then, and is kept alive. What could not be zeroed is a residual: `PurgeError`, and named on the receipt.

        Args:
            value: a numpy array, a torch tensor on the processor or a CUDA device, a bytearray or a memoryview.

        Returns:
            The same object.

        Raises:
            AdoptionError: it is none of these, or its memory belongs to another open request.
        """
        return self._open_custody().adopt(value)

    @contextmanager
    def expose_pixels(self, picture: Picture) -> Iterator[NDArray[np.uint8]]:
        """What `Picture.expose` does."""
        custody = self._open_custody()
        width, height = picture.size_wh
        with custody.working():
            region = custody.hold(new_region("pixels", width * height * 3))
            command = {"do": "pixels", "upload": picture.upload_id, "redacted": picture.redacted}
            custody.call(command, targets=[region])
            region.lock_used(region.size)
            window = custody.open_region(region)
        try:
            yield window.array(np.uint8, (height, width, 3))  # type: ignore[misc]
        finally:
            custody.close_window(window)
            custody.release(region)

    @contextmanager
    def expose_product(self, faces: FaceSet, name: str, rows: slice | int) -> Iterator[NDArray[np.float32]]:
        """What `FaceSet.expose` and `Face.expose` do."""
        custody = self._open_custody()
        product = LAYOUT[name]
        window = custody.open_product(faces.analysis, product)
        try:
            yield window.array(np.float32, product.shape)[rows]  # type: ignore[misc]
        finally:
            custody.close_window(window)

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

    def _open_custody(self) -> Custody:
        if self._custody is None:
            raise RequestClosedError("The request was not entered: use 'with'.", request_id=self.request_id)
        self._custody.check_open()
        return self._custody

    def _check_mine(self, picture: Picture) -> None:
        if not isinstance(picture, Picture) or not picture.belongs_to(self):
            raise AnalysisError("The picture is not one that this request admitted.", request_id=self.request_id)

    def __repr__(self) -> str:
        return f"Request({self.request_id!r}, purpose={self.purpose!r})"
