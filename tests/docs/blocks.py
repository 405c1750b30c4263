"""The fenced blocks of README and docs, and what the line that opens a block says about it.

The first word is the language. Python and bash blocks are run, unless the rest says otherwise:

* ``no-run "why"``: this one cannot be run by a test; python must still compile, a facegate command still parse.
* ``argv=clip.mp4``: what a python block finds in sys.argv; ``photo.jpg`` without it.
* ``file=worker.py``: a python block's file, so that blocks below it on the page can import or run it.
* ``exit=1``: how a block ends, 0 without it.
* ``output``, of a text block: what the block above it prints. ``…`` stands for anything within a line.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
RUNNABLE: Final = ("python", "bash")
# Data of which a page shows a piece; nothing that somebody would paste and run.
SHOWN: Final = ("text", "ini", "json", "yaml", "toml", "dockerfile")
_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")


@dataclass
class Block:
    """One fenced block.

    Attributes:
        page: its file, from the root.
        line: of the fence, from 1.
        language: the first word of the fence; empty where there is none.
        options: what else the fence says.
        text: what is inside.
        output: the text block below that shows what this one prints, or None.
    """

    page: str
    line: int
    language: str
    options: dict[str, str]
    text: str
    output: str | None = field(default=None)

    @property
    def name(self) -> str:
        """For the reader of a failure."""
        return f"{self.page}:{self.line}"

    @property
    def reason(self) -> str | None:
        """Why it is not run; None if it is."""
        return self.options.get("no-run")


def pages() -> list[str]:
    """Every page that is looked at, from the root."""
    return ["README.md", "SECURITY.md", *sorted(str(each.relative_to(ROOT)) for each in ROOT.glob("docs/**/*.md"))]


def blocks(page: str, text: str | None = None) -> list[Block]:
    """The blocks of one page, in their order; a text block that shows output belongs to the one above it.

    Raises:
        ValueError: a fence says what nobody knows, or is never closed.
    """
    found: list[Block] = []
    current: Block | None = None
    fence, inside = "", list[str]()
    lines = (ROOT / page).read_text(encoding="utf-8") if text is None else text
    for number, line in enumerate(lines.splitlines(), 1):
        if current is None:
            if opening := _FENCE.match(line):
                fence, inside = opening["indent"] + opening["ticks"], []
                current = Block(page, number, *_said(opening["info"], f"{page}:{number}"), "")
        elif line.rstrip() == fence:
            current.text = "\n".join(inside) + "\n"
            _add(found, current)
            current = None
        else:
            inside.append(line)
    if current is not None:
        raise ValueError(f"{current.name}: the block is never closed.")
    return found


def _add(found: list[Block], block: Block) -> None:
    if "output" not in block.options:
        found.append(block)
        return
    if not found or found[-1].language not in RUNNABLE or found[-1].output is not None or found[-1].reason is not None:
        raise ValueError(f"{block.name}: no block above it was run and prints this.")
    found[-1].output = block.text


def _said(info: str, name: str) -> tuple[str, dict[str, str]]:
    words = shlex.split(info)
    language = words.pop(0) if words else ""
    options: dict[str, str] = {}
    while words:
        word = words.pop(0)
        key, _, value = word.partition("=")
        if key == "no-run":
            value = words.pop(0) if words else ""
        elif key not in {"argv", "file", "exit", "output"}:
            raise ValueError(f"{name}: nobody knows what {word!r} means.")
        options[key] = value
    return language, options
