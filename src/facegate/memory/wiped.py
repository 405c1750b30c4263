"""What a wipe reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wiped:
    """What one wipe did.

    Attributes:
        name: of the region.
        bytes_wiped: bytes overwritten with zeros.
        bytes_reread: bytes read back, not through the map that was written where there is another way.
        bytes_nonzero: how many of those were not zero; anything but 0 means that the wipe failed.
    """

    name: str
    bytes_wiped: int
    bytes_reread: int
    bytes_nonzero: int
