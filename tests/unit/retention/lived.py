"""A store in which something of everything happened, to people whom one would recognise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.unit.retention.conftest import PNG, Opened

PERSONS = ("person-zebra", "person-okapi", "person-quagga")
REQUESTS = ("request-ibex", "request-saiga")
LABEL = "Label of a tapir"


def live(opened: Opened) -> None:
    """Live a month.

    At its end there are: kept, one of history, which two holds keep, two drafts that are overdue, one that is not, one
    of safety; deleted, one on a wish, 11 days ago, and a log that expired yesterday; waiting, a wish to know, which is
    overdue, and one to export.
    """
    store, clock = opened.store, opened.clock
    zebra, okapi, quagga = PERSONS
    kept = opened.put(person=zebra, request=REQUESTS[0], label=LABEL)
    gone = opened.put(person=okapi, request=REQUESTS[1], label=LABEL)
    opened.put({"step": 1}, person=okapi, kept_as="operation", kind="log", purpose="safety", media_type=None)
    store.rights.receive("access", zebra, received_at=datetime.fromtimestamp(clock.now / 1000, UTC) - timedelta(days=1))
    clock.pass_(timedelta(days=20))
    store.delete(gone.asset, who="worker", why="wish")
    store.hold("asset", kept.asset, who="counsel", why="case")
    clock.pass_(timedelta(days=5))
    store.hold("person", zebra, who="counsel", why="case")
    opened.put(PNG * 2, person=quagga, kept_as="safety", purpose="safety")
    clock.pass_(timedelta(days=5, seconds=1))
    store.sweep(who="cron")
    for _ in range(2):
        opened.put(person=quagga, kept_as="draft")
    clock.pass_(timedelta(hours=25))
    opened.put(person=okapi, kept_as="draft")
    store.rights.receive("export", okapi)
    store.rights.restrict(quagga, who="desk")


def personal(opened: Opened) -> list[str]:
    """All that must be nowhere: pseudonyms, requests, labels, IDs of assets, holds and wishes."""
    from facegate.retention import schema

    tables = (schema.assets, schema.holds, schema.demands)
    return [*PERSONS, *REQUESTS, LABEL, "tapir", *(row.id for table in tables for row in opened.rows(table))]
