"""Delete by asset, by request, by person: what was asked for, with a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.engine import Connection

from facegate.errors import HeldError, NotKeptError
from facegate.receipt.act import ActWord
from facegate.receipt.act_receipt import ActReceipt
from facegate.retention import deleting, people, schema
from facegate.retention.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What a deletion did.

    Attributes:
        count: assets whose keys are destroyed and whose blobs are gone.
        bytes: of their content.
        held: assets that a legal hold keeps; a sweep deletes them once it is released.
        kept: assets that the policy keeps whatever the person wishes, until their time is over.
        receipt: signed, and on the ledger.
    """

    count: int
    bytes: int
    held: int
    kept: int
    receipt: ActReceipt

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"count": self.count, "bytes": self.bytes, "held": self.held, "kept": self.kept}


def delete_asset(parts: Parts, asset: str, *, who: str, why: str) -> Deleted:
    """As `RetentionStore.delete`."""
    act = parts.act("deleted", who, why)  # whatever is wrong with the words is said before anything is deleted
    assets = schema.assets
    with parts.database.writing() as connection:
        claimed = deleting.claim(parts, connection, assets.c.id == asset, why)
        if not claimed.assets:
            row = connection.execute(
                select(assets.c.holds).where(assets.c.id == asset, assets.c.state == schema.KEPT)
            ).first()
            if row is None:
                raise NotKeptError("Nothing of that ID is kept.")
            raise HeldError("A legal hold keeps it.")
    return _finish(parts, claimed, who=who, why=act.why, asset=asset)


def delete_request(parts: Parts, request: str, *, who: str, why: str) -> Deleted:
    """As `RetentionStore.delete_request`."""
    parts.act("deleted", who, why, request=request)
    done = delete_where(parts, schema.assets.c.request == request, who=who, why=why, request=request)
    parts.database.scrub()
    return done


def delete_person(
    parts: Parts, person: str, *, who: str, why: str, person_decides: bool, demand: str | None = None
) -> Deleted:
    """All that is kept of a person.

    Args:
        parts: of the store.
        person: the pseudonym.
        who: deletes.
        why: a word.
        person_decides: leave what the policy keeps whatever the person wishes.
        demand: number of the person's wish.
    """
    parts.act("deleted", who, why)
    assets = schema.assets
    mine = assets.c.person == person
    theirs = assets.c.kept_as.in_(lawful(parts))
    which = and_(mine, ~theirs) if person_decides else mine
    with parts.database.writing() as connection:
        # Nobody puts anything of this person meanwhile.
        people.lock(parts.database, connection, person)
        due_now(parts, connection, which)
        kept = deleting.count(connection, and_(mine, theirs, assets.c.state == schema.KEPT))
    done = delete_where(
        parts, which, who=who, why=why, person=person, kept=kept if person_decides else 0, demand=demand
    )
    with parts.database.writing() as connection:
        people.forget(parts, connection, [person], and_what_they_said=True)
    parts.database.scrub()
    return done


def lawful(parts: Parts) -> list[str]:
    """Classes that the policy keeps whatever the person wishes."""
    return [name for name, each in parts.rules.retention.items() if not each.person_decides]


def due_now(parts: Parts, connection: Connection, which: ColumnElement[bool]) -> None:
    """What a hold keeps, or will keep once its put has ended, is due when it is not held any more."""
    assets, at = schema.assets, parts.clock()
    held = and_(which, assets.c.holds > 0, assets.c.state.in_((schema.KEPT, schema.WRITING)), assets.c.due > at)
    deleting.lock(parts, connection, held)
    connection.execute(update(assets).where(held).values(due=at))


def delete_where(
    parts: Parts,
    which: ColumnElement[bool],
    *,
    act: ActWord = "deleted",
    who: str,
    why: str,
    person: str | None = None,
    kept: int = 0,
    **fields: Any,
) -> Deleted:
    """All assets of a kind, batch by batch; keys of all of them before any blob. The caller scrubs the database."""
    batches = []
    while True:
        with parts.database.writing() as connection:
            if person is not None:
                people.lock(parts.database, connection, person)
            claimed = deleting.claim(parts, connection, which, why)
            if not claimed.assets:
                # One that is being put counts, too: it will be kept.
                alive = schema.assets.c.state.in_((schema.KEPT, schema.WRITING))
                held = deleting.count(connection, and_(which, schema.assets.c.holds > 0, alive))
                break
            batches.append(claimed)
    for each in batches:
        parts.blobs.delete(each.assets)
    count, size = sum(len(each.assets) for each in batches), sum(each.bytes for each in batches)
    receipt = parts.record(act, who, why, count=count, bytes=size, kept=kept + held, **fields)
    for each in batches:
        deleting.bury(parts, each)
    return Deleted(count=count, bytes=size, held=held, kept=kept, receipt=receipt)


def _finish(parts: Parts, claimed: deleting.Claimed, *, who: str, why: str, asset: str) -> Deleted:
    parts.blobs.delete(claimed.assets)
    receipt = parts.record("deleted", who, why, bytes=claimed.bytes, asset=asset)
    deleting.bury(parts, claimed)
    parts.database.scrub()
    return Deleted(count=1, bytes=claimed.bytes, held=0, kept=0, receipt=receipt)
