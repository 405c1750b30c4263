"""On what, and of which commit, figures were taken."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("facegate", "numpy", "opencv-python", "av", "ai-edge-litert", "pillow")


def cpu() -> str:
    """The processor as Linux names it, with family and model: names of virtual machines say little."""
    fields = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", maxsplit=1)[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    named = fields.get("model name", platform.machine())
    return f"{named}, family {fields.get('cpu family', '?')} model {fields.get('model', '?')}"


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def key() -> str:
    """Which hosts count as alike: ratios are compared between runs of one key only."""
    return f"{cpu()}, {cores()} cores"


def facts() -> dict[str, Any]:
    """Host, versions, commit, and how busy the machine was, for the reader to judge."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return {
        "key": key(),
        "cpu": cpu(),
        "cores": cores(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "versions": {name: metadata.version(name) for name in _PACKAGES},
        "commit": commit(),
    }


def commit() -> str:
    """The commit, with ``+`` behind it where files differ from it; ``unknown`` outside of a clone."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
