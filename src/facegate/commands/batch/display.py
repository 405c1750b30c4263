"""What a batch shows on stderr while it runs: a display that is redrawn, or plain lines where there is no terminal."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from facegate.commands.batch.tally import Current, Snapshot, Tally
from facegate.commands.batch.walk import Item

_REDRAWN: Final = 8  # times a second
_EVERY: Final = 10.0  # seconds between two lines about one video
_SHOWN: Final = 6  # files under way; a terminal has few lines


class Silence:
    """Shows failures and nothing else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def fail(self, name: str, sentence: str) -> None:
        """A file failed: one line."""
        self._line(f"facegate: {shown(name)}: {sentence}")

    def frames(self, current: Current) -> None:
        """More frames of a video are done."""

    def end(self, item: Item, words: str, ended: int) -> None:
        """A file is done, and how."""

    def note(self, sentence: str) -> None:
        """Something about the batch as a whole."""

    def _line(self, text: str) -> None:
        # As Text, which has no markup, and on one line however narrow the terminal is.
        with self._guard:
            self._console.print(Text(text), soft_wrap=True, highlight=False)


class Lines(Silence):
    """One line for each file that is done, and now and then one about a long video."""

    def __init__(self, console: Console, tally: Tally) -> None:
        super().__init__(console)
        self._tally = tally
        self._last: dict[str, float] = {}

    def frames(self, current: Current) -> None:
        """A line if the last one is long ago."""
        now = self._tally.clock()
        if now - self._last.setdefault(current.item.name, current.began) < _EVERY:
            return
        self._last[current.item.name] = now
        self._line(f"{shown(current.item.name)}: {_frames(current, now)}")

    def end(self, item: Item, words: str, ended: int) -> None:
        """The line of a file."""
        self._line(f"[{ended}/{len(self._tally.items)}] {shown(item.name)}: {words}")

    def note(self, sentence: str) -> None:
        """A line."""
        self._line(sentence)


class Bars(Silence):
    """A bar over all files, and below it what is being worked on."""

    def __init__(self, console: Console, tally: Tally) -> None:
        super().__init__(console)
        self._tally = tally
        self._live = Live(
            get_renderable=self._draw,
            console=console,
            refresh_per_second=_REDRAWN,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def note(self, sentence: str) -> None:
        """A line above the display."""
        self._line(sentence)

    def _draw(self) -> RenderableType:
        now = self._tally.look()
        width = self._console.width
        return Group(_overall(now, width), *(_row(each, now.now, width) for each in now.current[:_SHOWN]))


def make(console: Console, tally: Tally, *, quiet: bool) -> Silence:
    """What suits the terminal."""
    if quiet:
        return Silence(console)
    plain = not console.is_terminal or console.is_dumb_terminal
    return Lines(console, tally) if plain else Bars(console, tally)


def shown(name: str) -> str:
    """A file's name as a terminal may see it: a name can hold anything, orders to the terminal among it."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


def clock(seconds: float | None) -> str:
    """Hours, minutes and seconds."""
    if seconds is None:
        return "-:--:--"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _overall(now: Snapshot, width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 1), expand=False)
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_column(no_wrap=True)
    words = Text(f"{clock(now.elapsed)} elapsed, {clock(now.left)} left")
    if now.failed:
        words.append(f", {now.failed} failed", "red")
    count = Text(f"{now.ended}/{now.total} files", "bold")
    room = max(width - count.cell_len - words.cell_len - 4, 8)
    grid.add_row(count, ProgressBar(total=max(now.total, 1), completed=now.ended, width=min(room, 40)), words)
    return grid


def _row(current: Current, now: float, width: int) -> RenderableType:
    about = _frames(current, now) if current.item.kind.media == "video" else ""
    name = Text(shown(current.item.name), no_wrap=True)
    # The end of a long path tells more than its beginning.
    room = max(width - len(about) - 5, 12)
    if name.cell_len > room:
        name = Text("…" + name.plain[-(room - 1) :], no_wrap=True)
    return Text.assemble("  ", name, "  ", (about, "cyan"), no_wrap=True, overflow="ellipsis")


def _frames(current: Current, now: float) -> str:
    total = "" if current.total is None else f"/{current.total}"
    if not current.frames:
        return f"0{total} frames"
    left = current.left(now)
    still = "" if left is None else f", {clock(left)} left"
    return f"{current.frames}{total} frames, {current.rate(now):.1f} frames/s{still}"
