"""What the kernel says that became of an arena's protections."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from facegate import kernel
from facegate.memory.arena import new_arena
from facegate.memory.locks import MEDIA_SHARE, kernel_locked_bytes, lock_limit
from facegate.memory.maps import Map, maps
from facegate.memory.region import Region
from facegate.memory.secret import SecretRegion, secret_memory
from facegate.protections import Protection

_SEALS: Final = kernel.F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SEAL | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
_HUGE_PAGES: Final = Path("/sys/kernel/mm/transparent_hugepage")


def arena_protections(*, secret: bool) -> list[Protection]:
    """Make an arena as a request would get it, and report what it is.

    Args:
        secret: as for `facegate.memory.arena.new_arena`.

    Raises:
        LockLimitError: it could not be locked.
        ProtectionError: `secret`, and the kernel has no secret memory.
    """
    arena = new_arena(secret=secret)
    try:
        arena.seal()
        return memory_protections(arena)
    finally:
        arena.close()


def memory_protections(arena: Region) -> list[Protection]:
    """The protections of an arena and of media, read back; once per gate, not per request: it takes milliseconds.

    Args:
        arena: open, and sealed already.

    Raises:
        OSError: the kernel does not show its maps.
    """
    window = arena.window()
    try:
        everything = maps()
        addresses = [*arena.addresses, window.address]
        ours = [each for each in everything if each.start in addresses]
        complete = len(ours) == len(addresses)

        def check(name: str, holds: Callable[[Map], bool], detail: str, missing: str) -> Protection:
            achieved = complete and all(map(holds, ours))
            return Protection(name, "achieved" if achieved else "unavailable", detail if achieved else missing)

        return [
            check("arena_not_dumped", lambda each: "dd" in each.flags, "MADV_DONTDUMP; VmFlags dd", "no VmFlag dd"),
            check("arena_not_inherited", lambda each: "dc" in each.flags, "MADV_DONTFORK; VmFlags dc", "no VmFlag dc"),
            _locked(arena, ours),
            _read_only(arena, window.address, ours),
            _secret(arena),
            check(
                "arena_guarded",
                lambda each: _guarded(each, everything),
                "a page without access before and after each map",
                "a map has neighbours that can be read",
            ),
            check("arena_unmerged", _unmerged, "VmFlags nh, no mg", "VmFlags allow huge pages or merging"),
            media_locked(),
        ]
    finally:
        window.revoke()


def media_locked() -> Protection:
    """Whether uploads and outputs are locked, whatever their size."""
    limit = lock_limit()
    if limit is None:
        return Protection("media_locked", "achieved", "mlock of the pages in use, compared with VmLck")
    return Protection(
        "media_locked",
        "unavailable",
        f"the worker may lock {limit} bytes, so only the first {limit // MEDIA_SHARE} bytes of media are locked; "
        "it takes LimitMEMLOCK=infinity",
    )


def _locked(arena: Region, ours: list[Map]) -> Protection:
    # The worker's own maps hold the lock: it is the pages that are locked, and a memfd's windows show the same ones.
    own = [each for each in ours if each.start in arena.addresses]
    if arena.locked and own and all("lo" in each.flags for each in own) and kernel_locked_bytes() >= arena.size:
        return Protection("arena_locked", "achieved", "VmFlags lo, compared with VmLck")
    return Protection("arena_locked", "unavailable", "no VmFlag lo")


def _read_only(arena: Region, window: int, ours: list[Map]) -> Protection:
    name = "arena_read_only"
    if not any(each.start == window and each.access == "r--s" for each in ours):
        return Protection(name, "unavailable", "a window is writable")
    if isinstance(arena, SecretRegion):
        return Protection(name, "achieved", "windows are mapped read-only; secret memory takes no seals")
    if fcntl.fcntl(arena.fd, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        return Protection(name, "unavailable", "the arena is not sealed")
    return Protection(name, "achieved", "windows are mapped read-only; seals FUTURE_WRITE, GROW, SHRINK, SEAL")


def _secret(arena: Region) -> Protection:
    if isinstance(arena, SecretRegion):
        return Protection("secret_memory", "achieved", "memfd_secret")
    found = secret_memory(arena.size)
    if found.state == "achieved":
        why = (
            "the host has it, but the arena is not in it: the policy left it out, or the lock limit has no room for all"
        )
        return Protection("secret_memory", "unavailable", why)
    return found


def _guarded(one: Map, everything: list[Map]) -> bool:
    before = any(each.end == one.start and each.access == "---p" for each in everything)
    return before and any(each.start == one.end and each.access == "---p" for each in everything)


def _unmerged(one: Map) -> bool:
    return not {"mg", "hg"} & one.flags and ("nh" in one.flags or not _HUGE_PAGES.exists())
