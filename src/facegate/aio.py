"""`Request` for asyncio: the same operations, awaited; a cancelled task ends the child at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from facegate.quiet import quiet_async

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facegate.faces import FaceSet
    from facegate.media import ImageUpload, Output, Picture, RedactedImage, Source
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

    @quiet_async
    async def admit(self, source: Source) -> ImageUpload:
        """As `Request.admit`."""
        return await self._run(self._request.admit, source)

    @quiet_async
    async def analyze(self, upload: ImageUpload, **options: Any) -> FaceSet:
        """As `Request.analyze`."""
        return await self._run(self._request.analyze, upload, **options)

    @quiet_async
    async def redact(self, upload: ImageUpload, **options: Any) -> RedactedImage:
        """As `Request.redact`."""
        return await self._run(self._request.redact, upload, **options)

    @quiet_async
    async def finish(self, pixels: NDArray[np.uint8] | Picture, **options: Any) -> Output:
        """As `Request.finish`."""
        return await self._run(self._request.finish, pixels, **options)

    async def adopt(self, value: T) -> T:
        """As `Request.adopt`; nothing that would take a thread."""
        return self._request.adopt(value)

    @quiet_async
    async def _run(self, operation: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(operation, *arguments, **options)
        except asyncio.CancelledError:
            # The thread is still in the operation; this wakes it, and it purges or leaves that to __aexit__.
            self._request.kill("cancelled", "CancelledError")
            raise
