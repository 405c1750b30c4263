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


def laid_out(source: Path) -> Path:
    """Two pages, and the configuration of all."""
    (source / "static").mkdir(parents=True)
    shutil.copy(ROOT / "docs/conf.py", source)
    shutil.copy(ROOT / "docs/static/facegate.css", source / "static")
    (source / "index.md").write_text(INDEX, encoding="utf-8")
    (source / "page.md").write_text("# A page\nAnd [back](index.md).\n", encoding="utf-8")
    return source


@needs_sphinx
def test_the_reference_has_every_public_name(tmp_path: Path) -> None:
    done = build(laid_out(tmp_path / "docs"), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out/api/facegate.html").read_text(encoding="utf-8")
    documented = set(re.findall(r'id="facegate\.(\w+)"', page))
    assert set(facegate.__all__) <= documented
    assert 'id="facegate.errors.UploadError"' in (tmp_path / "out/api/facegate.errors.html").read_text(encoding="utf-8")


MISTAKES = [
    ("page.md", "# A page\n[nowhere](missing.md)\n", "missing.md"),
    ("other.md", "# Another\n[nowhere](index.md#no-such-heading)\n", "no-such-heading"),
    ("unlisted.md", "# Nobody leads here\n", "isn't included in any toctree"),
    ("third.rst", "A third\n=======\n:class:`facegate.NoSuchName`\n", "NoSuchName"),
]


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a build says of pages with one mistake each, line by line. It goes on after each of them."""
    folder = tmp_path_factory.mktemp("mistakes")
    source = laid_out(folder / "docs")
    index = INDEX + "- [Another](other.md)\n- [A third](third.rst)\n"
    (source / "index.md").write_text(index, encoding="utf-8")
    for page, text, _ in MISTAKES:
        (source / page).write_text(text, encoding="utf-8")
    done = build(source, folder / "out")
    assert done.returncode != 0
    return done.stderr.splitlines()


@needs_sphinx
@pytest.mark.parametrize(("page", "text", "warning"), MISTAKES)
def test_what_leads_nowhere_is_an_error(page: str, text: str, warning: str, complaints: list[str]) -> None:
    del text
    assert [line for line in complaints if page in line and "WARNING" in line and warning in line], complaints


def test_the_index_lists_every_page_once() -> None:
    index = ROOT / "docs/index.md"
    linked = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)", index.read_text(encoding="utf-8"), re.MULTILINE)
    pages = {str(each.relative_to(index.parent)) for each in index.parent.glob("**/*.md")} - {"index.md"}
    assert sorted(linked) == sorted(pages)
