"""The right to take along: all that is kept of a person, decrypted, in one ZIP with a manifest and checksums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain
from typing import Any, Final

from sqlalchemy import select

from facegate.errors import DamagedError, LostKeyError, NotKeptError
from facegate.retention import demands, known, media_types, people, reading, schema
from facegate.retention.answers import Exported
from facegate.retention.destination import Destination, destination
from facegate.retention.kept import Kept, time_of, written
from facegate.retention.parts import Parts, check_text
from facegate.retention.spool import Spool
from facegate.retention.zipping import Entry, Zip

# As many rows at once; their keys are looked up with them.
_PAGE: Final = 200
_MANIFEST: Final = "manifest.json"
_SUMS: Final = "SHA256SUMS"


def export(parts: Parts, person: str, to: Any, *, who: str, demand: str | None) -> Exported:
    """As `Rights.export`."""
    check_text("person", person)
    check_text("who", who)
    target = destination(to)
    try:
        with parts.database.writing() as connection:
            number = demands.take(parts, connection, "export", person, demand)
        made = _Made(parts, person, target, number, who)
        made.write()
        target.complete()
        # Only now it is done; and what cannot be written down is not handed out.
        receipt = parts.record("exported", who, "wish", count=made.count, bytes=made.bytes, demand=number)
    except BaseException:
        target.take_back()
        raise
    finally:
        target.close()
    demands.answer(parts, number)
    return Exported(
        count=made.count,
        bytes=made.bytes,
        missing=made.missing,
        size=made.zip.bytes,
        demand=number,
        receipt=receipt,
    )


class _Made:
    """An export that is being written. It takes some 200 bytes of memory for each asset, whatever their content."""

    def __init__(self, parts: Parts, person: str, target: Destination, number: str, who: str) -> None:
        self._parts, self._person, self._number, self._who = parts, person, number, who
        self.zip = Zip(target)
        self._at = parts.clock()
        self._kept, self._missing, self._sums = Spool(), Spool(), Spool()
        self._keys: dict[bytes, bytes] = {}
        self.count = self.bytes = self.missing = 0

    def write(self) -> None:
        said = known.look(self._parts, self._person, without=self._number).summary()
        for row in self._rows():
            self._add(row)
        manifest = self._manifest(said)
        self._sum(_MANIFEST, self._write(_MANIFEST, manifest))
        self._write(_SUMS, self._sums)
        self.zip.end()

    def _rows(self) -> Iterator[Any]:
        assets, after = schema.assets, ""
        while True:
            query = reading.row_of(assets.c.person == self._person).where(assets.c.id > after)
            with self._parts.database.reading() as connection:
                rows = connection.execute(query.order_by(assets.c.id).limit(_PAGE)).all()
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    def _add(self, row: Any) -> None:
        kept = Kept.of(row)
        # A hold keeps it beyond its time: then it is there, and the person's.
        if row.due <= self._at and not kept.held:
            self._leave_out(kept, "Its time is over.")
            return
        name = f"{kept.kind}s/{kept.asset}{media_types.extension(kept.media_type)}"
        try:
            pieces = reading.open_content(
                self._parts, row, who=self._who, why="wish", log=False, person_key=self._key_of(row)
            )
            entry = self.zip.add(name, pieces, size=kept.bytes, at=kept.created)
        except NotKeptError:
            self._leave_out(kept, "It was deleted meanwhile.")
            return
        except (LostKeyError, DamagedError) as error:
            self._leave_out(kept, str(error) if self._is_kept(kept) else "It was deleted meanwhile.")
            return
        self._sum(name, entry)
        noted = {**kept.as_dict(), "name": name, "bytes": entry.bytes, "sha256": entry.sha256}
        _append(self._kept, noted, self.count)
        self.count += 1
        self.bytes += entry.bytes

    def _leave_out(self, kept: Kept, why: str) -> None:
        _append(self._missing, {**kept.as_dict(), "reason": why}, self.missing)
        self.missing += 1

    def _key_of(self, row: Any) -> bytes | None:
        """The person's key, asked for once: the master key may be far away."""
        wrapped = row.person_wrapped
        if wrapped is None:
            return None
        if wrapped not in self._keys:
            # Another only after a rotation.
            self._keys = {wrapped: people.unwrap_person_key(self._parts, row.person, row.master, wrapped)}
        return self._keys[wrapped]

    def _is_kept(self, kept: Kept) -> bool:
        query = select(schema.assets.c.id).where(schema.assets.c.id == kept.asset, schema.is_kept)
        with self._parts.database.reading() as connection:
            return connection.execute(query).first() is not None

    def _manifest(self, said: dict[str, Any]) -> Spool:
        rules = self._parts.rules
        head = {
            "facegate": version("facegate"),
            "store": self._parts.store,
            "policy": {"name": rules.name, "version": rules.version, "sha256": rules.digest()},
            "generated": written(time_of(self._at)),
            "demand": self._number,
            **said,
        }
        whole = Spool()
        # One JSON object, of which the two lists are copied in as they were noted.
        whole.add(json.dumps(head, indent=1)[:-2].encode() + b',\n "kept": [')
        for piece in chain(self._kept, (b'\n ],\n "missing": [',), self._missing, (b"\n ]\n}\n",)):
            whole.add(piece)
        return whole

    def _write(self, name: str, content: Spool) -> Entry:
        return self.zip.add(name, content, size=content.bytes, at=time_of(self._at))

    def _sum(self, name: str, entry: Entry) -> None:
        self._sums.add(f"{entry.sha256}  {name}\n".encode())


def _append(to: Spool, noted: dict[str, Any], before: int) -> None:
    to.add((",\n  " if before else "\n  ").encode() + json.dumps(noted).encode())
