"""Every block of README and docs that a reader may paste is run here, page by page, in the order of the page."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path

import click
import pytest

from facegate.cli import main
from tests.docs.blocks import RUNNABLE, SHOWN, Block, blocks, pages
from tests.docs.stage import furnish, run, same

# Each is a block that nobody checks to the end. A page that needs one more has to raise this here, where it is seen.
MOST_NOT_RUN = 16


def runnable(page: str) -> list[Block]:
    return [each for each in blocks(page) if each.language in RUNNABLE]


def not_run() -> list[Block]:
    return [each for page in pages() for each in runnable(page) if each.reason is not None]


@pytest.mark.parametrize("page", [page for page in pages() if any(each.reason is None for each in runnable(page))])
def test_blocks_of(page: str, tmp_path: Path) -> None:
    furnish(tmp_path)
    for each in runnable(page):
        if each.reason is None:
            run(each, tmp_path)


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    listed = {each.name: each.reason for each in not_run()}
    assert len(listed) <= MOST_NOT_RUN, listed
    for name, reason in listed.items():
        assert reason is not None
        assert len(reason.split()) >= 3, f"{name}: {reason!r} is no reason"


@pytest.mark.parametrize("block", not_run(), ids=lambda each: each.name)
def test_what_is_not_run_is_at_least_well_formed(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.language == "python":
        ast.parse(block.text, block.name)
        return
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["facegate"]:
            command = main.commands[words[1]]
            assert isinstance(command, click.Command)
            command.make_context(words[1], words[2:]).close()  # raises on an option that is none


@pytest.mark.parametrize("page", pages())
def test_every_fence_names_its_language(page: str) -> None:
    for each in blocks(page):
        assert each.language in (*RUNNABLE, *SHOWN), f"{each.name}: {each.language!r}"
        if each.language not in RUNNABLE:
            assert not each.text.startswith(("facegate ", "python ", "import ")), f"{each.name}: it would not be run"


def test_a_block_is_read_with_all_that_its_fence_says() -> None:
    page = '# A\n```python file=a.py argv="b c" exit=1\nprint(1)\n```\n\n```text output\n1\n```\n'
    page += '```bash no-run "why so"\nx\n```\n'
    first, second = blocks("a.md", page)
    assert (first.language, first.text, first.output, first.line) == ("python", "print(1)\n", "1\n", 2)
    assert first.options == {"file": "a.py", "argv": "b c", "exit": "1"}
    assert (second.language, second.reason) == ("bash", "why so")


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("```python\nx\n", "never closed"),
        ("```python norun\nx\n```\n", "nobody knows"),
        ("```text output\n1\n```\n", "no block above"),
    ],
)
def test_a_fence_that_says_nonsense_is_refused(page: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        blocks("a.md", page)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nraise SystemExit(3)\n```\n", "ended with 3"),
        ("```bash\nfacegate redact no-such-photo.jpg -o out.png\n```\n", "ended with 2"),
        ("```bash\nfalse | true\n```\n", "ended with 1"),
        ("```python\nprint('2 faces')\n```\n\n```text output\n1 face\n```\n", "and the page shows"),
    ],
)
def test_a_block_that_does_not_work_is_told(text: str, complaint: str, tmp_path: Path) -> None:
    (block,) = blocks("a.md", text)
    with pytest.raises(AssertionError, match=complaint):
        run(block, tmp_path)


def test_dots_stand_for_anything_within_a_line() -> None:
    assert same("a … c\nd", "a b c\nd\n")
    assert not same("a … c\nd", "a b\nc\nd\n")
    assert not same("a", "a\nb\n")
