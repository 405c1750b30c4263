"""The protections by name: what each one is, and the least level that cannot do without it.

This table is the one place that decides what a level means. What a host gave is found out by whoever applies a
protection (`facegate.sandbox.confine`, `facegate.memory`), as `Protection` objects under these names; what a policy
insists on is decided by comparing the two. Imported on both sides, so nothing heavy may be imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Level: TypeAlias = Literal["inline", "process", "sealed"]
State: TypeAlias = Literal["achieved", "unavailable", "waived"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)  # weakest first


@dataclass(frozen=True, slots=True)
class Protection:
    """One protection as it really was.

    Attributes:
        name: of the protection, a key of `TABLE`.
        state: what became of it.
        detail: what was read back, why it is unavailable, or who waived it.
    """

    name: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a protection is for.

    Attributes:
        needed_for: the least level that needs it, never the weakest, inline, which needs nothing and so is to be had
            anywhere; None: welcome at every level, needed for none.
        what: one clause, for reports.
    """

    needed_for: Literal["process", "sealed"] | None
    what: str


TABLE: Final[dict[str, Meaning]] = {
    "arena_not_dumped": Meaning("process", "geometry stays out of core dumps"),
    "arena_not_inherited": Meaning("process", "a fork of the worker has no geometry"),
    "arena_locked": Meaning("process", "geometry is never swapped out"),
    "arena_read_only": Meaning("process", "what is exposed cannot be written to"),
    "own_process": Meaning("process", "one child serves one request and dies with it"),
    "parent_death": Meaning("process", "the child dies when the zygote does, the zygote when the worker does"),
    "no_new_privs": Meaning("process", "no program may give the child more rights"),
    "not_dumpable": Meaning("process", "no core dump, no debugger of the same user"),
    "core_limit": Meaning("process", "no core dump for a piped handler either"),
    "file_size_limit": Meaning("process", "no write to a file succeeds"),
    "open_files_limit": Meaning("process", "few descriptors"),
    "landlock_files": Meaning("process", "no file can be made, changed or executed"),
    "seccomp": Meaning("process", "only the listed system calls exist"),
    "silence": Meaning("process", "what native libraries print reaches nobody"),
    "heap_overwritten": Meaning("process", "freed memory of the child is overwritten"),
    "secret_memory": Meaning("sealed", "geometry is in memory that no other process and no dump of the kernel reads"),
    "arena_guarded": Meaning("sealed", "pages without access before and after the arena"),
    "arena_unmerged": Meaning("sealed", "the arena takes no part in huge pages or page merging"),
    "landlock_network": Meaning("sealed", "Landlock refuses TCP besides seccomp"),
    "landlock_scopes": Meaning("sealed", "Landlock refuses signals and abstract sockets to outsiders besides seccomp"),
    "address_space_limit": Meaning("sealed", "the child cannot take the host's memory"),
    "cpu_limit": Meaning("sealed", "the child cannot run for ever"),
    "process_limit": Meaning("sealed", "the child cannot start processes"),
    "child_memory_locked": Meaning(None, "decoded pixels and activations in the child are never swapped out"),
    "media_locked": Meaning(None, "uploads and outputs in shared memory are never swapped out"),
    "network_namespace": Meaning(None, "the child sees no network interface"),
}
