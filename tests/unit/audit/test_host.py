"""What the doctor says about a host, on made-up hosts and on this one."""

from __future__ import annotations

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
    ],
)
def test_settings(tmp_path: Path, name: str, files: dict[str, str], verdict: str, words: str) -> None:
    finding = host(tmp_path, **files)[name]
    assert (finding.verdict, words in finding.detail) == (verdict, True), finding
    assert bool(finding.remedy) == (verdict == "attention"), "what deserves attention says what to do"


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
