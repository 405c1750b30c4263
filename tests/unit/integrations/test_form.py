"""The form reader: cut anywhere it says the same, and what is no form with one file is refused by name."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import pytest

from facegate.errors import FacegateError, LimitExceededError, MalformedUploadError, UnsupportedFormatError
from facegate.integrations.asgi.form import FIELD_BYTES, PARTS, Form

FILE = b'Content-Disposition: form-data; name="file"; filename="marker-7f3a.png"\r\nContent-Type: image/png'
FIELD = b'Content-Disposition: form-data; name="keep"'
CONTENT_TYPE = b"multipart/form-data; boundary=bound"


def form(*parts: tuple[bytes, bytes], end: bytes = b"--bound--\r\n") -> bytes:
    """A body of parts, each its headers and its content."""
    return b"".join(b"--bound\r\n" + headers + b"\r\n\r\n" + content + b"\r\n" for headers, content in parts) + end


def read(whole: bytes, size: int = 1 << 16, content_type: bytes = CONTENT_TYPE) -> tuple[bytes, dict[str, str]]:
    """The file and the fields of a body that comes in pieces of `size`."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), size):
            yield whole[at : at + size]

    async def run() -> tuple[bytes, dict[str, str]]:
        reader = Form(content_type)
        found = b"".join([bytes(part) async for part in reader.file(pieces())])
        return found, reader.fields

    return asyncio.run(run())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 1 << 16])
def test_cut_anywhere_it_is_the_same_file(size: int) -> None:
    """Content that almost is a boundary, again and again."""
    content = b"".join((b"\r", b"\r\n", b"\r\n-", b"\r\n--", b"\r\n--boun", b"\r\n--bounx", b"\0\r\r\n\n--bound")) * 3
    assert read(form((FIELD, b"largest"), (FILE, content)), size) == (content, {"keep": "largest"})
    assert read(form((FILE, content), (FIELD, "größte".encode())), size) == (content, {"keep": "größte"})


MALFORMED = {
    "no form at all": b"marker-7f3a",
    "nothing": b"",
    "ends in the file": form((FILE, b"marker-7f3a"))[:-30],
    "ends before the last boundary": form((FILE, b"x"), end=b""),
    "no file": form((FIELD, b"largest")),
    "two files": form((FILE, b"x"), (FILE, b"y")),
    "no name": form((b"Content-Disposition: form-data", b"x"), (FILE, b"x")),
    "no disposition": form((b"Content-Type: image/png", b"x")),
    "header without colon": form((b"marker-7f3a", b"x")),
    "forbidden character in a header": form((b"marker\x007f3a: x", b"x")),
    "base64": form((FILE + b"\r\nContent-Transfer-Encoding: base64", b"eA==")),
    "field that is no text": form((FIELD, b"\xff\xfe"), (FILE, b"x")),
    "many headers": form((b"\r\n".join([FILE, *[b"X-%d: y" % each for each in range(100)]]), b"x")),
    "long header": form((FILE + b"\r\nX-Long: " + b"y" * 100_000, b"x")),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_what_is_no_form_is_refused_in_one_sentence(name: str, size: int, caplog: pytest.LogCaptureFixture) -> None:
    """And nothing of it is repeated or logged."""
    with caplog.at_level(logging.DEBUG), pytest.raises(MalformedUploadError) as caught:
        read(MALFORMED[name], size)
    assert caught.value.reason.endswith(".")
    assert "marker" not in caught.value.reason
    assert caught.value.__cause__ is None
    assert [each for each in caplog.records if each.name != "asyncio"] == []


@pytest.mark.parametrize(
    "content_type",
    [b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71],
)
def test_a_form_without_a_sound_boundary_is_refused(content_type: bytes) -> None:
    with pytest.raises(MalformedUploadError, match="boundary"):
        read(form((FILE, b"x")), content_type=content_type)


@pytest.mark.parametrize(
    ("whole", "error"),
    [
        (form((FIELD, b"x" * (FIELD_BYTES + 1)), (FILE, b"x")), LimitExceededError),
        (form(*[(FIELD, b"x")] * PARTS, (FILE, b"x")), LimitExceededError),
        (form((FILE.replace(b"image/png", b"text/html"), b"x")), UnsupportedFormatError),
    ],
)
def test_limits_hold_for_what_is_beside_the_file(whole: bytes, error: type[FacegateError]) -> None:
    with pytest.raises(error):
        read(whole)


def test_without_the_parser_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_multipart.multipart", None)
    with pytest.raises(ImportError, match=r"facegate\[asgi\]"):
        Form(CONTENT_TYPE)
