"""What surrounds the process: settings of the host that facegate cannot change and that a reviewer wants to know.

None of them is a protection of `facegate.protections`, because the arena and the child are built not to depend on them.
They matter for what is not in the arena: the worker's own copies, its generated output, the accelerator's memory.
"""

from __future__ import annotations

import platform
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facegate.sandbox import landlock

_PROC = Path("/proc")
_SYS = Path("/sys")


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting of the host.

    Attributes:
        name: of the setting.
        verdict: ``"good"``, ``"attention"``: worth a change, or ``"unknown"``: it could not be read.
        detail: what was read and what it means here.
        remedy: command or setting that changes it; empty where there is nothing to do.
    """

    name: str
    verdict: Literal["good", "attention", "unknown"]
    detail: str
    remedy: str = ""


def findings(proc: Path = _PROC, sys: Path = _SYS) -> list[Finding]:
    """Look at the host.

    Args:
        proc: where procfs is.
        sys: where sysfs is.
    """
    return [
        _kernel(),
        _lock_limit(),
        *_swap(proc, sys),
        _core_pattern(proc),
        _ptrace_scope(proc),
        _hibernation(sys),
        *_cgroup(proc, sys),
    ]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _kernel() -> Finding:
    version = landlock.abi()
    detail = f"Linux {platform.release()} on {platform.machine()}; Landlock ABI {version or 'none'}"
    if version < 6:
        remedy = (
            "Linux 6.12 or later, built with CONFIG_SECURITY_LANDLOCK and 'landlock' in lsm= (Landlock ABI 6); in a "
            "container also a seccomp profile that allows landlock_*"
        )
        return Finding("kernel", "attention", detail, remedy)
    return Finding("kernel", "good", detail)


def _lock_limit() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    shown = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft // 1024} KiB"
    # 64 requests and 2 spares, each with an arena of some 60 KiB, which counts once for every map of secret memory: the
    # worker's, the child's while both are charged to one user, and those behind windows. The default policy's most.
    if soft != resource.RLIM_INFINITY and soft < 16 << 20:
        raise_it = "'ulimit -l unlimited', systemd's LimitMEMLOCK=infinity, or docker run --ulimit memlock=-1"
        return Finding("lock limit", "attention", f"{shown} may be locked, hard limit {hard}", raise_it)
    return Finding("lock limit", "good", f"{shown} may be locked")


def _swap(proc: Path, sys: Path) -> Iterator[Finding]:
    text = _read(proc / "swaps")
    if text is None:
        yield from (Finding(name, "unknown", "/proc/swaps cannot be read") for name in ("swap", "zram"))
        return
    devices = [line.split()[0] for line in text.splitlines()[1:]]
    on_disk = [each for each in devices if not Path(each).name.startswith("zram")]
    if on_disk:
        detail = f"{len(on_disk)} swap areas on disk: unlocked memory of the worker may be written there"
        yield Finding("swap", "attention", detail, "'swapoff -a', or swap on an encrypted device with a random key")
    else:
        yield Finding("swap", "good", "no swap on disk")
    compressed = [each for each in devices if Path(each).name.startswith("zram")]
    backed = [
        each.parent.name
        for each in sorted((sys / "block").glob("zram*/backing_dev"))
        if _read(each) not in {None, "", "none"}
    ]
    if backed:
        detail = f"{', '.join(backed)} writes to a device behind it"
        yield Finding("zram", "attention", detail, "no backing_dev for zram, or swapoff")
    else:
        in_use = "in use, in memory only" if compressed else "not in use"
        yield Finding("zram", "good", in_use)


def _core_pattern(proc: Path) -> Finding:
    pattern = _read(proc / "sys/kernel/core_pattern")
    if pattern is None:
        return Finding("core dumps", "unknown", "core_pattern cannot be read")
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if pattern.startswith("|"):
        if soft == 1:
            return Finding(
                "core dumps", "good", "a program takes core dumps, but the worker's limit of 1 byte stops it"
            )
        detail = "a program takes core dumps, which ignores a limit of 0; the child's limit is 1 byte for that reason"
        return Finding(
            "core dumps", "attention", detail, "'ulimit -c 1' or systemd's LimitCORE=1 for the worker itself"
        )
    if soft not in {0, 1}:
        detail = "the worker itself may write a core file (the child may not, and the arena is left out)"
        return Finding("core dumps", "attention", detail, "'ulimit -c 1' or systemd's LimitCORE=1 for the worker")
    return Finding("core dumps", "good", f"the worker's limit is {soft}, and no program takes dumps")


def _ptrace_scope(proc: Path) -> Finding:
    scope = _read(proc / "sys/kernel/yama/ptrace_scope")
    if scope is None:
        return Finding(
            "ptrace scope",
            "attention",
            "Yama is not there: any process of the worker's user may read the worker (not the child)",
            "a kernel with 'yama' in lsm=, then 'sysctl kernel.yama.ptrace_scope=2'; a user of its own for the worker",
        )
    if scope == "0":
        detail = "any process of the worker's user may read the worker (not the child)"
        return Finding("ptrace scope", "attention", detail, "'sysctl kernel.yama.ptrace_scope=2'")
    return Finding("ptrace scope", "good", f"kernel.yama.ptrace_scope is {scope}")


def _hibernation(sys: Path) -> Finding:
    states = _read(sys / "power/state")
    if states is None or "disk" not in states.split():
        return Finding("hibernation", "good", "the kernel offers none")
    disk = _read(sys / "power/disk") or ""
    if "[disabled]" in disk:
        return Finding("hibernation", "good", "disabled")
    detail = "memory, locked or not, is written to disk when the host hibernates"
    remedy = "'systemctl mask hibernate.target hybrid-sleep.target', or the kernel parameter nohibernate"
    return Finding("hibernation", "attention", detail, remedy)


def _cgroup(proc: Path, sys: Path) -> Iterator[Finding]:
    """Limits of the control groups, version 1 or 2: a child that meets one is killed, and the receipt says so."""
    groups = {}
    for line in (_read(proc / "self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path.strip("/")
    root = sys / "fs/cgroup"
    killed, refused = "bytes; a child beyond it is killed", "processes and threads; beyond it no request opens"
    # Version 1 limits memory and swap together, version 2 swap by itself.
    for name, files in (
        ("cgroup memory", (("", "memory.max", killed), ("memory", "memory.limit_in_bytes", killed))),
        ("cgroup processes", (("", "pids.max", refused), ("pids", "pids.max", refused))),
        (
            "cgroup swap",
            (
                ("", "memory.swap.max", "bytes of swap"),
                ("memory", "memory.memsw.limit_in_bytes", "bytes of memory and swap"),
            ),
        ),
    ):
        limits = [
            (limit, meaning)
            for controller, file, meaning in files
            for limit in _limits(root / controller, groups.get(controller, ""), file)
        ]
        if not limits:
            yield Finding(name, "unknown", "no control group limits it, or its files are not visible here")
        elif all(limit is None for limit, _ in limits):
            yield Finding(name, "good", "no limit")
        else:
            least, meaning = min((limit, meaning) for limit, meaning in limits if limit is not None)
            yield Finding(name, "good", f"at most {least} {meaning}")


def _limits(root: Path, group: str, file: str) -> list[int | None]:
    """What a group and those around it allow; None stands for no limit.

    A container may see its own group as the root while the path is the host's: what is not there is passed over.
    """
    own = Path(group)
    texts = [_read(root / each / file) for each in (own, *own.parents)]
    found = [text for text in texts if text is not None]
    return [int(text) if text.isdigit() and int(text) < 1 << 60 else None for text in found]
