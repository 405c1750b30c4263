"""What to change on a host for each protection that it lacks."""

from __future__ import annotations

from typing import Final

_LANDLOCK = (
    "CONFIG_SECURITY_LANDLOCK=y and 'landlock' in the kernel parameter lsm=; "
    "in a container, a seccomp profile that allows landlock_*"
)
_LOCK = "'ulimit -l unlimited', systemd's LimitMEMLOCK=infinity, or docker run --ulimit memlock=-1"
_SECCOMP = "CONFIG_SECCOMP_FILTER=y; in a container, a profile that allows seccomp(2), as those of Docker and Podman do"

REMEDIES: Final[dict[str, str]] = {
    "arena_not_dumped": "Linux 3.4 or later",
    "arena_not_inherited": "Linux",
    "arena_locked": _LOCK,
    "arena_read_only": "Linux 5.1 or later (F_SEAL_FUTURE_WRITE); in a container, a profile that allows memfd_create",
    "own_process": "Linux, and a policy whose ceiling is 'process' or 'sealed'",
    "parent_death": "Linux; nothing in between that refuses prctl(PR_SET_PDEATHSIG)",
    "no_new_privs": "Linux 3.5 or later",
    "not_dumpable": "nothing in between that refuses prctl(PR_SET_DUMPABLE)",
    "core_limit": "a hard limit of 1 byte instead of 0: LimitCORE=1, docker run --ulimit core=1, 'ulimit -c 1'",
    "file_size_limit": "nothing in between that refuses setrlimit(2)",
    "open_files_limit": "nothing in between that refuses setrlimit(2)",
    "landlock_files": f"Linux 5.13 or later with {_LANDLOCK}",
    "seccomp": _SECCOMP,
    "silence": "a /dev/null that can be opened",
    "heap_overwritten": "glibc 2.26 or later; musl has no such setting",
    "secret_memory": (
        "Linux 5.14 or later with CONFIG_SECRETMEM=y, before 6.5 also the parameter secretmem.enable=1; in a "
        f"container, a seccomp profile that allows memfd_secret; room in the lock limit: {_LOCK}"
    ),
    "arena_guarded": "a lock limit and address space that leave room for two pages more",
    "arena_unmerged": "nothing in between that refuses madvise(2)",
    "landlock_network": f"Linux 6.7 or later (Landlock ABI 4) with {_LANDLOCK}",
    "landlock_scopes": f"Linux 6.12 or later (Landlock ABI 6) with {_LANDLOCK}",
    "address_space_limit": "nothing in between that refuses setrlimit(2)",
    "cpu_limit": "nothing in between that refuses setrlimit(2)",
    "process_limit": "nothing in between that refuses setrlimit(2)",
    "child_memory_locked": _LOCK,
    "media_locked": _LOCK,
    "network_namespace": "CAP_SYS_ADMIN, or unprivileged user namespaces: 'sysctl user.max_user_namespaces=15000'",
}
