"""The service of docs/fastapi.md, saved and run as that page says."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from fixtures.collection import two_people
from tests.conftest import encode, eventually

PAGE = Path(__file__).parents[3] / "docs" / "fastapi.md"


def test_the_service_of_the_page_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python file=service.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "service.py").write_text(code, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Only what is installed and the page's own file are found.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "uvicorn", "service:app", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert eventually(lambda: _up(client), 60), process.poll()
            scene = two_people()
            answer = client.post("/redact", files={"file": ("a.png", encode(scene.rgb, "PNG"), "image/png")})
            assert answer.status_code == 200, answer.text
            made = np.asarray(Image.open(io.BytesIO(answer.content)))
            for box, kept in zip(sorted(scene.boxes, key=lambda each: each[1] - each[3]), (True, False), strict=True):
                x, y = int(box[0] + box[2]) // 2, int(box[1] + box[3]) // 2
                inside = (slice(y - 8, y + 8), slice(x - 8, x + 8))
                assert np.array_equal(made[inside], scene.rgb[inside]) == kept
            wrong = client.post("/redact", content=b"text", headers={"Content-Type": "text/plain"})
            assert (wrong.status_code, wrong.headers["content-type"]) == (415, "application/problem+json")
    finally:
        process.terminate()
        errors = process.communicate(timeout=60)[1]
    assert errors == ""


def _up(client: httpx.Client) -> bool:
    try:
        return client.get("/openapi.json").status_code == 200
    except httpx.TransportError:
        return False
