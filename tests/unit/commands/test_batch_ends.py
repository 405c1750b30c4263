"""A batch that is killed or interrupted: nothing half-written has a name, and --resume does exactly the rest."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from PIL import Image

import facegate
from facegate.commands.batch.manifest import NAME
from facegate.commands.batch.place import STAGING, Place
from fixtures.collection import two_people
from tests.conftest import encode, eventually
from tests.unit.commands.test_redact_many import private_key

MAIN = "from facegate.cli import main; main()"
NUMBER = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    root.mkdir()
    for number in range(NUMBER):
        (root / f"{number}.png").write_bytes(encode(two_people().rgb, "PNG"))
    return root


def command(*arguments: object, code: str = MAIN) -> list[str]:
    return [sys.executable, "-c", code, "redact", *(str(each) for each in arguments)]


def lines(out: Path) -> list[str]:
    path = out / NAME
    return path.read_text().splitlines() if path.exists() else []


def check_named(out: Path) -> set[str]:
    """Whatever has a name is whole, and vouched for; the names of the outputs."""
    found = set()
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            image.load()
        assert facegate.verify((out / f"{path.name}.receipt.json").read_bytes()).outcome == "finished"
        found.add(path.name)
    return found


def resume(folder: Path, out: Path) -> dict[str, str]:
    """Go on, and look that everything is there, once, with nothing beside it."""
    done = subprocess.run(command(folder, "-o", out, "--resume", "--json"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = {f"{number}.png" for number in range(len(list(folder.iterdir())))}
    assert check_named(out) == expected
    assert {path.name for path in out.iterdir()} == expected | {f"{name}.receipt.json" for name in expected} | {NAME}
    assert sorted(json.loads(line)["input"] for line in lines(out)) == sorted(expected)
    return {each["input"]: each["state"] for each in json.loads(done.stdout)["files"]}


def test_a_killed_batch_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(command(folder, "-o", out, "--jobs", "2", "--quiet"))
    try:
        assert eventually(lambda: len(lines(out)) >= 2, 60)
    finally:
        process.kill()
        process.wait()
    kept = {json.loads(line)["input"] for line in lines(out)}
    assert 2 <= len(kept) < NUMBER, "it was killed in the middle"
    assert kept <= check_named(out)
    states = resume(folder, out)
    assert {name for name, state in states.items() if state == "resumed"} == kept
    assert {name for name, state in states.items() if state == "done"} == set(states) - kept


# Each kills the process in the second file's last steps, of which the first has gone through all.
KILLS = {
    "before the receipt has its name": "count = 2; old = Path.replace; kill_after = False",
    "between receipt and output": "count = 3; old = Path.replace; kill_after = False",
    "between output and manifest": "count = 3; old = Path.replace; kill_after = True",
}
KILLER = """
import os, signal
from pathlib import Path
{point}
calls = 0
def replace(self, target):
    global calls
    calls += 1
    if calls == count + 1 and not kill_after:
        os.kill(os.getpid(), signal.SIGKILL)
    old(self, target)
    if calls == count + 1:
        os.kill(os.getpid(), signal.SIGKILL)
