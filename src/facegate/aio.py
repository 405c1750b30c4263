"""`Request` for asyncio: the same operations, awaited; a cancelled task ends the child at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, overload

from facegate.quiet import quiet_async

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facegate.faces import FaceSet
    from facegate.frames import Frames
    from facegate.incoming import Source
    from facegate.media import ImageUpload, Output, Picture, RedactedImage, RedactedVideo, VideoUpload
    from facegate.receipt import Receipt
    from facegate.request import Request

P = ParamSpec("P")
T = TypeVar("T")


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
        """Take a child; what ``async with`` does first."""
        opening = asyncio.ensure_future(asyncio.to_thread(self._request.open))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread cannot be stopped, and __aexit__ will not be called: wait for it, then purge.
            await asyncio.wait([opening])
            await self.leave(asyncio.CancelledError())
            raise
        return self

    async def leave(self, error: BaseException | None) -> None:
        """Purge; what ``async with`` does last. Not cut short by a cancellation."""
        closing = asyncio.ensure_future(asyncio.to_thread(self._request.close, error))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait([closing])
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
    async def finish(self, pixels: NDArray[np.uint8] | Picture | RedactedVideo, **options: Any) -> Output:
        """As `Request.finish`; `progress` is called in another thread."""
        finish: Callable[..., Output] = self._request.finish
        return await self._run(finish, pixels, **options)

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
