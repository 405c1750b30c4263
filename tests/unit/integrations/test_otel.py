"""OpenTelemetry's instruments, read back through its SDK in memory."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk.metrics", reason="opentelemetry-sdk is not installed")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import facegate
from facegate.errors import BusyError, DecodeError
from facegate.integrations import otel
from facegate.metrics import Recorder
from tests.conftest import eventually

NewId = Callable[[], str]


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def metrics(reader: InMemoryMetricReader) -> Iterator[otel.OpenTelemetryMetrics]:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield otel.OpenTelemetryMetrics(provider.get_meter("facegate"))
    provider.shutdown()


def read(reader: InMemoryMetricReader) -> dict[str, dict[tuple[tuple[str, Any], ...], Any]]:
    """Points by instrument and attributes: a value, or a histogram's count and sum."""
    found: dict[str, dict[tuple[tuple[str, Any], ...], Any]] = {}
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data is not None else []:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    value = (point.count, point.sum) if hasattr(point, "count") else point.value
                    found.setdefault(metric.name, {})[tuple(sorted(point.attributes.items()))] = value
    return found


def test_what_happens_is_recorded(
    reader: InMemoryMetricReader, metrics: otel.OpenTelemetryMetrics, astronaut: bytes, new_id: NewId
) -> None:
    assert isinstance(metrics, Recorder)
    policy = facegate.Policy(max_open=1, max_waiting=1, max_wait=60, spares=1)
    with facegate.Gate(policy, metrics=metrics) as gate:
        with gate.open_request(new_id(), purpose="generation") as request:
            now = read(reader)
            assert now["facegate.requests.open"] == {(): 1}
            late = gate.open_request(new_id(), purpose="generation")
            waiting = threading.Thread(target=late.open)
            waiting.start()
            assert eventually(lambda: gate.load.waiting == 1)
            with pytest.raises(BusyError):
                gate.open_request(new_id(), purpose="generation").open()
            assert eventually(lambda: read(reader)["facegate.requests.waiting"] == {(): 1})
            request.finish(request.redact(request.admit(astronaut)))
        waiting.join()
        late.close()
        with pytest.raises(DecodeError), gate.open_request(new_id(), purpose="generation") as request:
            request.admit(b"\xff\xd8\xff\xe0" + bytes(100))
        assert gate.metrics_failures == 0
    now = read(reader)
    assert now["facegate.requests.opened"] == {(): 3}
    assert now["facegate.requests.queued"] == {(): 1}
    assert now["facegate.requests.refused"] == {(("reason", "full"),): 1}
    assert now["facegate.requests.closed"] == {
        (("outcome", outcome),): 1 for outcome in ("finished", "abandoned", "exception")
    }
    assert now["facegate.requests.open"] == now["facegate.requests.waiting"] == {(): 0}
    assert now["facegate.calls.declined"] == {(): 0}
    assert set(now["facegate.spares"]) == {()}
    for name in ("wait", "open", "purge"):
        ((count, total),) = now[f"facegate.request.{name}"].values()
        assert count == 3
        assert total > 0
    assert set(now) == {
        *(f"facegate.requests.{each}" for each in ("opened", "queued", "refused", "closed", "open", "waiting")),
        *(f"facegate.request.{each}" for each in ("wait", "open", "purge")),
        *("facegate.calls.declined", "facegate.spares"),
    }


def test_without_an_sdk_nothing_happens(new_id: NewId) -> None:
    with facegate.Gate(facegate.Policy(spares=0), metrics=otel.OpenTelemetryMetrics()) as gate:
        with gate.open_request(new_id(), purpose="generation"):
            pass
        assert gate.metrics_failures == 0


def test_nobody_imports_it_and_it_imports_nothing_before_it_is_used() -> None:
    code = "import sys, facegate.integrations.otel; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    for path in Path(facegate.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "facegate.integrations.otel", path
