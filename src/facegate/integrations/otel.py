"""What a gate tells, as OpenTelemetry's metrics: ``facegate.Gate(metrics=OpenTelemetryMetrics())``.

Takes the extra ``otel``, which is OpenTelemetry's API alone; the worker's own SDK decides where the figures go. Nothing
is sent by facegate, and without an SDK the API does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from facegate.metrics import Event

# Seconds: a purge takes milliseconds, a request of a generator minutes. The default bounds are for milliseconds.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class OpenTelemetryMetrics:
    """Records events; one for each gate, or one for all of a worker.

    Instruments, all named ``facegate.``: counters ``requests.queued``, ``requests.opened``, ``requests.refused`` (with
    the attribute ``reason``), ``requests.closed`` (with ``outcome``), ``calls.declined``; up and down
    ``requests.open``, ``requests.waiting``; a gauge ``spares``; histograms in seconds ``request.wait``, of those that
    were opened, ``request.open`` and ``request.purge``. The two attributes are words of short lists, so there are few
    series.

    Args:
        meter: whose instruments; by default the global provider's.

    Raises:
        ImportError: the extra ``otel`` is not installed.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        if meter is None:
            from opentelemetry.metrics import get_meter  # noqa: PLC0415

            meter = get_meter("facegate")
        self._queued = meter.create_counter("facegate.requests.queued", "{request}", "Requests that had to wait.")
        self._opened = meter.create_counter("facegate.requests.opened", "{request}", "Requests that got a child.")
        self._refused = meter.create_counter("facegate.requests.refused", "{request}", "Requests that were not opened.")
        self._closed = meter.create_counter("facegate.requests.closed", "{request}", "Requests that were purged.")
        self._declined = meter.create_counter("facegate.calls.declined", "{call}", "Calls that were declined.")
        self._open = meter.create_up_down_counter("facegate.requests.open", "{request}", "Requests open now.")
        self._waiting = meter.create_up_down_counter("facegate.requests.waiting", "{request}", "Requests waiting now.")
        self._spares = meter.create_gauge("facegate.spares", "{process}", "Children ready for the next requests.")
        seconds = {
            name: meter.create_histogram(
                f"facegate.request.{name}", "s", description, explicit_bucket_boundaries_advisory=BUCKETS
            )
            for name, description in (
                ("wait", "From asking to the turn."),
                ("open", "From the turn to the purge."),
                ("purge", "Until everything was gone."),
            )
        }
        self._seconds_waiting, self._seconds_open, self._seconds_purge = seconds.values()

    def record(self, event: Event) -> None:
        """Take note of an event; see `facegate.metrics.Recorder`."""
        self._spares.set(event.load.spares)
        if event.queued:
            self._waiting.add(-1)
        if event.name == "queued":
            self._queued.add(1)
            self._waiting.add(1)
        elif event.name == "opened":
            self._opened.add(1)
            self._open.add(1)
            self._seconds_waiting.record(event.seconds_waiting)
        elif event.name == "refused":
            self._refused.add(1, {"reason": event.reason or ""})
        else:
            self._closed.add(1, {"outcome": event.outcome or ""})
            self._open.add(-1)
            self._declined.add(event.declined)
            self._seconds_open.record(event.seconds_open)
            self._seconds_purge.record(event.seconds_purge)
