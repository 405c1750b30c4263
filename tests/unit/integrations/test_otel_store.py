"""Gauges of a retention store, read back through OpenTelemetry's SDK in memory."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk.metrics", reason="opentelemetry-sdk is not installed")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from facegate import Ledger, Signer, rules
from facegate.integrations.otel_store import observe_store
from facegate.retention import FileKeys, RetentionStore
from tests.unit.integrations.test_otel import read


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def observed(reader: InMemoryMetricReader, tmp_path: Path) -> Iterator[RetentionStore]:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    keys = FileKeys.create(tmp_path / "keys")
    said = {"database": f"sqlite:///{tmp_path / 'store.sqlite'}", "blobs": tmp_path / "blobs", "keys": keys}
    with Ledger(tmp_path / "ledger", Signer.generate()) as ledger:
        with RetentionStore(rules.shipped(), ledger=ledger, **said) as store:
            observe_store(store, provider.get_meter("facegate"))
            yield store
    provider.shutdown()


def test_a_store_is_counted_when_figures_are_collected(observed: RetentionStore, reader: InMemoryMetricReader) -> None:
    for place in range(3):
        observed.put(
            {"step": place},
            person=f"person-{place}",
            request="request-ibex",
            kept_as="operation",
            kind="log",
            purpose="safety",
            who="worker",
        )
    observed.hold("person", "person-1", who="counsel", why="case")
    observed.rights.receive("access", "person-2")
    now = read(reader)
    of = (("class", "operation"),)
    assert now["facegate.retention.assets"][of] == 3
    assert now["facegate.retention.bytes"][of] == 3 * len('{"step":0}')
    assert now["facegate.retention.held"][of] == 1
    assert now["facegate.retention.overdue"][of] == 0
    assert set(now["facegate.retention.oldest"]) == {of}
    assert now["facegate.retention.holds"] == {(): 1}
    assert now["facegate.retention.unfinished"] == {(): 0}
    assert now["facegate.retention.wishes"] == {(("wish", "access"),): 1}
    assert now["facegate.retention.wishes.overdue"] == {(("wish", "access"),): 0}
    assert now["facegate.retention.people"] == {(): 3}
    assert "person-" not in repr(now)
    assert "ibex" not in repr(now)


@pytest.mark.usefixtures("observed")
def test_a_store_is_counted_once_for_all_gauges(reader: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, count = [], RetentionStore.figures
    monkeypatch.setattr(RetentionStore, "figures", lambda store: counted.append(1) or count(store))
    assert len(read(reader)["facegate.retention.assets"]) == len(rules.shipped().retention)
    assert len(counted) == 1


@pytest.mark.usefixtures("observed")
def test_a_store_that_is_away_has_no_figures_rather_than_wrong_ones(
    reader: InMemoryMetricReader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        database.execute("ALTER TABLE people RENAME TO nobody")
    with caplog.at_level(logging.ERROR):
        assert "facegate.retention.assets" not in read(reader)
    assert "cannot be used" in caplog.text
