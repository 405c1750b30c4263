"""The example service with room for many uploads at a time, and more ways in than it has; for `benchmarks.asgi`."""

from __future__ import annotations

import asyncio
import os

from fastapi import Request
from fastapi_service import create_app  # type: ignore[import-not-found]

import facegate
from facegate.integrations import asgi

PATIENCE = asgi.Patience(
    piece=float(os.environ.get("FACEGATE_PIECE", "120")), whole=float(os.environ.get("FACEGATE_WHOLE", "600"))
)
POLICY = facegate.Policy(
    max_open=int(os.environ.get("FACEGATE_MAX_OPEN", "128")),
    ttl=float(os.environ.get("FACEGATE_TTL", "900")),
    operation_timeout=240.0,
    limits=facegate.MediaLimits(bytes=int(os.environ.get("FACEGATE_BYTES", str(64 << 20)))),
)
app = create_app(POLICY, PATIENCE)


@app.post("/admit")  # type: ignore[untyped-decorator]
async def admit(request: Request) -> dict[str, object]:
    """Take an upload in and no more."""
    async with asgi.Visit(app.state.gate, request, purpose="generation", media="image", patience=PATIENCE) as guest:
        upload = await guest.upload()
    return {"format": upload.format, "size_wh": upload.size_wh}


@app.get("/ends")  # type: ignore[untyped-decorator]
async def ends() -> list[dict[str, object]]:
    """How the requests ended, in the order in which they were opened; None for those that are open."""
    found = [each.statement()["predicate"] for each in app.state.receipts.all()]
    return [{name: each.get(name) for name in ("outcome", "error", "purge")} for each in found]


@app.post("/discard")  # type: ignore[untyped-decorator]
async def discard(request: Request) -> dict[str, int]:
    """Receive an upload and throw it away: what the server itself costs."""
    count = 0
    async for piece in request.stream():
        count += len(piece)
    return {"bytes": count}


@app.post("/held")  # type: ignore[untyped-decorator]
async def held(request: Request, seconds: float = 1) -> dict[str, int]:
    """Keep an upload in the heap for a while: the control of how memory is watched."""
    whole = await request.body()
    await asyncio.sleep(seconds)
    return {"bytes": len(whole)}


@app.post("/spooled")  # type: ignore[untyped-decorator]
async def spooled(request: Request) -> dict[str, int]:
    """As a framework takes a form in: the control, of which a file must be seen."""
    async with request.form() as form:
        return {"bytes": form["file"].size}
