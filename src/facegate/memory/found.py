"""What this host's memory can do for an arena, found out by making one."""

from __future__ import annotations

from facegate.memory.arena import new_arena
from facegate.protections import Protection


def memory_protections() -> list[Protection]:
    """Make an arena as a request would get it, and report what it is.

    Raises:
        LockLimitError: it could not be locked.
    """
    arena = new_arena()
    arena.close()
    return [
        Protection("arena_locked", "achieved", "mlock, compared with VmLck"),
        Protection("arena_not_dumped", "achieved", "MADV_DONTDUMP"),
        Protection("arena_not_inherited", "achieved", "MADV_DONTFORK"),
        Protection("arena_read_only", "achieved", "F_SEAL_FUTURE_WRITE, GROW, SHRINK, SEAL"),
    ]
