"""What the CLOSE receipt says of a purge."""

from __future__ import annotations

from datetime import datetime

from facegate.custody import Ending, Purged
from facegate.receipt import Closed, PurgeReport


def closed_by(ending: Ending, purged: Purged, closed_at: datetime) -> Closed:
    """The end of a request, from what its purge did; what was not zero outweighs how the request ended."""
    residuals = sorted({each.name for each in purged.wiped if each.bytes_nonzero})
    return Closed(
        outcome="purge-failed" if residuals else ending.outcome,
        error=ending.error,
        child_end=purged.child_end,
        purge=PurgeReport(
            bytes_wiped=sum(each.bytes_wiped for each in purged.wiped),
            bytes_reread=sum(each.bytes_reread for each in purged.wiped),
            bytes_nonzero=sum(each.bytes_nonzero for each in purged.wiped),
            residuals=residuals,
        ),
        closed_at=closed_at,
        shared=purged.shared,
    )
