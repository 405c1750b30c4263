"""What a batch has done, one line a file, so that a later run can go on where this one ended.

The lines hold names, sizes, times and digests of files; nothing of what the pictures show.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from facegate.commands.batch.place import STAGING
from facegate.commands.batch.plan import Job
from facegate.errors import OutputError, ReceiptError
from facegate.receipt import MAX_BYTES, verify

NAME: Final = "facegate-batch.jsonl"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One file that is done.

    Attributes:
        input: name of the input, below the input folder.
        size: of the input, bytes.
        mtime_ns: when the input was last changed, nanoseconds.
        output: name of the output, below the output folder.
        sha256: of the output, lower-case hex.
        settings: digest of the settings.
        request: ID of the request that made it, as on its receipt.
    """

    input: str
    size: int
    mtime_ns: int
    output: str
    sha256: str
    settings: str
    request: str


class Manifest:
    """The manifest of one output folder, which a `Place` holds. `add` may be called from any thread.

    A line that was cut off, or is no record, is passed over: its file is done anew.

    Args:
        path: of the file; made with the first record.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._torn = False
        self.records: dict[str, Record] = {}
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                record = _parse(line)
                if record is not None:
                    self.records[record.input] = record

    def begin(self, forget: Collection[str] = ()) -> None:
        """Write the file anew, each record once.

        Args:
            forget: names of inputs whose records are dropped.

        Raises:
            OutputError: it could not be written.
        """
        self.records = {name: record for name, record in self.records.items() if name not in forget}
        lines = b"".join(_line(record) for record in self.records.values())
        beside = self._path.parent / STAGING / NAME
        with _as_output(self._path):
            if lines:
                beside.write_bytes(lines)
                beside.replace(self._path)
            else:
                self._path.unlink(missing_ok=True)

    def add(self, record: Record) -> None:
        """Say that a file is done, in one write.

        Raises:
            OutputError: it could not be written.
        """
        with self._guard, _as_output(self._path):
            line = (b"\n" if self._torn else b"") + _line(record)
            self._torn = True
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError(None, "it was not written to its end")
            finally:
                os.close(descriptor)
            self._torn = False


def is_done(record: Record | None, job: Job, key: bytes | None) -> bool:
    """Whether a file need not be done again: all that the record says is still so.

    Args:
        record: what the manifest says of the input, if anything.
        job: what would be done.
        key: PEM of the public key that must have signed the receipt; None takes any, as each run may make its own.

    Raises:
        OSError: the input cannot be read.
    """
    if record is None:
        return False
    status = job.item.path.stat()
    same = (record.size, record.mtime_ns) == (status.st_size, status.st_mtime_ns)
    if not same or (record.output, record.settings) != (job.output, job.settings):
        return False
    try:
        with job.receipt.open("rb") as file:
            verified = verify(file.read(MAX_BYTES + 1), trusted_key=key)
        if (verified.request_id, verified.outcome) != (record.request, "finished"):
            return False
        with job.target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == record.sha256
    except (OSError, ReceiptError):
        return False


def _line(record: Record) -> bytes:
    return json.dumps({"v": _VERSION} | asdict(record), separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes) -> Record | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    names = {each.name for each in fields(Record)}
    if not isinstance(content, dict) or content.pop("v", None) != _VERSION or set(content) != names:
        return None
    numbers = all(type(content[name]) is int for name in ("size", "mtime_ns"))
    words = all(isinstance(content[name], str) for name in names - {"size", "mtime_ns"})
    return Record(**content) if numbers and words and line.endswith(b"\n") else None


@contextlib.contextmanager
def _as_output(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror or type(error).__name__}.") from None
