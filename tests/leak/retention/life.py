"""The life of one marked upload, in a process of its own: kept, read, deleted. It waits for a line after each step."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from facegate.retention import RetentionStore, schema
from tests.fault.retention.place import Opened, Place
from tests.fault.retention.scenes import T0


def neighbours(store: RetentionStore, number: int, at: int) -> None:
    """Rows of others, so that what is deleted shares pages of tables and indexes with what is not."""
    if not number:
        return
    people = [f"neighbour-{at}-{each}" for each in range(number)]
    ids = [f"{at + each:012x}{os.urandom(10).hex()}" for each in range(number)]
    row = {"state": "kept", "kept_as": "history", "kind": "upload", "bytes": 0, "created": at, "due": at * 2}
    row |= {"purpose": "generation", "media_type": "image/png", "label": "a neighbour's", "request": "another"}
    with store._parts.database.writing() as connection:
        connection.execute(insert(schema.people), [{"person": each, "created": at} for each in people])
        keys = [{"person": each, "master": "another", "wrapped": os.urandom(60)} for each in people]
        connection.execute(insert(schema.person_keys), keys)
        connection.execute(
            insert(schema.assets), [row | {"id": i, "person": p} for i, p in zip(ids, people, strict=True)]
        )
        connection.execute(insert(schema.asset_keys), [{"asset": each, "wrapped": os.urandom(60)} for each in ids])


def wrapped(store: RetentionStore, asset: str, person: str) -> dict[str, str]:
    """Both keys as the database has them, in hex."""
    keys, people = schema.asset_keys.c, schema.person_keys.c
    with store._parts.database.reading() as connection:
        of_asset = connection.execute(select(keys.wrapped).where(keys.asset == asset)).scalar_one()
        of_person = connection.execute(select(people.wrapped).where(people.person == person)).scalar_one()
    return {"asset_key": bytes(of_asset).hex(), "person_key": bytes(of_person).hex()}


def main() -> None:
    """Do as `sys.argv` says, in JSON: the place, the marks, how many neighbours, and how it ends."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    marks = order["marks"]
    now = T0
    with Opened(Place(**order["place"]), lambda: now) as store:
        neighbours(store, order["before"], T0 - 1_000_000)
        content = b"\x89PNG\r\n\x1a\n" + bytes.fromhex(marks["content"]) * order["times"]
        file = Path(order["upload"])
        file.write_bytes(content)
        asset = store.put(
            file,
            person=marks["person"],
            request="req-1",
            kept_as="history",
            kind="upload",
            purpose="generation",
            media_type="image/png",
            label=marks["label"],
            who="worker",
        ).asset
        file.unlink()
        neighbours(store, order["after"], T0 + 1_000_000)
        assert store.get(asset, purpose="generation", who="worker").read() == content
        _step(wrapped(store, asset, marks["person"]))
        if order["end"] == "sweep":
            now = T0 + 181 * 86_400_000
            assert store.sweep(who="cron").expired == 1
        else:
            assert store.delete_person(marks["person"], who="worker", why="too-young").count == 1
        _step("deleted")
        # Its neighbours are no real ones, so nothing is looked for and mended.
        store._parts.database.scrub(thoroughly=True)
        _step("scrubbed")


def _step(what: Any) -> None:
    print(json.dumps(what), flush=True)
    assert sys.stdin.readline() == "go on\n"


if __name__ == "__main__":
    main()
