"""A web service with facegate: pictures in, pictures out, nothing on disk. ``uvicorn fastapi_service:app``."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import numpy as np
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray

import facegate
from facegate.errors import AnalysisError
from facegate.integrations import asgi

RECEIPTS: Final = 1000
_PICTURE: Final = {"schema": {"type": "string", "format": "binary"}}
_FORM: Final = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary", "description": "a picture"},
            "keep": {
                "type": "string",
                "enum": ["largest", "none"],
                "description": "whose face stays",
            },
        },
    }
}
_PROBLEM: Final = {
    "schema": {
        "type": "object",
        "properties": {each: {"type": "string"} for each in ("type", "title", "detail", "request_id")}
        | {"status": {"type": "integer"}},
    }
}
# The body is read by facegate, not by FastAPI, whose form parser would spool it to a file; so it is described here.
_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"image/*": _PICTURE, "multipart/form-data": _FORM}},
    "responses": {
        "200": {
            "description": "The picture. X-Request-ID names it, and its receipt.",
            "content": {"image/png": _PICTURE, "image/jpeg": _PICTURE},
        },
        **{
            status: {"description": what, "content": {"application/problem+json": _PROBLEM}}
            for status, what in (
                ("400", "The form is malformed."),
                ("408", "The upload came too slowly."),
                ("413", "The upload is over a limit; said as soon as that is known."),
                ("415", "The upload is no picture that is read."),
                ("422", "The picture is damaged, or shows nobody."),
                ("503", "All places are taken; try again after Retry-After."),
            )
        },
    },
}


class Receipts:
    """The latest receipts by request ID. A real service keeps a ledger: ``Gate(ledger=...)``."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, facegate.Receipt] = OrderedDict()

    def keep(self, receipt: facegate.Receipt) -> None:
        """Keep it, in the place of the request's earlier one."""
        self._kept[receipt.statement()["subject"][0]["name"]] = receipt
        while len(self._kept) > RECEIPTS:
            self._kept.popitem(last=False)

    def all(self) -> list[facegate.Receipt]:
        """The latest receipt of each request, oldest request first."""
        return list(self._kept.values())

    def get(self, request_id: str) -> facegate.Receipt | None:
        """The request's latest receipt."""
        return self._kept.get(request_id)


def softened(rgb: NDArray[np.uint8], mask: NDArray[np.float32], strength: int = 15) -> NDArray[np.uint8]:
    """The generator of this example: a portrait whose background is out of focus.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) float32, 1 where the picture stays sharp.
        strength: of the box blur, pixels, odd.
    """
    sums = np.pad(rgb.astype(np.float32), ((strength, strength), (strength, strength), (0, 0)), "edge")
    for axis in (0, 1):
        running = np.cumsum(sums, axis=axis)
        count = running.shape[axis] - strength
        ahead, behind = (np.take(running, range(at, at + count), axis=axis) for at in (strength, 0))
        sums = (ahead - behind) / strength
    top = (sums.shape[0] - rgb.shape[0]) // 2
    left = (sums.shape[1] - rgb.shape[1]) // 2
    blurred = sums[top : top + rgb.shape[0], left : left + rgb.shape[1]]
    return np.clip(blurred + (rgb - blurred) * mask[..., None] + 0.5, 0, 255).astype(np.uint8)


def spotlight(size_wh: tuple[int, int], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 on the subject, falling to 0 around it: (H, W) float32."""
    width, height = size_wh
    x1, y1, x2, y2 = (float(each) for each in box)
    across = (np.arange(width, dtype=np.float32) - (x1 + x2) / 2) / max(x2 - x1, 1)
    down = (np.arange(height, dtype=np.float32) - (y1 + y2) / 2) / max(y2 - y1, 1)
    distance = np.hypot(down[:, None], across)
    return np.clip(2 - distance, 0, 1)


def create_app(policy: facegate.Policy | None = None, patience: asgi.Patience | None = None) -> FastAPI:
    """The application; its gate opens with the server and closes with it."""
    receipts = Receipts()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gate = await asyncio.to_thread(facegate.Gate, policy, on_receipt=receipts.keep)
        async with gate:
            app.state.gate, app.state.receipts = gate, receipts
            yield

    app = FastAPI(title="facegate example", lifespan=lifespan)
    asgi.install(app)

    def visit(request: Request) -> asgi.Visit:
        return asgi.Visit(app.state.gate, request, purpose="generation", media="image", patience=patience)

    @app.post("/redact", openapi_extra=_BODY, response_class=Response)
    async def redact(request: Request) -> Response:
        """Cover every face, or everyone's but the largest."""
        async with visit(request) as guest:
            upload = await guest.upload()
            kept = None
            if guest.fields.get("keep", "none") == "largest":
                kept = (await guest.request.analyze(upload)).subject
            safe = await guest.request.redact(upload, keep=kept)
            output = await guest.request.finish(safe, format="jpeg")
        return answer(output, guest)

    @app.post("/generate", openapi_extra=_BODY, response_class=Response)
    async def generate(request: Request) -> Response:
        """A portrait of the largest face: the others covered, the background out of focus."""
        async with visit(request) as guest:
            upload = await guest.upload()
            subject = (await guest.request.analyze(upload)).subject
            if subject is None:
                raise AnalysisError("There is no face in the upload.", request_id=guest.request_id)
            safe = await guest.request.redact(upload, keep=subject)
            with subject.expose("box") as box:
                # Made from geometry: handed over, so that it is zeroed with the rest.
                mask = await guest.request.adopt(spotlight(upload.size_wh, box))
            with safe.expose() as rgb:
                made = await guest.request.adopt(await asyncio.to_thread(softened, rgb, mask))
            output = await guest.request.finish(made, format="png")
        return answer(output, guest)

    @app.get("/receipts/{request_id}")
    async def receipt(request_id: str) -> Response:
        """The signed receipt of a request: OPEN while it runs, CLOSE afterwards."""
        found = receipts.get(request_id)
        if found is None:
            return Response(status_code=404)
        return Response(found.to_json(), media_type="application/vnd.facegate.receipt.v1+json")

    @app.get("/healthz")
    async def healthz() -> Mapping[str, str]:
        """Whether the gate is open."""
        return {"status": "closed" if app.state.gate.closed else "ok"}

    return app


def answer(output: facegate.Output, guest: asgi.Visit) -> Response:
    """The picture, and where its receipt is."""
    headers = {"X-Request-ID": guest.request_id, "Link": f'</receipts/{guest.request_id}>; rel="describedby"'}
    return Response(output.data, media_type=f"image/{output.format}", headers=headers)


app = create_app()
