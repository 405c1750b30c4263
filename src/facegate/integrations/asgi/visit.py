"""One HTTP request served as one request of the gate, from its first byte to its sender's going away."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, Self, Unpack

from facegate.aio import purging
from facegate.errors import DisconnectedError, RequestClosedError, StalledUploadError, UploadError
from facegate.integrations.asgi.body import Patience, Receive, Scope, body, declared
from facegate.integrations.asgi.form import EXTRA_BYTES, Form
from facegate.quiet import quiet_async
from facegate.rules.door import Said

if TYPE_CHECKING:
    from facegate.aio import AsyncRequest
    from facegate.gate import Gate
    from facegate.media import ImageUpload, VideoUpload
    from facegate.receipt import Receipt

_GONE = "The sender went away before it had its answer."


class Connection(Protocol):
    """What Starlette's and FastAPI's ``Request`` have of the ASGI protocol."""

    @property
    def scope(self) -> Scope:
        """The connection, its headers among other things."""

    @property
    def receive(self) -> Receive:
        """Gives the next message."""


class Visit:
    """Opens a request for the sender of an HTTP request, takes the upload in, and purges when either is over.

    Enter it with ``async with``. What headers rule out is refused before a child is taken. A sender that goes away, in
    the middle of its body or while the worker computes, ends the request at once: the child is killed, everything is
    purged, and the receipt says ``cancelled`` and `DisconnectedError`.

    Args:
        gate: that opens the request.
        connection: Starlette's or FastAPI's ``Request``, or a pair of ASGI ``scope`` and ``receive``. Nothing else may
            read the body.
        purpose: as for `Gate.open_request`.
        request_id: likewise; by default a random one. A sender's own may say something about a person.
        media: what is taken; ``"auto"`` goes by the first bytes.
        patience: how slow a sender may be.
        said: ``person``, ``consent``, ``age`` and ``region``, as for `Gate.open_request`.

    Attributes:
        request: the request's operations, awaited; once entered.
        request_id: as on the receipt.
        fields: the form's text fields, after `upload`.

    Raises:
        UploadError: on entering, what the headers declare cannot be taken.
        BusyError: on entering, as many requests as the policy allows are open.

    Does not protect against: the server's buffers; see `facegate.integrations.asgi`.
    """

    request: AsyncRequest

    def __init__(
        self,
        gate: Gate,
        connection: Connection | tuple[Scope, Receive],
        *,
        purpose: str,
        request_id: str | None = None,
        media: Literal["auto", "image", "video"] = "auto",
        patience: Patience | None = None,
        **said: Unpack[Said],
    ) -> None:
        pair = connection if isinstance(connection, tuple) else (connection.scope, connection.receive)
        self._scope, self._receive = pair
        self._gate = gate
        self._media: Literal["auto", "image", "video"] = media
        self._patience = patience or Patience()
        self.request_id = request_id or secrets.token_hex(8)
        self.fields: dict[str, str] = {}
        self._opened = gate.open_request(self.request_id, purpose=purpose, **said)
        self._watcher: asyncio.Task[None] | None = None
        self._gone = self._whole = False

    @property
    def receipt(self) -> Receipt | None:
        """As `Request.receipt`."""
        return self._opened.receipt

    @quiet_async
    async def __aenter__(self) -> Self:
        policy = self._gate.policy
        limits = {"image": policy.limits.bytes, "video": policy.video.bytes}
        most = limits.get(self._media, max(limits.values()))
        self._declared = declared(self._scope, most, EXTRA_BYTES)
        self._form = Form(self._declared.content_type) if self._declared.multipart else None
        self.request = await self._opened.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._watcher is not None:
                self._watcher.cancel()
                await asyncio.wait([self._watcher])
        finally:
            await self._opened.__aexit__(kind, error, trace)
        if self._gone and isinstance(error, RequestClosedError):
            raise DisconnectedError(_GONE, request_id=self.request_id) from None

    @quiet_async
    async def upload(self) -> ImageUpload | VideoUpload:
        """Take the body in, piece by piece, and admit it; from then on the sender is watched.

        Raises:
            LimitExceededError: as soon as more has come than the policy allows.
            StalledUploadError: the sender was too slow.
            MalformedUploadError: the form is none.
            DisconnectedError: the sender went away; everything is purged.
            UploadError: as for `Request.admit`.
        """
        try:
            async with aclosing(self._pieces()) as pieces:
                upload = await self.request.admit_stream(pieces, self._media)
        except RequestClosedError:
            if self._whole:
                raise
            sentence = "The upload took longer than a request may live."
            raise StalledUploadError(sentence, request_id=self.request_id) from None
        except UploadError as error:
            error.request_id = self.request_id
            if isinstance(error, DisconnectedError):
                self._opened.kill("cancelled", DisconnectedError.__name__)
            raise
        if self._form is not None:
            self.fields = self._form.fields
        self._watcher = asyncio.create_task(self._watch())
        return upload

    async def _pieces(self) -> AsyncGenerator[bytes | memoryview, None]:
        async with aclosing(body(self._receive, self._patience)) as pieces:
            if self._form is None:
                async for piece in pieces:
                    yield piece
            else:
                async for part in self._form.file(pieces):
                    yield part
        self._whole = True

    async def _watch(self) -> None:
        """Wait for the sender to go away, and end everything when it does."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._opened.kill("cancelled", DisconnectedError.__name__)
        await purging(self._opened.cancel)
