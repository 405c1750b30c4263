"""What is known of something that is kept, without its content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Row


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Kept:
    """Something that is kept; its content is read with `RetentionStore.get`.

    Attributes:
        asset: ID, 32 hex digits.
        kept_as: class of the policy.
        kind: ``"upload"``, ``"output"`` or ``"log"``.
        media_type: as ``image/png``.
        purpose: for which it was put.
        request: ID of the request that it is of.
        label: what the person called it; None for no name.
        bytes: of content.
        created: when it was put.
        due: when its time is over.
        held: whether a legal hold keeps it beyond that.
    """

    asset: str
    kept_as: str
    kind: str
    media_type: str
    purpose: str
    request: str
    label: str | None
    bytes: int
    created: datetime
    due: datetime
    held: bool

    @classmethod
    def of(cls, row: Row[Any]) -> Kept:
        """One row of the table of assets."""
        return cls(
            asset=row.id,
            kept_as=row.kept_as,
            kind=row.kind,
            media_type=row.media_type,
            purpose=row.purpose,
            request=row.request,
            label=row.label,
            bytes=row.bytes,
            created=time_of(row.created),
            due=time_of(row.due),
            held=row.holds > 0,
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "asset": self.asset,
            "class": self.kept_as,
            "kind": self.kind,
            "mediaType": self.media_type,
            "purpose": self.purpose,
            "request": self.request,
            "label": self.label,
            "bytes": self.bytes,
            "created": written(self.created),
            "due": written(self.due),
            "held": self.held,
        }

    def __repr__(self) -> str:
        # Not what the person called it, nor whose it is.
        return f"Kept({self.asset}, {self.kept_as}, {self.kind}, {self.bytes} bytes)"


def time_of(milliseconds: int) -> datetime:
    """A time of the database."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def written(time: datetime) -> str:
    """As receipts write times."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
