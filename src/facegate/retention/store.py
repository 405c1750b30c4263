"""`RetentionStore`: what is kept, and until when. The work is in the modules beside this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import insert, select

from facegate.errors import RetentionError
from facegate.retention import (
    erasing,
    holding,
    listing,
    migrate,
    putting,
    reading,
    repairing,
    rotating,
    schema,
    sweeping,
    withdrawing,
)
from facegate.retention.blobs import Blobs
from facegate.retention.database import Database
from facegate.retention.figures import Figures, figures
from facegate.retention.kept import Kept
from facegate.retention.parts import LEASE, Parts, new_id, now
from facegate.retention.rights import Rights
from facegate.rules.model import Rules

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from facegate.receipt.ledger import Ledger
    from facegate.retention.content import Content as Given
    from facegate.retention.erasing import Deleted
    from facegate.retention.holding import Hold, Target
    from facegate.retention.keys import MasterKeys
    from facegate.retention.reading import Content
    from facegate.retention.repairing import Checked
    from facegate.retention.sweeping import Swept
    from facegate.rules.consent import Consent


class RetentionStore:
    """Media, outputs and logs of requests, encrypted, each kept for as long as the policy says and no longer.

    Thread-safe; any number of processes and machines may use one store, each with a ledger of its own. Close it, or use
    ``with``.

    Every asset has a key of its own, wrapped by a key of its person, wrapped by a master key. What is deleted loses its
    key first, so it cannot be read from that moment on, whatever becomes of its blob.

    Args:
        rules: the policy, as `facegate.rules.load` gives it.
        database: as SQLAlchemy names it: ``sqlite:///store.sqlite`` for one machine, or
            ``postgresql+psycopg://user@host/name``. An empty one gets its tables.
        blobs: a folder, a URL as ``s3://bucket/prefix``, or an obstore store.
        keys: the master keys: `FileKeys`, `EnvironmentKey`, or an adapter of a key service.
        ledger: where every act is written down before it counts; no content and no person is on it.
        lease: how long a put or a deletion that gives no sign of life is believed to go on; then a sweep undoes or
            finishes it.
        clock: milliseconds since 1970.

    Raises:
        MasterKeyError: the keys given are not those that the store was written with.
        StoreUnavailableError: the database or the blobs cannot be reached.
        RetentionError: the database is none of this version's.

    Does not protect against: whoever has the master key and the database; a backup that has keys destroyed since (see
    docs/retention.md); what is read and kept elsewhere.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        database: str,
        blobs: ObjectStore | str | os.PathLike[str],
        keys: MasterKeys,
        ledger: Ledger,
        lease: timedelta = LEASE,
        clock: Callable[[], int] = now,
    ) -> None:
        if not isinstance(rules, Rules):
            raise RetentionError("rules must be what facegate.rules.load gives.")
        opened = Database(database)
        try:
            if migrate.is_empty(opened):
                migrate.upgrade(opened)
            migrate.check(opened)
            store = _id_of(opened, clock())
            self._parts = Parts(
                rules=rules,
                database=opened,
                blobs=Blobs(blobs, store),
                keys=keys,
                ledger=ledger,
                store=store,
                lease=lease,
                clock=clock,
            )
            self._check_keys()
        except BaseException:
            opened.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def id(self) -> str:
        """32 hex digits that name this store on ledgers and receipts."""
        return self._parts.store

    @property
    def rules(self) -> Rules:
        """The policy that it holds to."""
        return self._parts.rules

    @property
    def rights(self) -> Rights:
        """What people may ask for: to know, correct, take along, restrict, object, withdraw, be deleted."""
        return Rights(self._parts)

    def put(
        self,
        content: Given | Mapping[str, Any],
        *,
        person: str,
        request: str,
        kept_as: str,
        kind: str,
        purpose: str,
        who: str,
        media_type: str | None = None,
        label: str | None = None,
        consent: Consent | None = None,
    ) -> Kept:
        """Keep something; it is kept when this returns, and not before.

        Args:
            content: encoded media: bytes, a path, a binary file, pieces of bytes; read once, a MiB at a time. A log is
                a mapping of names to texts, whole numbers, true, false and None.
            person: whose it is: the caller's pseudonym for the person.
            request: ID of the request that it is of.
            kept_as: class of the policy, which says for how long; a shorter time that the person wants wins.
            kind: ``"upload"``, ``"output"`` or ``"log"``.
            purpose: what it is kept for, one of those of its class.
            who: keeps it: a service or an account.
            media_type: as ``image/png``; the content must begin as such a file does.
            label: what the person calls it.
            consent: where the policy wants consent to the purpose.

        Raises:
            NotForKeepingError: it is no medium or log, or the policy keeps nothing of that class or kind. Arrays,
                tensors, views and handles of faces never enter.
            RestrictedError: the class is not for that purpose, or the person objected to it.
            ConsentError: the policy wants consent to the purpose.
            StoreUnavailableError: the database or the blobs are full or cannot be reached; it is not kept.
            LedgerError: it could not be written down; it is not kept.
        """
        return putting.put(
            self._parts,
            content,
            person=person,
            request=request,
            kept_as=kept_as,
            kind=kind,
            purpose=purpose,
            media_type=media_type,
            label=label,
            consent=consent,
            who=who,
        )

    def get(self, asset: str, *, purpose: str, who: str) -> Content:
        """The content of something, for a purpose.

        Args:
            asset: its ID.
            purpose: what it is read for.
            who: reads it.

        Raises:
            NotKeptError: nothing of that ID is kept, or its time is over.
            RestrictedError: the policy does not keep it for that, or its person restricted its use or objected.
            LostKeyError: its key is gone.
            DamagedError: its blob is gone. Changes show while it is read.
            LedgerError: the reading could not be written down, so it was not done.
        """
        return reading.get(self._parts, asset, purpose=purpose, who=who)

    def kept(self, *, person: str | None = None, request: str | None = None) -> Iterator[Kept]:
        """What is kept of a person or of a request, by the time at which it was put.

        Raises:
            RetentionError: neither is named, or both.
        """
        return listing.kept(self._parts, person=person, request=request)

    def delete(self, asset: str, *, who: str, why: str) -> Deleted:
        """Delete one thing: its key is destroyed, then its blob, then its row keeps no content.

        Args:
            asset: its ID.
            who: deletes it.
            why: the reason, a word of small letters, digits and hyphens.

        Raises:
            NotKeptError: nothing of that ID is kept.
            HeldError: a legal hold keeps it.
            StoreUnavailableError: it may not be deleted yet. If its key is gone, a sweep does the rest.
        """
        return erasing.delete_asset(self._parts, asset, who=who, why=why)

    def delete_request(self, request: str, *, who: str, why: str) -> Deleted:
        """Delete all that is kept of a request; what a hold keeps is counted, and left.

        Raises:
            StoreUnavailableError: see `delete`.
        """
        return erasing.delete_request(self._parts, request, who=who, why=why)

    def delete_person(self, person: str, *, who: str, why: str) -> Deleted:
        """Delete all that is kept of a person, whatever its class; what a hold keeps goes once that is released.

        For somebody who turns out to be too young, for instance. The person's own wish is `rights.delete`, which leaves
        what the policy keeps whatever the person wishes.

        Raises:
            StoreUnavailableError: see `delete`.
        """
        return withdrawing.delete_whole(self._parts, person, who=who, why=why)

    def sweep(self, *, who: str) -> Swept:
        """Delete what is due, and finish what others did not; run it often, on as many machines at once as you like.

        Raises:
            StoreUnavailableError: the database or the blobs cannot be reached; the next sweep goes on.
        """
        return sweeping.sweep(self._parts, who=who)

    def hold(self, target: Target, value: str, *, who: str, why: str) -> Hold:
        """Place a legal hold: nothing and nobody deletes what it keeps until it is released.

        Args:
            target: ``"asset"``, ``"request"`` or ``"person"``; of the latter two also what is put later.
            value: the ID.
            who: places it.
            why: the reason, a word.

        Raises:
            NotKeptError: there is no such asset.
        """
        return holding.hold(self._parts, target, value, who=who, why=why)

    def release(self, hold: str, *, who: str, why: str) -> int:
        """Release a hold; how many assets it kept. The next sweep deletes what is due of them.

        Raises:
            NotKeptError: no such hold is in force.
        """
        return holding.release(self._parts, hold, who=who, why=why)

    def holds(self) -> list[Hold]:
        """The holds that are in force, the oldest first."""
        return holding.in_force(self._parts)

    def rotate(self, *, who: str) -> int:
        """Wrap people's keys that another master key wraps with the current one; how many. No blob is touched.

        Raises:
            MasterKeyError: the key that wraps one of them is not given.
        """
        return rotating.rotate(self._parts, who=who)

    def check(self, *, who: str, repair: bool = False) -> Checked:
        """Compare the database with the blobs, all of both.

        Args:
            who: checks.
            repair: delete blobs that nothing refers to, and make tombstones of assets whose blob or key is gone. Then
                have the database's own files forget destroyed keys, too; in PostgreSQL, where deleted rows stay in
                their pages otherwise, every table is written anew for it.

        Raises:
            StoreUnavailableError: one of them cannot be reached.
        """
        return repairing.check(self._parts, who=who, repair=repair)

    def figures(self) -> Figures:
        """How much is kept, how old, overdue, held, deleted, asked for: counted by the database, and about nobody.

        Raises:
            StoreUnavailableError: the database cannot be reached.
        """
        return figures(self._parts)

    def close(self) -> None:
        """Let go of the database; idempotent. The ledger is the caller's."""
        self._parts.database.close()

    def _check_keys(self) -> None:
        """Raise at once where the master key is another: unwrapping one key that it wraps shows it."""
        query = select(schema.person_keys).limit(1)
        with self._parts.database.reading() as connection:
            row = connection.execute(query).first()
        if row is not None:
            from facegate.retention.people import unwrap_person_key  # noqa: PLC0415

            unwrap_person_key(self._parts, row.person, row.master, row.wrapped)


def _id_of(database: Database, at: int) -> str:
    """The ID that the store got when it was made."""
    with database.reading() as connection:
        found = connection.execute(select(schema.stores.c.id)).scalar()
    if found is not None:
        return str(found)
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("LOCK TABLE stores IN EXCLUSIVE MODE")
        found = connection.execute(select(schema.stores.c.id)).scalar()
        if found is None:
            found = new_id(at)
            connection.execute(insert(schema.stores).values(id=found, created=at))
    return str(found)
