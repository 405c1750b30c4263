"""Run this Python environment under an OCI runtime, as a hardened container does.

``python deploy/oci_bundle.py [OPTIONS] -- facegate doctor``. For whoever wants to see what facegate reaches under a
container's rules before there is an image. The container is a
view of this machine: its ``/usr`` and this environment, read-only, at the same paths; nobody's user ID; no capability;
no-new-privileges; no network but a loopback; no place to write at all; the system-call profile of Podman, converted
for the runtime as Podman converts it. No daemon, no image and no registry take part.

What differs from Podman and Docker: no resource limits are set, except that `--memlock` lowers the lock limit, since
raising one takes CAP_SYS_RESOURCE; and no control group is made.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import platform
import resource
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

PROFILE: Final = Path("/usr/share/containers/seccomp.json")
NOBODY: Final = 65534
_HYBRID: Final = Path("/sys/fs/cgroup/unified")
# The names that OCI, seccomp profiles and uname have for one machine.
_ARCHITECTURES: Final = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache")
_NAMESPACES: Final = ("pid", "mount", "ipc", "uts", "network")
_MASKED: Final = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                  "/proc/sched_debug", "/proc/scsi", "/sys/firmware")  # fmt: skip
_SHOWN_ONLY: Final = ("/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def converted(profile: Mapping[str, Any], *, refused: Iterable[str] = (), answer: int | None = None) -> dict[str, Any]:
    """The ``linux.seccomp`` section of a container without capabilities.

    Args:
        profile: as Docker and Podman write it: rows with ``includes`` and ``excludes``.
        refused: calls to take out of it, which the default action then answers, as older profiles do.
        answer: errno of the default action; None leaves the profile's, which is ENOSYS for Podman and EPERM for Docker.

    Raises:
        KeyError: there is no name for this machine's architecture.
    """
    architecture, scmp = _ARCHITECTURES[platform.machine()]
    gone = frozenset(refused)
    rows = []
    for row in profile["syscalls"]:
        includes, excludes = row.get("includes") or {}, row.get("excludes") or {}
        if includes.get("caps") or architecture not in includes.get("arches", [architecture]):
            continue
        if architecture in excludes.get("arches", []):
            continue
        kept = {key: row[key] for key in ("action", "errnoRet", "args") if row.get(key) is not None}
        names = [name for name in row["names"] if name not in gone]
        if names:
            rows.append(kept | {"names": names})
    section = {"defaultAction": profile["defaultAction"], "architectures": [scmp], "syscalls": rows}
    default = profile.get("defaultErrnoRet") if answer is None else answer
    return section if default is None else section | {"defaultErrnoRet": default}


def environment_folders() -> list[Path]:
    """Where this interpreter, what it imports and facegate lie; none inside another, or mounted anyway."""
    package = find_spec("facegate")
    if package is None or package.origin is None:
        raise SystemExit("facegate is not installed in this environment.")
    wanted = [Path(sys.prefix), Path(sys.base_prefix), Path(package.origin).parent]
    resolved = sorted({each.resolve() for each in wanted} | set(wanted))
    chosen: list[Path] = []
    for folder in resolved:
        if not any(folder.is_relative_to(other) for other in [Path("/usr"), *chosen]):
            chosen.append(folder)
    return chosen


def configuration(
    command: Sequence[str],
    seccomp: dict[str, Any] | None,
    *,
    memlock: int | None = None,
    user_namespace: bool = False,
    processes_only: bool = False,
    shown: Iterable[Path] = (),
) -> dict[str, Any]:
    """A bundle's ``config.json``.

    Args:
        command: what runs; paths are those of this machine.
        seccomp: the filter, or None for none.
        memlock: lock limit, bytes; None leaves the one that the runtime has.
        user_namespace: give the container a user namespace of its own, as rootless Podman does.
        processes_only: mount procfs without anything but processes, as systemd's ``ProcSubset=pid`` does.
        shown: files and folders that it may read besides.
    """
    folders = [*environment_folders(), *(path.resolve() for path in shown)]
    only = ["subset=pid"] if processes_only else []
    mounts = [
        _mount("proc", "/proc", "nosuid", "noexec", "nodev", *only),
        _mount("tmpfs", "/dev", "nosuid", "mode=755"),
    ]
    # A user namespace may show only what was there; the host's tree, read-only, is shown in either case.
    mounts.append({"type": "none", "source": "/sys", "destination": "/sys", "options": ["rbind", "nosuid", "ro"]})
    mounts += [_bind(Path(path)) for path in _SYSTEM if Path(path).exists()]
    mounts += [_bind(folder) for folder in folders]
    linux: dict[str, Any] = {
        "namespaces": [{"type": name} for name in _NAMESPACES],
        "maskedPaths": [] if processes_only else list(_MASKED),
        "readonlyPaths": [] if processes_only else list(_SHOWN_ONLY),
    }
    if user_namespace:
        linux["namespaces"].append({"type": "user"})
        all_ids = [{"containerID": 0, "hostID": 0, "size": 1 << 17}]
        linux |= {"uidMappings": all_ids, "gidMappings": all_ids}
    if seccomp is not None:
        linux["seccomp"] = seccomp
    process = {
        "args": list(command),
        "cwd": "/",
        "env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"],
        "user": {"uid": NOBODY, "gid": NOBODY},
        "noNewPrivileges": True,
        "capabilities": {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")},
    }
    if memlock is not None:
        process["rlimits"] = [{"type": "RLIMIT_MEMLOCK", "soft": memlock, "hard": memlock}]
    return {
        "ociVersion": "1.0.0",
        "root": {"path": "root", "readonly": True},
        "process": process,
        "mounts": mounts,
        "linux": linux,
    }


def run(config: dict[str, Any], runtime: str = "crun") -> subprocess.CompletedProcess[str]:
    """Run a container to its end and leave nothing of it; what it said is in the result.

    Args:
        config: what `configuration` made.
        runtime: the OCI runtime's command.
    """
    with tempfile.TemporaryDirectory(prefix="facegate-oci-") as folder:
        bundle = Path(folder)
        # The runtime enters it as nobody, when there is a user namespace.
        bundle.chmod(0o755)
        (bundle / "root").mkdir()
        (bundle / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
        name = f"facegate-{os.getpid()}-{secrets.token_hex(4)}"
        command = [runtime, "--cgroup-manager=disabled", "--root", str(bundle / "state"), "run", "-b", folder, name]
        # Pipes for all three: the runtime gives what it finds there to the container's user, the terminal or the host's
        # /dev/null, too.
        whole = [*_without_hybrid_groups(), *command]
        return subprocess.run(whole, check=False, text=True, input="", capture_output=True)


def _without_hybrid_groups() -> list[str]:
    # crun refuses a host with control groups of both versions even when it is to make none. A mount namespace in which
    # the second version is not mounted leaves the host as it is.
    if not (_HYBRID / "cgroup.controllers").exists():
        return []
    return ["unshare", "--mount", "sh", "-c", f'umount {_HYBRID} && exec "$@"', "sh"]


def _mount(kind: str, destination: str, *options: str) -> dict[str, Any]:
    return {"type": kind, "source": kind, "destination": destination, "options": list(options)}


def _bind(path: Path) -> dict[str, Any]:
    options = ["rbind", "ro", "nosuid", "nodev"]
    return {"type": "none", "source": str(path.resolve()), "destination": str(path), "options": options}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code of what ran."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--profile", type=Path, default=PROFILE, help="a seccomp profile as Podman and Docker write it")
    parser.add_argument("--no-seccomp", action="store_true", help="no profile at all")
    parser.add_argument("--refuse", action="append", default=[], metavar="CALL", help="take a call out of the profile")
    parser.add_argument("--answer", metavar="ERRNO", help="what refused calls are answered with, e.g. EPERM")
    parser.add_argument("--memlock", type=int, metavar="BYTES", help="lock limit; at most the one that you have")
    parser.add_argument("--userns", action="store_true", help="a user namespace of its own")
    parser.add_argument("--subset-pid", action="store_true", help="a /proc that shows processes only")
    parser.add_argument("--show", action="append", type=Path, default=[], metavar="PATH", help="readable inside, too")
    parser.add_argument("--runtime", default="crun")
    parser.add_argument("--print", action="store_true", help="print config.json instead of running it")
    parser.add_argument(
        "command", nargs="+", help="what to run; a first word 'facegate' or 'python' is this environment's"
    )
    chosen = parser.parse_args(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if chosen.memlock is not None and most != resource.RLIM_INFINITY and chosen.memlock > most:
        parser.error(f"--memlock: the hard limit here is {most} bytes")
    programs = {"python": [sys.executable], "facegate": [str(Path(sys.executable).with_name("facegate"))]}
    command = [*programs.get(chosen.command[0], chosen.command[:1]), *chosen.command[1:]]
    seccomp = None
    if not chosen.no_seccomp:
        answer = getattr(errno, chosen.answer) if chosen.answer else None
        profile = json.loads(chosen.profile.read_text(encoding="utf-8"))
        seccomp = converted(profile, refused=chosen.refuse, answer=answer)
    config = configuration(
        command,
        seccomp,
        memlock=chosen.memlock,
        user_namespace=chosen.userns,
        processes_only=chosen.subset_pid,
        shown=chosen.show,
    )
    if chosen.print:
        json.dump(config, sys.stdout, indent=1)
        return 0
    done = run(config, chosen.runtime)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
