"""The one file of a multipart form, piece by piece; python-multipart parses, and nothing is spooled."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from facegate.errors import LimitExceededError, MalformedUploadError
from facegate.integrations.asgi.body import check_type

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# Of all fields together, names and values.
FIELD_BYTES: Final = 1 << 16
PARTS: Final = 32
# What a form may have beside the file: the fields, and 32 parts' headers as they usually are.
EXTRA_BYTES: Final = 2 * FIELD_BYTES
_ENCODINGS: Final = frozenset({b"", b"binary", b"8bit", b"7bit"})
# The parser logs what it stumbles over: bytes of the upload.
_SILENT: Final = logging.Logger("facegate.integrations.asgi.form")
_SILENT.disabled = True


class Form:
    """Reads a form that has one file and any number of short text fields.

    Attributes:
        fields: text by name; complete when `file` is through.

    Args:
        content_type: the header, whole.

    Raises:
        MalformedUploadError: the header names no boundary.
        ImportError: python-multipart is not installed.
    """

    def __init__(self, content_type: bytes) -> None:
        try:
            from python_multipart.multipart import MultipartParser, parse_options_header  # noqa: PLC0415
        except ImportError:
            raise ImportError("Forms need python-multipart: pip install 'facegate[asgi]'.") from None
        self._options = parse_options_header
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise MalformedUploadError("The form's content type names no boundary of 1 to 70 characters.")
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._part_ends,
            "on_end": self._ends,
        }
        self._parser = MultipartParser(boundary, callbacks)
        self._parser.logger = _SILENT
        self.fields: dict[str, str] = {}
        self._headers: dict[bytes, bytes] = {}
        self._header_key, self._header_text = bytearray(), bytearray()
        self._field: tuple[str, bytearray] | None = None
        self._field_bytes = self._parts = self._files = 0
        self._ended = False
        self._out: list[memoryview] = []

    async def file(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[memoryview]:
        """The file's bytes, as views of the pieces that they came in.

        Raises:
            MalformedUploadError: it is no form, ends early, or has not exactly one file.
            LimitExceededError: the fields are too long or too many.
            UnsupportedFormatError: the file claims to be neither picture nor video.
        """
        from python_multipart.exceptions import FormParserError  # noqa: PLC0415

        async for piece in pieces:
            try:
                self._parser.write(piece)
            except FormParserError:
                # Its message repeats what it read.
                raise MalformedUploadError("The form is not well-formed multipart/form-data.") from None
            for part in self._out:
                yield part
            self._out.clear()
        if not self._ended:
            raise MalformedUploadError("The form ends before its last boundary.")
        if not self._files:
            raise MalformedUploadError("The form has no file.")

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > PARTS:
            raise LimitExceededError(f"The form has more than {PARTS} parts.")
        self._headers.clear()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_key += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_text += data[start:end]

    def _header_ends(self) -> None:
        self._headers[bytes(self._header_key).lower()] = bytes(self._header_text)
        self._header_key.clear()
        self._header_text.clear()

    def _headers_end(self) -> None:
        disposition, options = self._options(self._headers.get(b"content-disposition", b""))
        if disposition != b"form-data" or b"name" not in options:
            raise MalformedUploadError("A part of the form has no name.")
        if self._headers.get(b"content-transfer-encoding", b"").strip().lower() not in _ENCODINGS:
            raise MalformedUploadError("A part of the form is sent in an encoding, which forms do not have.")
        # The file's name stays behind here: it may say who is in the picture.
        if b"filename" in options or b"filename*" in options:
            self._files += 1
            if self._files > 1:
                raise MalformedUploadError("The form has more than one file.")
            check_type(self._headers.get(b"content-type", b"").decode("latin-1"))
            self._field = None
        else:
            self._count(len(options[b"name"]))
            self._field = (_text(options[b"name"]), bytearray())

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._out.append(memoryview(data)[start:end])
        else:
            self._count(end - start)
            self._field[1].extend(data[start:end])

    def _part_ends(self) -> None:
        if self._field is not None:
            name, value = self._field
            self.fields[name] = _text(value)

    def _ends(self) -> None:
        self._ended = True

    def _count(self, more: int) -> None:
        self._field_bytes += more
        if self._field_bytes > FIELD_BYTES:
            raise LimitExceededError(f"The form's fields have more than {FIELD_BYTES} bytes.")


def _text(raw: bytes | bytearray) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise MalformedUploadError("A field of the form is no UTF-8 text.") from None
