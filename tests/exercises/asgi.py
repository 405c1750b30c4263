"""The example service, asked in this process: no server, so no socket, but all that is done with a body."""

from __future__ import annotations

import httpx

import facegate
from examples.fastapi_service import Receipts, create_app

# Open before anybody asks, as a server's is; its lifespan would open one inside what is watched.
APP = create_app()
APP.state.receipts = Receipts()
APP.state.gate = facegate.Gate(on_receipt=APP.state.receipts.keep)


async def run(portrait: bytes) -> None:
    """A raw body, a form, and an upload that is no picture."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://exercise") as client:
        raw = await client.post("/generate", content=portrait, headers={"Content-Type": "image/jpeg"})
        form = await client.post("/redact", files={"file": ("who.jpg", portrait, "image/jpeg")})
        bad = await client.post("/redact", content=b"no picture")
    statuses = raw.status_code, form.status_code, bad.status_code
    if statuses != (200, 200, 415):
        raise RuntimeError(f"the service answered {statuses}")
