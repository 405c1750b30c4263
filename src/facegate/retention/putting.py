"""Put something: announced, encrypted and written, then kept. Killed anywhere in between, it is not there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import insert, literal, select, text, union_all, update
from sqlalchemy.engine import Connection

from facegate.errors import ConsentError, NotForKeepingError, RestrictedError, RetentionError
from facegate.retention import content, deleting, keys, media_types, people, schema
from facegate.retention.cipher import seal
from facegate.retention.kept import Kept
from facegate.retention.parts import Parts, check_text, milliseconds, new_id
from facegate.rules.consent import Consent
from facegate.rules.keeping import Keeping


def put(
    parts: Parts,
    given: Any,
    *,
    person: str,
    request: str,
    kept_as: str,
    kind: str,
    purpose: str,
    media_type: str | None,
    label: str | None,
    consent: Consent | None,
    who: str,
) -> Kept:
    """As `RetentionStore.put`."""
    for name, value in (("person", person), ("request", request), ("who", who)):
        check_text(name, value)
    if label is not None:
        check_text("label", label)
    keeping = _check_rules(parts, kept_as, kind, purpose, consent)
    media_type, pieces = _check_content(kind, given, media_type)
    counted = content.Counted(pieces)
    at = parts.clock()
    asset, key = new_id(at), os.urandom(keys.KEY_BYTES)
    values = {"kept_as": kept_as, "kind": kind, "media_type": media_type, "purpose": purpose, "label": label}
    _announce(parts, asset, key, keeping, at, {**values, "person": person, "request": request})
    try:
        parts.blobs.put(asset, seal(_alive(parts, asset, iter(counted)), key, asset.encode()))
        parts.record("put", who, purpose, bytes=counted.bytes, asset=asset, request=request)
        return _keep(parts, asset, counted.bytes)
    except BaseException:
        # What cannot be undone now, the next sweep after the lease undoes.
        with contextlib.suppress(RetentionError, FileNotFoundError):
            deleting.abandon(parts, asset)
        raise


def _check_rules(parts: Parts, kept_as: str, kind: str, purpose: str, consent: Consent | None) -> Keeping:
    keeping = parts.rules.retention.get(kept_as)
    if keeping is None:
        known = ", ".join(sorted(parts.rules.retention)) or "none"
        raise NotForKeepingError(f"The policy keeps nothing of that class; its classes are: {known}.")
    if kind not in keeping.kinds:
        raise NotForKeepingError(f"The policy keeps as {kept_as}: {', '.join(keeping.kinds)}.")
    if purpose not in keeping.purposes:
        raise RestrictedError(f"The policy keeps {kept_as} for: {', '.join(keeping.purposes)}.")
    if parts.rules.purposes[purpose].consent == "explicit" and not (consent and consent.covers([purpose])):
        raise ConsentError(f"The policy wants consent to: {purpose}.")
    return keeping


def _check_content(kind: str, given: Any, media_type: str | None) -> tuple[str, Iterator[memoryview]]:
    if kind == "log":
        if media_type not in {None, media_types.LOG}:
            raise NotForKeepingError(f"The media type of a log is {media_types.LOG}.")
        return media_types.LOG, iter([memoryview(media_types.log_bytes(given))])
    if isinstance(given, Mapping) or media_type is None:
        raise NotForKeepingError("An upload or an output is encoded media, and needs its media_type.")
    media_types.check_type(media_type)
    return media_type, content.checked(content.pieces_of(given), media_type)


def _announce(parts: Parts, asset: str, key: bytes, keeping: Keeping, at: int, values: Mapping[str, Any]) -> None:
    """Make the row and the key, while the person's key is as it was read."""
    person = values["person"]
    while True:
        person_key = people.key_of(parts, person)
        with parts.database.writing() as connection:
            if not people.use_key(parts, connection, person, person_key):
                continue
            _check_objections(connection, person, values["purpose"])
            holds = _active_holds(parts, connection, values)
            row = {
                **values,
                "id": asset,
                "state": schema.WRITING,
                "bytes": 0,
                "created": at,
                "due": at + shortest(connection, person, keeping),
                "holds": len(holds),
                "lease": parts.lease_from(at),
            }
            connection.execute(insert(schema.assets).values(row))
            wrapped = people.wrap_asset_key(key, person_key.plain, asset)
            connection.execute(insert(schema.asset_keys).values(asset=asset, wrapped=wrapped))
            if holds:
                connection.execute(insert(schema.held), [{"hold": each, "asset": asset} for each in holds])
            return


def shortest(connection: Connection, person: str, keeping: Keeping) -> int:
    """How long something of a class is kept, in milliseconds: the policy's time or the person's, whichever is less."""
    longest = milliseconds(keeping.duration)
    if not keeping.person_decides:
        return longest
    settings = schema.settings
    query = select(settings.c.milliseconds).where(settings.c.person == person, settings.c.kept_as == keeping.name)
    wanted = connection.execute(query).scalar()
    return longest if wanted is None else min(longest, wanted)


def _check_objections(connection: Connection, person: str, purpose: str) -> None:
    objections = schema.objections
    query = select(literal(1)).where(objections.c.person == person, objections.c.purpose == purpose)
    if connection.execute(query).first() is not None:
        raise RestrictedError(f"The person does not want to be used for: {purpose}.")


def _active_holds(parts: Parts, connection: Connection, values: Mapping[str, Any]) -> list[str]:
    """Legal holds on the person or the request, which keep this, too."""
    if not parts.database.is_sqlite:
        # A hold that is being placed waits for this to end, and then finds the asset.
        connection.execute(text("LOCK TABLE holds IN SHARE MODE"))
    holds = schema.holds
    # One query for each, for which SQLite uses the index; for either at once it does not.
    active = select(holds.c.id).where(holds.c.released.is_(None))
    of_both = [
        active.where(holds.c.target == target, holds.c.value == values[target]) for target in ("person", "request")
    ]
    return list(connection.execute(union_all(*of_both)).scalars())


def _alive(parts: Parts, asset: str, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
    """The same pieces; the lease is renewed while they come."""
    renewed = parts.clock()
    for piece in pieces:
        now = parts.clock()
        if now - renewed > milliseconds(parts.lease) // 3:
            with parts.database.writing() as connection:
                _change(connection, asset, {"lease": parts.lease_from(now)})
            renewed = now
        yield piece


def _keep(parts: Parts, asset: str, size: int) -> Kept:
    with parts.database.writing() as connection:
        _change(connection, asset, {"state": schema.KEPT, "bytes": size, "lease": None})
        row = connection.execute(select(schema.assets).where(schema.assets.c.id == asset)).one()
    return Kept.of(row)


def _change(connection: Connection, asset: str, values: dict[str, Any]) -> None:
    """Change what is being put, unless it was given up: its lease was over, or its person was deleted."""
    assets = schema.assets
    query = update(assets).where(assets.c.id == asset, assets.c.state == schema.WRITING).values(**values)
    if connection.execute(query).rowcount != 1:
        raise RetentionError("What was being put was deleted meanwhile: it took too long, or its person was deleted.")
