"""The report of a store: in a terminal, as JSON, and as a page that Chromium shows."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from facegate import words
from facegate.retention import page, report
from tests.unit.retention.conftest import Opened
from tests.unit.retention.lived import live, personal

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")


@dataclass
class Shown(HTMLParser):
    """What a page says."""

    figures: list[tuple[str, str, str]] = field(default_factory=list)  # pointer, value, text
    marks: list[dict[str, str]] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    style: str = ""
    policy: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= said.keys()
        self._open.append(tag)
        if tag in {"data", "time"}:
            self.figures.append((said["data-of"], said["value" if tag == "data" else "datetime"], ""))
        if tag == "rect" and "data-of" in said:
            self.marks.append(said)
        if said.get("http-equiv") == "Content-Security-Policy":
            self.policy = said["content"]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
            return
        self.text += data
        if self._open[-1:] in (["data"], ["time"]):
            self.figures[-1] = (*self.figures[-1][:2], data)


def shown(text: str) -> Shown:
    found = Shown()
    found.feed(text)
    found.close()
    return found


def leaves(found: Any, pointer: str = "") -> dict[str, Any]:
    """Every number and time of the JSON."""
    if isinstance(found, dict | list):
        items = found.items() if isinstance(found, dict) else enumerate(found)
        return {of: value for name, each in items for of, value in leaves(each, f"{pointer}/{name}").items()}
    return {pointer: found} if isinstance(found, int) or pointer.endswith(("/nextDue", "/generated")) else {}


def in_terminal(opened: Opened) -> str:
    console = Console(file=io.StringIO(), width=200)
    report.show(opened.store.figures(), console)
    found: str = console.file.getvalue()  # type: ignore[attr-defined]
    return found


def test_every_figure_of_the_page_is_that_of_the_json(local: Opened) -> None:
    live(local)
    figures = local.store.figures()
    said, found = leaves(json.loads(report.to_json(figures))), shown(report.to_html(figures))
    assert len(found.figures) > 60
    for of, value, _ in found.figures:
        assert str(said[of]) == value, of
    ways = {words.number, words.size, words.age, words.when}
    for of, _, text in found.figures:
        assert text in {way(said[of]) for way in ways if isinstance(said[of], str) == (way is words.when)}, of
    for mark in found.marks:
        assert str(said[mark["data-of"]]) == mark["data-value"]
    there = {of for of, *_ in found.figures} | {mark["data-of"] for mark in found.marks}
    assert {of: value for of, value in said.items() if value and of not in there} == {}


def test_every_mark_is_as_long_as_its_figure(local: Opened) -> None:
    live(local)
    found = shown(report.to_html(local.store.figures()))
    by_kind = {of: mark for mark in found.marks if (of := mark["data-of"])}
    draft = {of: mark for of, mark in by_kind.items() if of.startswith("/classes/0/byLife")}
    assert {mark["data-value"]: mark["width"] for mark in draft.values()} == {"1": "33.333", "2": "66.667"}
    assert [mark["x"] for mark in draft.values()] == ["0.000", "33.333"]
    holds = [mark for of, mark in by_kind.items() if of.startswith("/holds/")]
    assert [(mark["x"], mark["width"]) for mark in holds] == [("0.000", "50.000"), ("50.000", "50.000")]
    days = [mark for of, mark in by_kind.items() if of.startswith("/deletions/")]
    assert [(mark["y"], mark["height"]) for mark in days] == [("0.000", "100.000")] * 2
    # 10 days apart, the last of them one day before the last of 30 columns.
    left = sorted(float(mark["x"]) for mark in days)
    assert left[1] - left[0] == pytest.approx(1000 / 30, abs=0.01)
    assert int(left[1] * 30 / 100) == 28


def test_nothing_personal_is_in_any_of_them(local: Opened) -> None:
    live(local)
    figures = local.store.figures()
    for text in (report.to_json(figures), report.to_html(figures), in_terminal(local)):
        assert local.store.id in text
        for value in personal(local):
            assert value not in text, value


def test_the_terminal_says_the_same(local: Opened) -> None:
    live(local)
    text = in_terminal(local)
    size = words.size(local.store.figures().bytes)
    for line in (
        f"kept: 5 assets, {size}",
        "overdue: 2, 4.0 KiB, the first for 1 hour",
        "2 legal holds in force on 1 asset, the oldest for 11 days",
        "unfinished writing: 0, 0 past the lease",
        "wishes waiting: 2, 1 overdue",
        "people: 3, 1 restricted",
        f"master key {local.keys.current} wraps the keys of 3 people",
    ):
        assert line in text.splitlines(), line
    assert re.search(r"draft +│ +1 day │ +3 │ +6.0 KiB │ +0 │ +2 │ +1 day │ +1 day │ 2027-", text)
    assert re.search(r"expired +│ +1 │", text)


def test_an_empty_store_has_a_report(local: Opened) -> None:
    found = shown(report.to_html(local.store.figures()))
    assert "Nothing is kept for longer than it may be." in found.text
    for sentence in ("Nothing is kept.", "Nothing is overdue.", "Nothing was deleted.", "Nobody waits for an answer."):
        assert sentence in found.text
    assert found.marks == []
    assert "kept: 0 assets, 0 bytes" in in_terminal(local)


def test_what_is_late_is_said_first(local: Opened) -> None:
    live(local)
    found = local.store.figures().as_dict()
    assert "2 assets are overdue." in shown(page.render(found)).text
    assert '<div class="banner bad">' in page.render(found)
    found["wishes"]["overdue"] = 0
    assert '<div class="banner open">' in page.render(found)
    found["classes"][0]["overdue"]["oldestSeconds"] = 2 * 86400
    assert '<div class="banner bad">' in page.render(found)


def test_the_page_loads_nothing_and_runs_nothing(local: Opened) -> None:
    live(local)
    text = report.to_html(local.store.figures())
    found = shown(text)
    digest = base64.b64encode(hashlib.sha256(found.style.encode()).digest()).decode()
    assert found.policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not found.tags & {"script", "link", "img", "iframe", "form", "a", "object", "embed", "foreignobject"}
    assert not found.attributes & {"src", "href", "style", "srcset", "action", "background"}
    assert not [each for each in found.attributes if each.startswith("on")]
    for outside in ("http://", "https://", "@import", "url("):
        assert outside not in text, outside


def test_the_page_escapes_what_a_policy_is_called(local: Opened) -> None:
    found = local.store.figures().as_dict()
    found["policy"]["name"] = "<script>alert(1)</script>"
    text = page.render(found)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_chromium_shows_it(local: Opened, tmp_path: Path) -> None:
    """Dark, so that colours come from the style that the page's own policy must let in; and narrow as a phone."""
    import cv2

    assert CHROMIUM is not None
    live(local)
    file, picture = tmp_path / "report.html", tmp_path / "page.png"
    file.write_text(report.to_html(local.store.figures()), encoding="utf-8")
    common = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    options = ["--blink-settings=preferredColorScheme=0", "--hide-scrollbars", "--window-size=520,2600"]
    subprocess.run(
        [*common, *options, f"--screenshot={picture}", file.as_uri()], check=True, capture_output=True, timeout=120
    )
    image = cv2.imread(str(picture))
    assert image is not None
    assert float(image[:200].mean()) < 80, "the style was not let in"
    # Marks have colours of their own: the drafts' "longer", amber, over more than half of a bar's width.
    amber = (abs(image.astype(int) - (0x4A, 0xB0, 0xF0)).max(axis=2) < 6).sum(axis=1)
    assert amber.max() > 0.5 * image.shape[1]
    # Nothing sticks out to the right.
    assert len({tuple(pixel) for pixel in image[:, -2]}) == 1
