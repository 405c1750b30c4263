"""What a sweep costs when little is due of much: it should not grow with what is kept.

``python -m benchmarks.retention_scale [--rows 10000 100000 1000000] [--databases sqlite postgresql] [--json FILE]``

Tables of so many assets with their keys, of which 1,000 are due, each of another person, with blobs in a folder.
Medians of five rounds; the claim is the statement alone that finds 200 of them. PostgreSQL runs on the same machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import event

from benchmarks.retention_rows import PEOPLES_ASSETS, analyze, fill, fill_due, put
from facegate import Ledger, Signer, rules
from facegate.retention import FileKeys, RetentionStore

DUE = 1000
OF_A_PERSON = 100
WAITING, IN_FORCE = 100, 20


@contextmanager
def opened(database: str, folder: Path) -> Iterator[tuple[RetentionStore, int]]:
    """A new store, and its time."""
    now = 1_900_000_000_000
    keys = FileKeys.create(folder / "keys")
    with (
        Ledger(folder / "ledger", Signer.generate()) as ledger,
        RetentionStore(
            rules.shipped(),
            database=database,
            blobs=folder / "blobs",
            keys=keys,
            ledger=ledger,
            lease=timedelta(days=1),
            clock=lambda: now,
        ) as store,
    ):
        yield store, now


def prepare(store: RetentionStore) -> None:
    """What is listed: a person's assets, wishes, holds."""
    for number in range(OF_A_PERSON):
        put(store, "of-many", f"of-many-{number}")
    for number in range(WAITING):
        store.rights.receive("access", f"asks-{number}")
    for number in range(IN_FORCE):
        store.hold("request", f"request{number + 1}", who="legal", why="case")


class Claims:
    """Seconds that statements take which find what is due."""

    def __init__(self, store: RetentionStore) -> None:
        self.seconds: list[float] = []
        self._begun = 0.0
        engine = store._parts.database.engine
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)

    def _before(self, *_: Any) -> None:
        self._begun = time.perf_counter()

    def _after(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT assets.id, assets.bytes, assets.person") and "assets.due <=" in statement:
            self.seconds.append(time.perf_counter() - self._begun)


def seconds(function: Callable[[], Any]) -> float:
    """That a call takes."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def measure(database: str, folder: Path, rows: int, rounds: int) -> dict[str, float]:
    """Medians in milliseconds."""
    with opened(database, folder) as (store, now):
        prepare(store)
        fill(store, rows, now)
        claims, found = Claims(store), dict[str, list[float]]()
        for _ in range(rounds):
            fill_due(store, DUE, now, people=rows // PEOPLES_ASSETS)
            analyze(store)

            def note(name: str, function: Callable[[], Any], expected: int) -> None:
                result = []
                found.setdefault(name, []).append(seconds(lambda: result.append(function())))
                if result != [expected]:
                    raise SystemExit(f"{name} found {result[0]} of {expected}")

            # Of somebody of whom there is more, and the last of somebody.
            for name, person in (("delete one", "of-many"), ("delete a person's last", "of-one")):
                asset = put(store, person, "another").asset
                note(name, lambda asset=asset: store.delete(asset, who="support", why="asked").count, 1)  # type: ignore[misc]
            note("kept(person=...)", lambda: len(list(store.kept(person="of-many"))), OF_A_PERSON)
            note("kept(request=...)", lambda: len(list(store.kept(request="of-many-7"))), 1)
            note("wishes", lambda: len(store.rights.waiting()), WAITING)
            note("holds", lambda: len(store.holds()), IN_FORCE)
            note("sweep of 1,000", lambda: store.sweep(who="cron").expired, DUE)
            note("sweep of none", lambda: store.sweep(who="cron").expired, 0)
        # Each sweep looks once more than it finds.
        full = [each for number, each in enumerate(claims.seconds) if number % (DUE // 200 + 2) < DUE // 200]
        found["claim of 200"] = full
        return {name: statistics.median(values) * 1000 for name, values in found.items()}


@contextmanager
def urls(databases: list[str], folder: Path) -> Iterator[dict[str, Callable[[int], str]]]:
    """A new database of each kind for a number of rows."""
    found: dict[str, Callable[[int], str]] = {}
    if "sqlite" in databases:
        found["sqlite"] = lambda rows: f"sqlite:///{folder}/{rows}.sqlite"
    if "postgresql" not in databases:
        yield found
        return
    from tests.servers.postgres import PostgresServer

    with PostgresServer() as server:

        def made(rows: int) -> str:
            server.execute(f"CREATE DATABASE rows{rows} TEMPLATE template0")
            return server.url.replace("/postgres?", f"/rows{rows}?")

        found["postgresql"] = made
        yield found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[int, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, urls(options.databases, Path(scratch)) as made:
        for name, url in made.items():
            for rows in options.rows:
                folder = Path(scratch) / f"{name}-{rows}"
                folder.mkdir()
                results.setdefault(name, {})[rows] = measure(url(rows), folder, rows, options.rounds)
            show(name, results[name])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def show(name: str, by_rows: dict[int, dict[str, float]]) -> None:
    """A table in milliseconds, and how many times the last number is the first."""
    table = Table("ms", *(f"{rows:,} kept" for rows in by_rows), "ratio", title=name)
    first, last = next(iter(by_rows.values())), list(by_rows.values())[-1]
    for each in first:
        table.add_row(each, *(f"{found[each]:.2f}" for found in by_rows.values()), f"{last[each] / first[each]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
