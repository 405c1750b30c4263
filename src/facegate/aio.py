"""`Request` for asyncio: the same operations, awaited; a cancelled task ends the child at once."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
from collections.abc import AsyncIterable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, Self, TypeVar, overload

from facegate.quiet import quiet_async

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facegate.faces import Face, FaceSet
    from facegate.frames import Frames
    from facegate.incoming import Source
    from facegate.media import ImageUpload, Output, PastedImage, Picture, RedactedImage, RedactedVideo, VideoUpload
    from facegate.receipt import Receipt
    from facegate.request import Request
    from facegate.sharing.data import Json

P = ParamSpec("P")
T = TypeVar("T")
# Few: a purge takes milliseconds. And what their names begin with.
_PURGERS: Final = 4
PURGERS: Final = "facegate-purge"


@functools.cache
def _purgers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_PURGERS, PURGERS)


# A fork has the pool, and none of its threads.
os.register_at_fork(after_in_child=_purgers.cache_clear)


def purging(operation: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> asyncio.Future[T]:
    """Run what wipes in threads that do nothing else.

    The event loop's default pool has a handful of threads. Under load all work, and more waits: a purge behind that
    would keep what should be gone, 60 MB for each of 100 requests when it was measured.
    """
    return _in_threads(_purgers(), operation, *arguments, **options)


class AsyncRequest:
    """What ``async with gate.open_request(...)`` gives; see `Request` for arguments and errors.

    Operations run in the event loop's default thread pool. Cancelling one kills the child, and with it the request.
    """

    def __init__(self, request: Request) -> None:
        self._request = request

    @property
    def receipt(self) -> Receipt | None:
        """As `Request.receipt`."""
        return self._request.receipt

    async def enter(self) -> AsyncRequest:
        """Wait for a turn, which takes no thread, and take a child; what ``async with`` does first."""
        self._request.check_new()
        await self._request.turn.take_async()
        try:
            opening = _in_threads(None, self._request.begin)
        except BaseException:  # the loop's threads are shut down already
            self._request.turn.give_back()
            raise
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread cannot be stopped, and __aexit__ will not be called: wait for it, then purge.
            await _to_the_end(opening)
            await self.leave(asyncio.CancelledError())
            raise
        return self

    async def leave(self, error: BaseException | None) -> None:
        """Purge; what ``async with`` does last. Not cut short by a cancellation."""
        closing = purging(self._request.close, error)
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await _to_the_end(closing)
            raise

    @overload
    async def admit(self, source: Source, media: Literal["image"]) -> ImageUpload: ...

    @overload
    async def admit(self, source: Source, media: Literal["video"]) -> VideoUpload: ...

    @overload
    async def admit(self, source: Source, media: Literal["auto"] = "auto") -> ImageUpload | VideoUpload: ...

    @quiet_async
    async def admit(
        self, source: Source, media: Literal["auto", "image", "video"] = "auto"
    ) -> ImageUpload | VideoUpload:
        """As `Request.admit`."""
        admit: Callable[..., ImageUpload | VideoUpload] = self._request.admit
        return await self._run(admit, source, media)

    @overload
    async def admit_stream(self, pieces: AsyncIterable[bytes | memoryview], media: Literal["image"]) -> ImageUpload: ...

    @overload
    async def admit_stream(self, pieces: AsyncIterable[bytes | memoryview], media: Literal["video"]) -> VideoUpload: ...

    @overload
    async def admit_stream(
        self, pieces: AsyncIterable[bytes | memoryview], media: Literal["auto"] = "auto"
    ) -> ImageUpload | VideoUpload: ...

    @quiet_async
    async def admit_stream(
        self, pieces: AsyncIterable[bytes | memoryview], media: Literal["auto", "image", "video"] = "auto"
    ) -> ImageUpload | VideoUpload:
        """`admit` for an upload that comes in pieces: each is copied into shared memory as it comes, and let go.

        Args:
            pieces: the encoded upload; what it raises ends the upload, which is wiped at once, and comes out of here.
            media: as for `Request.admit`.

        Raises:
            LimitExceededError: as soon as the pieces are more than the limit; the rest is not asked for.
            UploadError: as `Request.admit`; the request stays open.
            RequestClosedError: the request ended while pieces came; what had come was wiped then.
        """
        intake = await self._run(self._request.intake, media)
        try:
            async for piece in pieces:
                intake.write(piece)
        except BaseException:
            await purging(self._request.drop, intake)
            raise
        admit: Callable[..., ImageUpload | VideoUpload] = self._request.admit
        return await self._run(admit, intake)

    @quiet_async
    async def analyze(self, upload: ImageUpload | VideoUpload, **options: Any) -> FaceSet:
        """As `Request.analyze`."""
        return await self._run(self._request.analyze, upload, **options)

    @overload
    async def redact(self, upload: ImageUpload, **options: Any) -> RedactedImage: ...

    @overload
    async def redact(self, upload: VideoUpload, **options: Any) -> RedactedVideo: ...

    @quiet_async
    async def redact(self, upload: ImageUpload | VideoUpload, **options: Any) -> RedactedImage | RedactedVideo:
        """As `Request.redact`."""
        redact: Callable[..., RedactedImage | RedactedVideo] = self._request.redact
        return await self._run(redact, upload, **options)

    @quiet_async
    async def paste(self, face: Face, pixels: NDArray[np.uint8], **options: Any) -> PastedImage:
        """As `Request.paste`."""
        return await self._run(self._request.paste, face, pixels, **options)

    @quiet_async
    async def finish(self, pixels: NDArray[np.uint8] | Picture | RedactedVideo, **options: Any) -> Output:
        """As `Request.finish`; `progress` is called in another thread."""
        finish: Callable[..., Output] = self._request.finish
        return await self._run(finish, pixels, **options)

    @overload
    async def share(
        self,
        partner: str,
        payload: ImageUpload | VideoUpload | PastedImage | NDArray[np.uint8],
        *,
        category: Literal["upload", "output"],
        **options: Any,
    ) -> Output: ...

    @overload
    async def share(
        self, partner: str, payload: Json, *, category: Literal["request-data"], **options: Any
    ) -> bytes: ...

    @quiet_async
    async def share(self, partner: str, payload: Any, *, category: Any, **options: Any) -> Output | bytes:
        """As `Request.share`."""
        share: Callable[..., Output | bytes] = self._request.share
        return await self._run(share, partner, payload, category=category, **options)

    def frames(self, video: VideoUpload, **options: Any) -> AsyncFrames:
        """As `Request.frames`, for ``async for``; nothing is done before the first frame is asked for."""
        return AsyncFrames(self, lambda: self._request.frames(video, **options))

    async def adopt(self, value: T) -> T:
        """As `Request.adopt`; nothing that would take a thread."""
        return self._request.adopt(value)

    @quiet_async
    async def run(self, operation: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Run an operation of the request in a thread; a cancellation ends the child."""
        return await self._run(operation, *arguments, **options)

    @quiet_async
    async def _run(self, operation: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(operation, *arguments, **options)
        except asyncio.CancelledError:
            # The thread is still in the operation; this wakes it, and it purges or leaves that to __aexit__.
            self._request.kill("cancelled", "CancelledError")
            raise


class AsyncFrames:
    """`Frames` for ``async for``. Leave the loop early inside ``async with``, which ends the work, as `close` does."""

    def __init__(self, request: AsyncRequest, begin: Callable[[], Frames]) -> None:
        self._request = request
        self._begin = begin
        self._frames: Frames | None = None

    @property
    def seconds(self) -> float | None:
        """As `Frames.seconds`."""
        return None if self._frames is None else self._frames.seconds

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> NDArray[np.uint8]:
        if self._frames is None:
            self._frames = await self._request.run(self._begin)
        # A StopIteration cannot leave a thread.
        frame = await self._request.run(next, self._frames, None)
        if frame is None:
            raise StopAsyncIteration
        return frame

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """As `Frames.close`."""
        if self._frames is not None:
            await self._request.run(self._frames.close)


def _in_threads(
    threads: ThreadPoolExecutor | None, operation: Callable[P, T], *arguments: P.args, **options: P.kwargs
) -> asyncio.Future[T]:
    """As `asyncio.to_thread`, but no task: a loop that ends cancels every task, and would let go of what is opening."""
    call = functools.partial(contextvars.copy_context().run, operation, *arguments, **options)
    return asyncio.get_running_loop().run_in_executor(threads, call)


async def _to_the_end(work: asyncio.Future[Any]) -> None:
    """Wait for a thread however often this task is cancelled; whoever calls this is cancelled already, and says so."""
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([work])
    if not work.cancelled():
        work.exception()  # looked at, or asyncio complains of it; what goes out is the cancellation
