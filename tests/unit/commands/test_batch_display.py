"""What a batch shows while it runs, by a clock that the test sets."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from facegate.commands.batch.display import Bars, Lines, Silence, clock, make, shown
from facegate.commands.batch.kinds import Kind
from facegate.commands.batch.tally import Tally
from facegate.commands.batch.walk import Item


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def picture(name: str, size: int = 1000) -> Item:
    return Item(name, Path(name), Kind("image", "jpeg"), size)


def video(name: str, size: int = 1000) -> Item:
    return Item(name, Path(name), Kind("video", "mp4"), size)


def terminal(width: int = 80) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=True, width=width, _environ={"TERM": "xterm"}), file


def drawn(bars: Bars, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(bars._draw())
    return captured.get().splitlines()


def test_time_left_comes_from_what_was_done() -> None:
    now = Clock()
    items = [picture(f"{number}.jpg") for number in range(4)]
    tally = Tally(items, now)
    assert tally.look().left is None, "nothing is known at the beginning"
    for each in items[:2]:
        tally.start(each)
    now.now += 10
    assert tally.end(items[0], "done") == 1
    assert tally.end(items[1], "failed") == 2
    assert tally.look().left == pytest.approx(10), "two files side by side took 10 seconds, two are left"
    tally.start(items[2])
    now.now += 3
    tally.end(items[2], "resumed")
    assert tally.look().left == pytest.approx(1000 * 13 / 2000), "what was done before says nothing of the speed"
    tally.end(items[3], "done")
    last = tally.look()
    assert (last.ended, last.failed, last.left, last.elapsed) == (4, 1, 0, 13)
    assert tally.counts == {"done": 2, "resumed": 1, "failed": 1, "unfinished": 0}


def test_a_video_is_foretold_by_its_frames() -> None:
    now = Clock()
    items = [picture("a.jpg"), video("b.mp4", 4000), video("c.mp4", 8000)]
    tally = Tally(items, now)
    tally.start(items[0])
    now.now += 1
    tally.end(items[0], "done")
    assert tally.look().left is None, "pictures say nothing of videos"
    current = tally.start(items[1])
    tally.frames(items[1], 100, 400, 0.25)
    now.now += 5
    assert current.rate(now.now) == pytest.approx(20)
    assert current.left(now.now) == pytest.approx(15)
    assert tally.look().left == pytest.approx(15 + 40), "the next one is twice as large"
    now.now += 15
    tally.frames(items[1], 400, 400, 1.0)
    tally.end(items[1], "done")
    assert tally.look().left == pytest.approx(40)
    uncounted = tally.start(items[2])
    tally.frames(items[2], 7, None, None)
    assert uncounted.left(now.now) is None
    now.now += 6
    tally.frames(items[2], 30, None, 0.2)
    assert uncounted.left(now.now) == pytest.approx(24), "by its time, where its file counts no frames"


def test_the_display_shows_files_frames_and_time() -> None:
    now = Clock()
    items = [picture("a.jpg"), video("clips/[red]street.mp4", 3000), picture("c.jpg")]
    tally = Tally(items, now)
    bars = Bars(terminal()[0], tally)
    (overall,) = drawn(bars)
    assert overall.startswith("0/3 files")
    assert overall.endswith("0:00:00 elapsed, -:--:-- left")
    tally.start(items[0])
    now.now += 4
    tally.end(items[0], "failed")
    tally.start(items[1])
    now.now += 10
    tally.frames(items[1], 250, 1000, 0.25)
    tally.start(items[2])
    overall, first, second = drawn(bars)
    assert overall.startswith("1/3 files ━")
    assert overall.endswith("0:00:14 elapsed, 0:00:34 left, 1 failed")
    assert first.strip() == "clips/[red]street.mp4  250/1000 frames, 25.0 frames/s, 0:00:30 left"
    assert second.strip() == "c.jpg"


@pytest.mark.parametrize("width", [40, 60, 200])
def test_the_display_keeps_to_the_terminal(width: int) -> None:
    now = Clock()
    items = [video("a folder with a long name/" * 5 + f"{number}.mp4") for number in range(9)]
    tally = Tally(items, now)
    bars = Bars(terminal(width)[0], tally)
    for each in items:
        tally.start(each)
        tally.frames(each, 10, 20, 0.5)
    now.now += 1
    lines = drawn(bars, width)
    assert len(lines) == 1 + 6, "however many are under way"
    assert all(len(line) <= width for line in lines)
    assert all("frames" in line for line in lines[1:])
    if width >= 60:
        assert all(f"{number}.mp4" in line for number, line in enumerate(lines[1:])), "the name's end is what is shown"


def test_lines_where_there_is_no_terminal() -> None:
    now, file = Clock(), io.StringIO()
    items = [picture("[/b]a.jpg"), video("b\x1b]0;title\x07.mp4")]
    tally = Tally(items, now)
    display = make(Console(file=file, width=20), tally, quiet=False)
    assert type(display) is Lines
    tally.start(items[0])
    display.end(items[0], "2 faces, 0 kept", tally.end(items[0], "done"))
    current = tally.start(items[1])
    for second in range(25):
        now.now = 100 + second
        tally.frames(items[1], second * 30, 900, second / 30)
        display.frames(current)
    display.fail(items[1].name, "The upload is damaged: its content does not decode.")
    assert file.getvalue().splitlines() == [
        "[1/2] [/b]a.jpg: 2 faces, 0 kept",
        "b�]0;title�.mp4: 300/900 frames, 30.0 frames/s, 0:00:20 left",
        "b�]0;title�.mp4: 600/900 frames, 30.0 frames/s, 0:00:10 left",
        "facegate: b�]0;title�.mp4: The upload is damaged: its content does not decode.",
    ], "one line each, however narrow; names give no orders"


def test_quiet_shows_failures_alone() -> None:
    file = io.StringIO()
    tally = Tally([picture("a.jpg")], Clock())
    display = make(Console(file=file, force_terminal=True, _environ={"TERM": "xterm"}), tally, quiet=True)
    assert type(display) is Silence
    with display:
        display.note("skipped: b.txt")
        display.frames(tally.start(tally.items[0]))
        display.end(tally.items[0], "1 face", 1)
        display.fail("a.jpg", "It failed.")
    assert file.getvalue() == "facegate: a.jpg: It failed.\n"


def test_which_display_suits() -> None:
    tally = Tally([], Clock())
    assert type(make(terminal()[0], tally, quiet=False)) is Bars
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert type(make(dumb, tally, quiet=False)) is Lines


def test_words() -> None:
    assert (clock(None), clock(0.4), clock(3725)) == ("-:--:--", "0:00:00", "1:02:05")
    assert shown("a\nb\udcffc\x1b") == "a�b�c�"
