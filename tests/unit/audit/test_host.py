"""What the doctor says about a host, on made-up hosts and on this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from facegate.audit.host import Finding, findings
from facegate.audit.remedies import REMEDIES
from facegate.protections import TABLE

SWAPS = "Filename\tType\tSize\tUsed\tPriority\n"


def host(tmp_path: Path, **files: str) -> dict[str, Finding]:
    """Findings on a host that has these files; `__` stands for a slash and `DOT` for a dot."""
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return {each.name: each for each in findings(tmp_path / "proc", tmp_path / "sys")}


@pytest.mark.parametrize(
    ("name", "files", "verdict", "words"),
    [
        ("swap", {"proc__swaps": SWAPS}, "good", "no swap"),
        ("swap", {"proc__swaps": SWAPS + "/dev/sda2 partition 1 0 -2\n"}, "attention", "1 swap areas on disk"),
        ("swap", {"proc__swaps": SWAPS + "/dev/zram0 partition 1 0 -2\n"}, "good", "no swap on disk"),
        ("swap", {}, "unknown", "cannot be read"),
        ("zram", {}, "unknown", "cannot be read"),
        ("zram", {"proc__swaps": SWAPS + "/dev/zram0 partition 1 0 -2\n"}, "good", "in memory only"),
        ("zram", {"proc__swaps": SWAPS, "sys__block__zram0__backing_dev": "/dev/sdb1"}, "attention", "zram0"),
        ("zram", {"proc__swaps": SWAPS, "sys__block__zram0__backing_dev": "none"}, "good", "not in use"),
        ("core dumps", {"proc__sys__kernel__core_pattern": "|/usr/lib/systemd-coredump"}, "attention", "a program"),
        ("core dumps", {}, "unknown", "cannot be read"),
        ("ptrace scope", {}, "attention", "Yama is not there"),
        ("ptrace scope", {"proc__sys__kernel__yama__ptrace_scope": "0"}, "attention", "any process"),
        ("ptrace scope", {"proc__sys__kernel__yama__ptrace_scope": "2"}, "good", "is 2"),
        ("hibernation", {}, "good", "none"),
        ("hibernation", {"sys__power__state": "freeze mem"}, "good", "none"),
        ("hibernation", {"sys__power__state": "mem disk", "sys__power__disk": "[disabled]"}, "good", "disabled"),
        ("hibernation", {"sys__power__state": "mem disk", "sys__power__disk": "[platform]"}, "attention", "written"),
        ("cgroup memory", {}, "unknown", "no control group"),
        (
            "cgroup memory",
            {"proc__self__cgroup": "0::/pod\n", "sys__fs__cgroup__pod__memoryDOTmax": "1073741824\n"},
            "good",
            "at most 1073741824",
        ),
        (
            "cgroup processes",
            {"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__pidsDOTmax": "max\n"},
            "good",
            "no limit",
        ),
        (
            "cgroup memory",
            {
                "proc__self__cgroup": "4:memory:/a\n0::/\n",
                "sys__fs__cgroup__memory__a__memoryDOTlimit_in_bytes": "9223372036854771712\n",
            },
            "good",
            "no limit",
        ),
        (
            "cgroup memory",
            {
                "proc__self__cgroup": "0::/workers.slice/worker.service\n",
                "sys__fs__cgroup__workersDOTslice__memoryDOTmax": "2147483648\n",
                "sys__fs__cgroup__workersDOTslice__workerDOTservice__memoryDOTmax": "max\n",
            },
            "good",
            "at most 2147483648 bytes",
        ),
        (
            "cgroup memory",
            {"proc__self__cgroup": "0::/as/the/host/sees/it\n", "sys__fs__cgroup__memoryDOTmax": "1073741824\n"},
            "good",
            "at most 1073741824 bytes",
        ),
        (
            "cgroup processes",
            {"proc__self__cgroup": "8:pids:/a\n0::/\n", "sys__fs__cgroup__pids__a__pidsDOTmax": "512\n"},
            "good",
            "at most 512 processes",
        ),
        (
            "cgroup swap",
            {"proc__self__cgroup": "0::/pod\n", "sys__fs__cgroup__pod__memoryDOTswapDOTmax": "0\n"},
            "good",
            "at most 0 bytes of swap",
        ),
        (
            "cgroup swap",
            {
                "proc__self__cgroup": "4:cpu,memory:/a\n0::/\n",
                "sys__fs__cgroup__memory__a__memoryDOTmemswDOTlimit_in_bytes": "1073741824\n",
            },
            "good",
            "at most 1073741824 bytes of memory and swap",
        ),
        ("cgroup swap", {}, "unknown", "not visible"),
    ],
)
def test_settings(tmp_path: Path, name: str, files: dict[str, str], verdict: str, words: str) -> None:
    finding = host(tmp_path, **files)[name]
    assert (finding.verdict, words in finding.detail) == (verdict, True), finding
    assert bool(finding.remedy) == (verdict == "attention"), "what deserves attention says what to do"


# A process's own limits count too; they are set in one that ends.
LIMITED = """
import resource, sys
from pathlib import Path
from facegate.audit.host import findings
resource.setrlimit(getattr(resource, sys.argv[2]), (int(sys.argv[3]), int(sys.argv[3])))
found = {each.name: each for each in findings(Path(sys.argv[1], "proc"), Path(sys.argv[1], "sys"))}
print(found[sys.argv[4]].verdict, found[sys.argv[4]].detail, found[sys.argv[4]].remedy)
"""


@pytest.mark.parametrize(
    ("pattern", "limit", "verdict", "words"),
    [
        ("core", 0, "good", "is 0, and no program"),
        ("core", 1, "good", "is 1, and no program"),
        ("core", 1 << 20, "attention", "LimitCORE=1"),
        ("|/usr/lib/systemd-coredump", 0, "attention", "LimitCORE=1"),
        ("|/usr/lib/systemd-coredump", 1, "good", "1 byte stops it"),
    ],
)
def test_core_dumps_of_the_worker(tmp_path: Path, pattern: str, limit: int, verdict: str, words: str) -> None:
    host(tmp_path, proc__sys__kernel__core_pattern=pattern)
    command = [sys.executable, "-c", LIMITED, str(tmp_path), "RLIMIT_CORE", str(limit), "core dumps"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(verdict), said
    assert words in said


@pytest.mark.parametrize(("limit", "verdict"), [(64 << 10, "attention"), (1 << 20, "attention")])
def test_a_small_lock_limit_deserves_attention(tmp_path: Path, limit: int, verdict: str) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path), "RLIMIT_MEMLOCK", str(limit), "lock limit"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"{verdict} {limit >> 10} KiB may be locked"), said
    assert "ulimit -l" in said
    assert "LimitMEMLOCK=" in said


def test_this_host_can_be_examined() -> None:
    names = [each.name for each in findings()]
    assert names == [
        "kernel",
        "lock limit",
        "swap",
        "zram",
        "core dumps",
        "ptrace scope",
        "hibernation",
        "cgroup memory",
        "cgroup processes",
        "cgroup swap",
    ]


def test_each_protection_has_a_remedy() -> None:
    assert set(REMEDIES) == set(TABLE)
