"""The table of mutations fits the code and the page that was made from it; `make mutations` runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import facegate
from tests.mutations.mutation import Mutation, load

PAGE = Path(__file__).parents[2] / "docs/protections.md"


@pytest.mark.parametrize("mutation", load(), ids=lambda each: each.name)
def test_it_can_be_applied_once(mutation: Mutation, tmp_path: Path) -> None:
    file = tmp_path / "facegate" / mutation.file
    file.parent.mkdir(parents=True)
    shutil.copy(Path(facegate.__file__).parent / mutation.file, file)
    before = file.read_text(encoding="utf-8")
    mutation.apply(tmp_path)
    assert file.read_text(encoding="utf-8") != before
    compile(file.read_text(encoding="utf-8"), str(file), "exec")
    if mutation.old not in mutation.new:
        with pytest.raises(ValueError, match="occurs 0 times"):
            mutation.apply(tmp_path)


def test_the_page_lists_them_all_and_each_was_noticed() -> None:
    rows = [line.split("|")[1:4] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert [name.strip() for name, _, _ in rows] == [each.name for each in load()], "run `make mutations`"
    assert all("::" in noticed or "ended with" in noticed for _, _, noticed in rows)
    assert len(rows) >= 25
