"""What becomes of requests, told to the metrics hook and the log, by a gate and its queue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from facegate.errors import PolicyError
from facegate.logs import Value, log
from facegate.metrics import Event, Load, Metrics, Reason, Recorder
from facegate.receipt import Outcome


class Reports:
    """Tells. Never called with a lock held; what the hook raises ends here.

    Args:
        metrics: the hook, or None.
        gate_id: for the log.
        load: says how busy the gate is.

    Attributes:
        failures: how often the hook raised.

    Raises:
        PolicyError: the hook is neither callable nor has a method `record`.
    """

    def __init__(self, metrics: Metrics | None, gate_id: str, load: Callable[[], Load]) -> None:
        hook = metrics.record if isinstance(metrics, Recorder) else metrics
        if hook is not None and not callable(hook):
            raise PolicyError("Gate(metrics=...) takes a callable, or an object with a method 'record'.")
        self.failures = 0
        self._hook = hook
        self._gate_id = gate_id
        self._load = load
        self._guard = threading.Lock()

    def queued(self, request_id: str) -> None:
        """A request waits."""
        load = self._tell("queued")
        log("queue", "request.queued", request_id=request_id, gate_id=self._gate_id, waiting=load.waiting)

    def opened(self, request_id: str, waited: float | None) -> None:
        """A request has its child; `waited` is None if it was not in the queue before."""
        seconds = waited or 0.0
        self._tell("opened", queued=waited is not None, seconds_waiting=seconds)
        log("gate", "request.opened", request_id=request_id, gate_id=self._gate_id, seconds_waiting=seconds)

    def refused(
        self,
        request_id: str,
        reason: Reason,
        *,
        waited: float | None = None,
        retry_after: int | None = None,
    ) -> None:
        """A request was not opened; `waited` is None if it was never in the queue."""
        seconds = waited or 0.0
        self._tell("refused", queued=waited is not None, reason=reason, seconds_waiting=seconds)
        about: dict[str, Value] = {"reason": reason, "seconds_waiting": seconds, "retry_after": retry_after}
        log("queue", "request.refused", request_id=request_id, gate_id=self._gate_id, **about)

    def closed(
        self,
        request_id: str,
        outcome: Outcome,
        *,
        seconds_open: float,
        seconds_purge: float,
        declined: int,
        residuals: Sequence[str],
    ) -> None:
        """A request is over, and everything of it was let go."""
        times = {"seconds_open": seconds_open, "seconds_purge": seconds_purge}
        self._tell("closed", outcome=outcome, declined=declined, **times)
        ids = {"request_id": request_id, "gate_id": self._gate_id}
        log("gate", "request.closed", outcome=outcome, declined=declined, **times, **ids)
        if residuals:
            log("gate", "request.residual", regions=", ".join(residuals), **ids)

    def _tell(self, name: Any, **facts: Any) -> Load:
        load = self._load()
        if self._hook is not None:
            try:
                self._hook(Event(name=name, load=load, **facts))
            except Exception as error:  # noqa: BLE001 - whatever it was: no request is hurt by its being counted
                with self._guard:
                    self.failures += 1
                    first = self.failures == 1
                if first:
                    log("metrics", "metrics.failed", gate_id=self._gate_id, error=type(error).__name__)
        return load
