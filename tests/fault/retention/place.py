"""Where a store is, as one process tells another; and the store, opened there at some time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from facegate import Ledger, Signer, rules
from facegate.receipt.ledger import FileSink
from facegate.retention import FileKeys, RetentionStore

LEASE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where everything of one store is.

    Attributes:
        folder: has the keys, the ledger, and what else is in files.
        database: URL.
        bucket: name and options of an `S3Store` for the blobs; None for a folder.
    """

    folder: str
    database: str
    bucket: dict[str, Any] | None = None

    @property
    def path(self) -> Path:
        return Path(self.folder)

    def furnish(self) -> None:
        """Make master keys, as they are before, during and after a rotation, and the ledger's key."""
        self.path.mkdir(exist_ok=True)
        FileKeys.create(self.path / "old.keys")
        FileKeys.create(self.path / "new.keys")
        both = (self.path / "new.keys").read_text() + (self.path / "old.keys").read_text()
        (self.path / "both.keys").touch(mode=0o600)
        (self.path / "both.keys").write_text(both)
        pem = Signer.generate()._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.path / "ledger.pem").write_bytes(pem)

    def signer(self) -> Signer:
        """The ledger's."""
        return Signer.from_pem((self.path / "ledger.pem").read_bytes())


class _Hasty(FileSink):
    """A file that does not wait for the disk, for a process that nobody kills."""

    def append(self, data: bytes) -> None:
        os.write(self._descriptor, data)


class Opened:
    """A store and its ledger, open for a ``with`` block.

    Args:
        place: of it.
        at: the time that its clock shows, milliseconds since 1970, or the clock.
        keys: ``"old"``, ``"both"`` (the new one first) or ``"new"``.
        hasty: do not wait for the disk when the ledger is written.
        ledger: its file in the folder.
        lease: of the store.
    """

    def __init__(
        self,
        place: Place,
        at: int | Callable[[], int],
        keys: str = "old",
        *,
        hasty: bool = False,
        ledger: str = "ledger",
        lease: timedelta = LEASE,
    ) -> None:
        path = place.path / ledger
        self.ledger = Ledger(_Hasty(path) if hasty else path, place.signer())
        try:
            self.store = RetentionStore(
                rules.shipped(),
                database=place.database,
                blobs=_blobs(place),
                keys=FileKeys(place.path / f"{keys}.keys"),
                ledger=self.ledger,
                lease=lease,
                clock=(lambda: at) if isinstance(at, int) else at,
            )
        except BaseException:
            self.ledger.close()
            raise

    def __enter__(self) -> RetentionStore:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()
        self.ledger.close()


def _blobs(place: Place) -> Any:
    if place.bucket is None:
        return place.path / "blobs"
    from obstore.store import S3Store

    impatient = {"max_retries": 0, "retry_timeout": timedelta(seconds=10)}
    return S3Store(place.bucket["name"], **place.bucket["options"], retry_config=impatient)
