"""The pages are built with warnings as errors, and what should be an error is one."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import facegate
from tests.docs.blocks import ROOT

SPHINX = all(importlib.util.find_spec(name) for name in ("sphinx", "myst_parser", "furo"))
needs_sphinx = pytest.mark.skipif(not SPHINX, reason="sphinx, myst-parser or furo is not installed: make docs")
INDEX = "# A\n\n## Pages\n- [A page](page.md)\n"


def build(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", str(source), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two pages, and the configuration of all."""
    source = tmp_path / "docs"
    (source / "static").mkdir(parents=True)
    shutil.copy(ROOT / "docs/conf.py", source)
    shutil.copy(ROOT / "docs/static/facegate.css", source / "static")
    (source / "index.md").write_text(INDEX, encoding="utf-8")
    (source / "page.md").write_text("# A page\nAnd [back](index.md).\n", encoding="utf-8")
    return source


@needs_sphinx
def test_the_reference_has_every_public_name(small: Path, tmp_path: Path) -> None:
    done = build(small, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out/api/facegate.html").read_text(encoding="utf-8")
    documented = set(re.findall(r'id="facegate\.(\w+)"', page))
    assert set(facegate.__all__) <= documented
    assert 'id="facegate.errors.UploadError"' in (tmp_path / "out/api/facegate.errors.html").read_text(encoding="utf-8")


@needs_sphinx
@pytest.mark.parametrize(
    ("page", "text", "warning"),
    [
        ("page.md", "# A page\n[nowhere](missing.md)\n", "missing.md"),
        ("page.md", "# A page\n[nowhere](index.md#no-such-heading)\n", "no-such-heading"),
        ("unlisted.md", "# Nobody leads here\n", "isn't included in any toctree"),
        ("page.rst", "A page\n======\n:class:`facegate.NoSuchName`\n", "NoSuchName"),
    ],
)
def test_what_leads_nowhere_is_an_error(page: str, text: str, warning: str, small: Path, tmp_path: Path) -> None:
    if page == "page.rst":
        (small / "page.md").unlink()
    (small / page).write_text(text, encoding="utf-8")
    done = build(small, tmp_path / "out")
    assert done.returncode != 0
    assert warning in done.stderr


def test_the_index_lists_every_page_once() -> None:
    index = ROOT / "docs/index.md"
    linked = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)", index.read_text(encoding="utf-8"), re.MULTILINE)
    pages = {str(each.relative_to(index.parent)) for each in index.parent.glob("**/*.md")} - {"index.md"}
    assert sorted(linked) == sorted(pages)
