"""Whether everything that a store is made of says the same, when nothing is under way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import select

from facegate.retention import RetentionStore, schema
from tests.fault.retention.place import Place


def consistent(store: RetentionStore, place: Place) -> list[str]:
    """Whether rows, keys, blobs, holds, people and wishes agree, when nothing is under way."""
    rows, found = rows_of(store), []
    states = Counter(row.state for row in rows.values())
    if set(states) - {schema.KEPT, schema.DELETED}:
        found.append(f"states are {dict(states)}")
    kept = {row.id for row in rows.values() if row.state == schema.KEPT}
    if (blobs := sorted(each.asset for each in store._parts.blobs.list())) != sorted(kept):
        found.append(f"{len(blobs)} blobs for {len(kept)} assets")
    if place.bucket is None:
        files = [path.name for path in (Path(place.folder) / "blobs").rglob("*") if path.is_file()]
        if sorted(files) != sorted(kept):
            found.append(f"the folder has {len(files)} files for {len(kept)} assets")
    if (keys := ids_of(store, schema.asset_keys.c.asset)) != kept:
        found.append(f"{len(keys)} keys for {len(kept)} assets")
    links = Counter(list_of(store, select(schema.held.c.asset)))
    if set(links) - kept:
        found.append("a hold is linked to what is not kept")
    if any(row.holds != links[row.id] for row in rows.values()):
        found.append("holds are counted that are not there, or the other way round")
    if ids_of(store, schema.held.c.hold) - {each.hold for each in store.holds()}:
        found.append("a hold that is not in force is linked")
    return found + _people(store, {row.person for row in rows.values() if row.state == schema.KEPT})


def _people(store: RetentionStore, with_assets: set[str]) -> list[str]:
    found = []
    said = ids_of(store, schema.settings.c.person) | ids_of(store, schema.objections.c.person)
    said |= ids_of(store, schema.people.c.person, schema.people.c.restricted.is_not(None))
    if strangers := ids_of(store, schema.people.c.person) - with_assets - said:
        found.append(f"{sorted(strangers)} are known, and nothing is kept of them")
    if (keys := ids_of(store, schema.person_keys.c.person)) != with_assets:
        found.append(f"keys of {sorted(keys)} for the assets of {sorted(with_assets)}")
    lawful = [name for name, each in store.rules.retention.items() if not each.person_decides]
    of_whom = set(list_of(store, select(schema.assets.c.person).where(schema.assets.c.kept_as.not_in(lawful))))
    waiting = {each.person for each in store.rights.waiting() if each.wish == "delete"}
    if waiting - of_whom:
        found.append("a wish to delete is not answered, though nothing is left")
    # Who wanted to be deleted is known for as long as anything is kept.
    answered = ids_of(store, schema.demands.c.person, schema.demands.c.done.is_not(None)) - {None}
    if answered - with_assets:
        found.append("whose an answered wish was is known")
    return found


def rows_of(store: RetentionStore) -> dict[str, Any]:
    with store._parts.database.reading() as connection:
        return {row.id: row for row in connection.execute(select(schema.assets))}


def list_of(store: RetentionStore, query: Any) -> list[Any]:
    with store._parts.database.reading() as connection:
        return list(connection.execute(query).scalars())


def ids_of(store: RetentionStore, column: Any, *where: Any) -> set[str]:
    return set(list_of(store, select(column).where(*where)))
