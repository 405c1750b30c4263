"""The kind of region that this system has."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from facegate.memory.portable import PortableRegion, PortableWindow
    from facegate.memory.region import Region
    from facegate.memory.window import Window

    AnyRegion: TypeAlias = Region | PortableRegion
    AnyWindow: TypeAlias = Window | PortableWindow

# A name, since type checkers take the comparison itself for a statement about this machine.
LINUX: Final = sys.platform == "linux"


def new_region(name: str, size: int, *, locked: bool = False) -> AnyRegion:
    """A region that the caller owns: sealable shared memory on Linux, wiped pages elsewhere.

    Args:
        name: never anything of a request.
        size: bytes.
        locked: lock it in memory, where that can be done.

    Raises:
        LockLimitError: Linux refused to lock it.
    """
    # Imported here: either half would fail to load, or mean nothing, on the other's system.
    if LINUX:
        from facegate.memory.region import Region  # noqa: PLC0415

        return Region(name, size, locked=locked)
    from facegate.memory.portable import PortableRegion  # noqa: PLC0415

    return PortableRegion(name, size, locked=locked)
