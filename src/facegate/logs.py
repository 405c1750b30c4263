"""What facegate logs: events with stable names, fixed sentences and fields by a list; of a person nothing.

Loggers are ``facegate`` and below. A record has the attribute ``event``, a name of `EVENTS`, whose sentence is its
message, and of `FIELDS` those that its event has. Ordinary life is DEBUG and INFO, what an operator should look at is
WARNING, and nothing is higher: errors are raised, not logged. Request IDs are in the field ``request_id`` and never in
a message, so that a formatter that was not told of the field does not write them.

Worker side only; the child has no logger.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

Value: TypeAlias = str | int | float | bool | None

logging.getLogger("facegate").addHandler(logging.NullHandler())

EVENTS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "gate.opened": (logging.INFO, "The gate is open."),
        "gate.closed": (logging.INFO, "The gate is closed."),
        "request.queued": (logging.DEBUG, "A request waits for its turn."),
        "request.opened": (logging.DEBUG, "A request is open."),
        "request.refused": (logging.INFO, "A request was not opened."),
        "request.closed": (logging.DEBUG, "A request is over, and was purged."),
        "request.residual": (logging.WARNING, "A purge read back bytes that were not zero."),
        "zygote.replaced": (logging.INFO, "The zygote had died, and another was started."),
        "spare.failed": (logging.INFO, "No spare could be made; it is tried again."),
        "metrics.failed": (logging.WARNING, "The metrics hook raised; later failures are counted, not logged."),
        "deadline.failed": (logging.WARNING, "A request whose time was over could not be ended as it should."),
    }
)
FIELDS: Final[Mapping[str, type | tuple[type, ...]]] = MappingProxyType(
    {
        "event": str,
        "gate_id": str,
        "request_id": str,
        "level": str,
        "open": int,
        "waiting": int,
        "spares": int,
        "reason": str,
        "outcome": str,
        "error": str,
        "regions": str,
        "declined": int,
        "retry_after": (int, type(None)),
        "seconds_waiting": float,
        "seconds_open": float,
        "seconds_purge": float,
    }
)
_USUAL: Final = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}


def log(area: str, event: str, **fields: Value) -> None:
    """Make one record, if anybody listens.

    Args:
        area: of the logger, below ``facegate``.
        event: of `EVENTS`.
        fields: of `FIELDS`.
    """
    level, sentence = EVENTS[event]
    logger = logging.getLogger(f"facegate.{area}")
    if logger.isEnabledFor(level):
        logger.log(level, sentence, extra={"event": event, **fields}, stacklevel=2)


def is_by_the_list(record: logging.LogRecord) -> bool:
    """Whether a record has an event, its sentence, and nothing else than fields of the list; for tests and audits."""
    extra = {name: value for name, value in record.__dict__.items() if name not in _USUAL}
    event = EVENTS.get(extra.get("event", ""))
    if event is None or (record.levelno, record.msg) != event or record.args or record.exc_info or record.stack_info:
        return False
    return all(name in FIELDS and isinstance(value, FIELDS[name]) for name, value in extra.items())
