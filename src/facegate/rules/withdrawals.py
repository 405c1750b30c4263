"""Who has withdrawn from a gate, and since when."""

from __future__ import annotations

from datetime import UTC, datetime

from facegate.errors import ConsentWithdrawnError
from facegate.rules.consent import Consent


class Withdrawals:
    """Pseudonymous IDs of people who withdrew, in memory only; the caller's records are what lasts. Not thread-safe."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def note(self, person: str) -> None:
        """The person withdraws now."""
        self._since[person] = datetime.now(UTC)

    def check(self, person: str | None, consent: Consent | None, request_id: str) -> None:
        """Raise if the person withdrew and has not consented since.

        Raises:
            ConsentWithdrawnError: that is so.
        """
        since = None if person is None else self._since.get(person)
        if since is not None and (consent is None or consent.recorded_at <= since):
            raise ConsentWithdrawnError("The person has withdrawn consent.", request_id=request_id)
