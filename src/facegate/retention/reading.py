"""Read what is kept: for a purpose, or for the person whose it is. Written down before the first byte is given out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, literal, select

from facegate.errors import DamagedError, LostKeyError, NotKeptError, RestrictedError
from facegate.retention import people, schema
from facegate.retention.cipher import sealed_size, unseal
from facegate.retention.kept import Kept
from facegate.retention.parts import Parts


class Content:
    """The content of something that is kept, decrypted as it is read; each piece is authenticated before it comes.

    Attributes:
        kept: what is known of it.
    """

    def __init__(self, kept: Kept, pieces: Iterator[bytes]) -> None:
        self.kept = kept
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of up to a MiB.

        Raises:
            DamagedError: what is left was changed or cut off outside of the store.
            StoreUnavailableError: the place of the blobs cannot be reached.
        """
        return self._pieces

    def read(self) -> bytes:
        """All of what is left, in memory."""
        return b"".join(self._pieces)

    def __repr__(self) -> str:
        return f"[content of {self.kept!r}]"


def get(parts: Parts, asset: str, *, purpose: str, who: str) -> Content:
    """As `RetentionStore.get`."""
    row = _row(parts, asset, purpose)
    keeping = parts.rules.retention.get(row.kept_as)
    if keeping is None or purpose not in keeping.purposes:
        allowed = "nothing" if keeping is None else ", ".join(keeping.purposes)
        raise RestrictedError(f"The policy keeps it for: {allowed}.")
    if row.restricted is not None:
        raise RestrictedError("The person restricted the use of what is kept.")
    if row.objected:
        raise RestrictedError(f"The person does not want to be used for: {purpose}.")
    return open_content(parts, row, who=who, why=purpose)


def open_content(
    parts: Parts, row: Any, *, who: str, why: str, log: bool = True, person_key: bytes | None = None
) -> Content:
    """Content of a row, whoever reads it; the caller has looked at whether that may be.

    Args:
        parts: of the store.
        row: as `row_of` finds it.
        who: reads.
        why: a purpose, or the right of which the person makes use.
        log: write the reading down; an export does so once for all that is in it.
        person_key: where it was unwrapped before, which may be asking far away.

    Raises:
        LostKeyError: the key is gone.
        DamagedError: the blob is gone.
    """
    if row.wrapped is None or row.person_wrapped is None:
        raise LostKeyError("The key of an asset that is kept is gone, so nobody can read it.")
    if person_key is None:
        person_key = people.unwrap_person_key(parts, row.person, row.master, row.person_wrapped)
    key = people.unwrap_asset_key(row.wrapped, person_key, row.id)
    if log:
        parts.record("read", who, why, bytes=row.bytes, asset=row.id, request=row.request)
    return Content(Kept.of(row), _pieces(parts, row.id, key, row.bytes))


def row_of(which: Any, purpose: str | None = None) -> Any:
    """A query for rows of assets with their keys and what their people said."""
    assets, objections = schema.assets, schema.objections
    objected = (
        select(literal(1)).where(objections.c.person == assets.c.person, objections.c.purpose == purpose).exists()
    )
    return (
        select(
            assets,
            schema.asset_keys.c.wrapped,
            schema.person_keys.c.master,
            schema.person_keys.c.wrapped.label("person_wrapped"),
            schema.people.c.restricted,
            objected.label("objected"),
        )
        .outerjoin(schema.asset_keys, schema.asset_keys.c.asset == assets.c.id)
        .outerjoin(schema.person_keys, schema.person_keys.c.person == assets.c.person)
        .outerjoin(schema.people, schema.people.c.person == assets.c.person)
        .where(and_(which, assets.c.state == schema.KEPT))
    )


def _row(parts: Parts, asset: str, purpose: str | None = None) -> Any:
    with parts.database.reading() as connection:
        row = connection.execute(row_of(schema.assets.c.id == asset, purpose)).first()
    # What is due is gone for whoever reads, whether or not a sweep has come; a hold keeps it from the sweep only.
    if row is None or row.due <= parts.clock():
        raise NotKeptError("Nothing of that ID is kept.")
    return row


def _pieces(parts: Parts, asset: str, key: bytes, size: int) -> Iterator[bytes]:
    try:
        yield from unseal(parts.blobs.get(asset, sealed_size(size)), key, asset.encode())
    except FileNotFoundError:
        with parts.database.reading() as connection:
            there = connection.execute(row_of(schema.assets.c.id == asset)).first()
        if there is None:
            raise NotKeptError("It was deleted while it was read.") from None
        raise DamagedError("The blob of an asset that is kept is gone, or a part of it.") from None
