"""Uploads to a real uvicorn: right answers, and every way in which a sender can misbehave."""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facegate
from benchmarks.asgi import expected, picture
from benchmarks.serving import Server, tree
from facegate.codes import CODES
from fixtures.collection import two_people
from tests.conftest import encode, eventually
from tests.unit.integrations.service import Sender, Service

LIMIT = 24_000_000
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Patient, with room for uploads of 24 MB."""
    with Server("benchmarks.asgi_app:app", {"FACEGATE_BYTES": str(LIMIT)}) as server:
        made = Service(server)
        yield made
        made.client.close()
        assert server.stop() == "", "nothing is written to stderr: no traceback, no warning, no value"


@pytest.fixture(scope="module")
def impatient() -> Iterator[Service]:
    """Gives senders a second for a piece, eight for all; one request at a time."""
    settings = {"FACEGATE_PIECE": "1", "FACEGATE_WHOLE": "8", "FACEGATE_MAX_OPEN": "1"}
    with Server("benchmarks.asgi_app:app", settings) as server:
        made = Service(server)
        yield made
        made.client.close()
        assert server.stop() == ""


@pytest.fixture(scope="module")
def pair() -> bytes:
    return encode(two_people().rgb, "PNG")


@pytest.fixture(scope="module")
def tiff() -> bytes:
    """20 MB."""
    return picture()


@pytest.mark.parametrize("form", [False, True])
def test_the_answer_is_what_the_library_gives(service: Service, pair: bytes, form: bool) -> None:
    before = len(service.ends())
    sent = {"files": {"file": ("a.png", pair, "image/png")}} if form else {"content": pair}
    answer = service.client.post("/redact", **sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == expected(pair)
    assert service.ended(before, "finished", None)
    receipt = service.client.get(f"/receipts/{answer.headers['x-request-id']}")
    verified = facegate.verify(receipt.text)
    assert verified.request_id == answer.headers["x-request-id"]
    assert service.client.get("/receipts/none").status_code == 404


def test_a_field_beside_the_file_is_read_wherever_it_stands(service: Service, pair: bytes) -> None:
    """The bystander, right of the subject, is covered; the subject is not."""
    answers = [
        service.client.post("/redact", files=parts)
        for parts in (
            [("keep", (None, "largest")), ("file", ("a.png", pair, "image/png"))],
            [("file", ("a.png", pair, "image/png")), ("keep", (None, "largest"))],
        )
    ]
    assert answers[0].content == answers[1].content != expected(pair)


def test_the_generator_runs(service: Service, pair: bytes) -> None:
    answer = service.client.post("/generate", files={"file": ("a.png", pair, "image/png")})
    assert answer.status_code == 200, answer.text
    made = np.asarray(Image.open(io.BytesIO(answer.content)))
    scene = two_people()
    bystander, subject = sorted(scene.boxes, key=lambda box: box[3] - box[1])
    for box, kept in ((subject, True), (bystander, False)):
        x1, y1, x2, y2 = (int(each) for each in box)
        inside = (slice((2 * y1 + y2) // 3, (y1 + 2 * y2) // 3), slice((2 * x1 + x2) // 3, (x1 + 2 * x2) // 3))
        assert np.array_equal(made[inside], scene.rgb[inside]) == kept
    assert not np.array_equal(made[-64:, :256], scene.rgb[-64:, :256]), "far from the face it is out of focus"


def test_nobody_to_generate_from_is_said(service: Service, nobody: bytes) -> None:
    answer = service.client.post("/generate", content=nobody)
    assert (answer.status_code, answer.json()["detail"]) == (422, "There is no face in the upload.")


def test_the_service_describes_itself(service: Service) -> None:
    described = service.client.get("/openapi.json").json()
    for path in ("/redact", "/generate"):
        body = described["paths"][path]["post"]["requestBody"]["content"]
        assert set(body) == {"image/*", "multipart/form-data"}
        assert {"200", "408", "413", "415", "503"} <= set(described["paths"][path]["post"]["responses"])
    assert service.client.get("/healthz").json() == {"status": "ok"}


def test_the_server_imports_no_analysis_library(service: Service, pair: bytes) -> None:
    assert service.client.post("/redact", content=pair).status_code == 200
    libraries = re.compile(r"/(cv2|av|PIL|ai_edge_litert|mediapipe)/")
    worker, *below = (Path(f"/proc/{pid}/maps").read_text() for pid in tree(service.server.pid))
    assert not libraries.findall(worker)
    assert any(libraries.findall(each) for each in below), "the look is a real one"


def test_too_much_is_refused_as_soon_as_it_has_come(service: Service) -> None:
    """A body without a length, of which no end is in sight."""
    before = len(service.ends())
    with Sender(service.server.port, "/redact", "Transfer-Encoding: chunked", "Content-Type: image/png") as sender:
        sender.flood(bytes(1_000_000), 20 * LIMIT)
        status, headers, problem = sender.answer()
    assert (status, headers["content-type"], headers["connection"]) == (413, PROBLEM, "close")
    assert problem["detail"] == CODES["limit.bytes"][1]
    assert sender.sent < LIMIT + 16_000_000, "and what sockets hold"
    assert service.ended(before, "exception", "LimitExceededError")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Content-Type: image/png", f"Content-Length: {LIMIT + 1}"], 413),
        (["Content-Type: multipart/form-data; boundary=x", f"Content-Length: {2 * LIMIT}"], 413),
        (["Content-Type: text/html", "Content-Length: 9"], 415),
        (["Content-Type: image/png", "Content-Encoding: gzip", "Content-Length: 9"], 415),
        (["Content-Type: multipart/form-data", "Content-Length: 9"], 400),
    ],
)
def test_what_headers_rule_out_is_refused_unread(service: Service, headers: list[str], status: int) -> None:
    """Before a byte of the body was sent, and before a child was taken."""
    before = len(service.ends())
    with Sender(service.server.port, "/redact", *headers) as sender:
        assert sender.answer()[0] == status
    assert len(service.ends()) == before


@pytest.mark.parametrize(
    ("content", "status", "detail"),
    [
        (b"", 415, CODES["format.empty"][1]),
        (b"<svg>marker-7f3a</svg>", 415, CODES["format.unsupported"][1]),
        (b"\x89PNG\r\n\x1a\nmarker-7f3a", 422, None),
    ],
)
def test_bad_uploads_are_named_and_not_repeated(
    service: Service, content: bytes, status: int, detail: str | None
) -> None:
    answer = service.client.post("/redact", content=content, headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert answer.json()["detail"] in ([detail] if detail else [each[1] for each in CODES.values()])
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "marker" not in answer.text


def test_a_sender_that_stalls_is_told_after_the_stated_time(impatient: Service) -> None:
    before = len(impatient.ends())
    with Sender(impatient.server.port, "/redact", "Content-Type: image/png", "Content-Length: 90000") as sender:
        sender.send(bytes(1000))
        begun = time.monotonic()
        status, _, problem = sender.answer()
        assert time.monotonic() - begun < 7, "not after the time for the whole"
    assert (status, problem["detail"]) == (408, "No byte of the upload came for 1 seconds.")
    assert impatient.ended(before, "exception", "StalledUploadError")


def test_a_sender_that_trickles_is_told_too(impatient: Service) -> None:
    before = len(impatient.ends())
    with Sender(impatient.server.port, "/redact", "Content-Type: image/png", "Content-Length: 90000") as sender:
        sender.trickle(0.2)
        status, _, problem = sender.answer()
    assert (status, problem["detail"]) == (408, "The upload did not come within 8 seconds.")
    assert sender.sent > 8, "it did send all the while"
    assert impatient.ended(before, "exception", "StalledUploadError")


def test_a_full_gate_says_when_to_come_again(impatient: Service, pair: bytes) -> None:
    before = len(impatient.ends())
    with Sender(impatient.server.port, "/redact", "Content-Type: image/png", "Content-Length: 90000"):
        assert impatient.opens(before)
        answer = impatient.client.post("/redact", content=pair)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert impatient.ended(before, "cancelled", "DisconnectedError")
    assert impatient.client.post("/redact", content=pair).status_code == 200, "the place is free again"


@pytest.mark.parametrize("form", [False, True])
def test_going_away_in_the_middle_of_an_upload_purges(service: Service, tiff: bytes, form: bool) -> None:
    before, content_type = len(service.ends()), "multipart/form-data; boundary=x" if form else "image/tiff"
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if form else b""
    length = f"Content-Length: {len(tiff) + 200}"
    with Sender(service.server.port, "/redact", f"Content-Type: {content_type}", length) as sender:
        sender.send(head + tiff[:5_000_000])
        assert service.opens(before)
        assert eventually(lambda: _held(service.server.pid) > 4_000_000), "the bytes are in the region"
    assert service.ended(before, "cancelled", "DisconnectedError", 5)
    assert service.ends()[before]["purge"]["bytesWiped"] > 4_000_000
    assert eventually(lambda: _held(service.server.pid) == 0)


def test_going_away_while_the_picture_is_worked_on_purges(service: Service, tiff: bytes) -> None:
    before = len(service.ends())
    with Sender(service.server.port, "/redact", "Content-Type: image/tiff", f"Content-Length: {len(tiff)}") as sender:
        sender.send(tiff)
        assert service.opens(before)
    assert service.ended(before, "cancelled", "DisconnectedError", 10)


def _held(pid: int) -> int:
    """Bytes that exist of the worker's upload regions."""
    total = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "memfd:facegate-upload" in str(each.readlink()):
                total += each.stat().st_blocks * 512
        except OSError:
            continue  # closed meanwhile
    return total


def test_a_form_says_the_same_wherever_it_is_cut(service: Service, pair: bytes) -> None:
    """Boundaries that straddle what the server hands over at a time."""
    wanted = hashlib.sha256(expected(pair)).digest()
    head = b'--bound\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    whole = head + pair + b"\r\n--bound--\r\n"
    for piece in (97, 65_536):

        def pieces(size: int = piece) -> Iterator[bytes]:
            # Small pieces where the boundaries are only: thousands of them would take long.
            yield from (whole[at : at + size] for at in range(0, len(head) + 400, size))
            middle = len(range(0, len(head) + 400, size)) * size
            yield whole[middle:-300]
            yield from (whole[-300:][at : at + min(size, 7)] for at in range(0, 300, min(size, 7)))

        answer = service.client.post(
            "/redact", content=pieces(), headers={"Content-Type": 'multipart/form-data; boundary="bound"'}
        )
        assert hashlib.sha256(answer.content).digest() == wanted, answer.text[:200]
