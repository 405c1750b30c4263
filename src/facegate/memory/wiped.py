"""What a wipe reports."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Wiped:
    """What one wipe did.

    Attributes:
        name: of the region or adopted object.
        bytes_wiped: bytes to be overwritten with zeros.
        bytes_reread: bytes read back; of a region, not through the map that was written where there is another way.
        bytes_nonzero: how many were not zero or not read back; anything but 0 means that the wipe failed.
    """

    name: str
    bytes_wiped: int
    bytes_reread: int
    bytes_nonzero: int

    def unshown(self) -> Wiped:
        """The same wipe, of memory that somebody could still store to: no byte of it was shown to be zero."""
        return replace(self, bytes_nonzero=self.bytes_wiped)