Path.replace = replace
"""
TORN = """
import os, signal
from facegate.commands.batch import manifest
write, calls = os.write, 0
def torn(descriptor, line):
    global calls
    if not line.startswith(b'{"v":'):
        return write(descriptor, line)
    calls += 1
    if calls == 2:
        write(descriptor, line[:len(line) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(descriptor, line)
os.write = torn
"""


@pytest.mark.parametrize("point", [*KILLS, "within a line of the manifest"])
def test_killed_at_each_step_of_a_file(folder: Path, tmp_path: Path, point: str) -> None:
    out = tmp_path / "out"
    for number in range(2, NUMBER):
        (folder / f"{number}.png").unlink()
    code = (KILLER.format(point=KILLS[point]) if point in KILLS else TORN) + MAIN
    killed = subprocess.run(command(folder, "-o", out, "--jobs", "1", "--quiet", code=code), check=False)
    assert killed.returncode == -signal.SIGKILL
    named = {path.name for path in out.iterdir()} - {STAGING, NAME}
    expected = {"0.png", "0.png.receipt.json"}
    if point != "before the receipt has its name":
        expected |= {"1.png.receipt.json"}
    if point in {"between output and manifest", "within a line of the manifest"}:
        expected |= {"1.png"}
    assert named == expected
    check_named(out)
    assert resume(folder, out) == {"0.png": "resumed", "1.png": "done"}


# Makes the terminal its own, so that a key sends its signal to the command and all below it.
OWNER = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "


class Terminal:
    """A command with its stderr, and so its display, on a terminal, and its stdout on a pipe."""

    def __init__(self, *arguments: object, columns: int = 90) -> None:
        self.seen = ""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {
            name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}
        }
        self.process = subprocess.Popen(
            command(*arguments, code=OWNER + MAIN),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=environment | {"TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(theirs)

    def read(self, seconds: float, until: str | None = None) -> None:
        """What it shows, until that pattern is seen or it ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and (until is None or re.search(until, self.text) is None):
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self._ours, 1 << 16).decode(errors="replace")
                except OSError:  # how Linux says that nobody has the other end any more
                    return

    @property
    def text(self) -> str:
        """What was shown, without the orders in it."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen)

    def press(self, key: bytes) -> None:
        """A key."""
        os.write(self._ours, key)

    def end(self) -> tuple[int, str]:
        """Exit code, and what is on stdout."""
        assert self.process.stdout is not None
        self.read(60)
        out = self.process.stdout.read().decode()
        self.process.stdout.close()
        code = self.process.wait(60)
        os.close(self._ours)
        return code, out


def test_the_display_on_a_terminal(folder: Path, tmp_path: Path) -> None:
    (folder / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    terminal = Terminal(folder, "-o", tmp_path / "out")
    code, out = terminal.end()
    assert code == 1
    assert out == f"5 pictures and 0 videos redacted, 1 failed; results are in {tmp_path / 'out'}\n"
    assert re.search(r"[1-5]/6 files ━+\S* \d:\d\d:\d\d elapsed, \d:\d\d:\d\d left, 1 failed", terminal.text), (
        terminal.text
    )
    assert re.search(r"\n  [1-5]\.png", terminal.text), "what is under way"
    assert terminal.text.count("facegate: 0.png: ") == 1
    assert terminal.seen.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in terminal.seen.rsplit("files", 1)[1], (
        "the cursor is back"
    )


def test_ctrl_c_purges_sums_up_and_says_130(folder: Path, tmp_path: Path) -> None:
    out, log, key = tmp_path / "out", tmp_path / "ledger.jsonl", tmp_path / "key.pem"
    key.write_bytes(private_key())
    terminal = Terminal(folder, "-o", out, "--jobs", "2", "--ledger", log, "--key", key, "--json")
    terminal.read(60, until="[1-5]/6 files")
    terminal.press(b"\x03")
    code, text = terminal.end()
    assert code == 130
    assert terminal.text.rstrip().endswith("facegate: interrupted.")
    assert "Traceback" not in terminal.text
    told = json.loads(text)
    assert told["interrupted"] is True
    assert told["failed"] == 0
    assert 1 <= told["done"] < NUMBER
    assert told["done"] + told["unfinished"] == NUMBER
    kept = {each["input"] for each in told["files"] if each["state"] == "done"}
    assert check_named(out) == kept, "nothing that is not whole has a name"
    assert not (out / STAGING).exists()
    verified = facegate.verify_ledger(log)
    assert verified.unclosed == (), "every request that was open was purged"
    states = resume(folder, out)
    assert {name for name, state in states.items() if state == "resumed"} == kept


def test_a_second_batch_into_one_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Place(out, None):
        second = subprocess.run(command(folder, "-o", out), capture_output=True, text=True, check=False)
        assert (second.returncode, second.stdout) == (2, "")
        assert second.stderr == f"facegate: Another batch is writing into {out}.\n"
        assert list((out / STAGING).iterdir()) == [], "what the first is writing is left alone"
    assert list(out.iterdir()) == []
