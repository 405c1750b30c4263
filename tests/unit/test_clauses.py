"""Every clause of the policy is held by protections whose absence tests notice; the page says which."""

from __future__ import annotations

import pytest

from tests.mutations import clauses
from tests.mutations.mutation import load

PAGE = clauses.ROOT / "docs/clauses.md"


@pytest.mark.parametrize("clause", clauses.clauses(), ids=lambda each: each.says[:40])
def test_a_clause_is_held_by_protections_that_were_taken_away(clause: clauses.Clause) -> None:
    known = {each.name for each in load()}
    found = clauses.noticed(clauses.ROOT / "docs/protections.md")
    assert clause.protections
    assert set(clause.protections) <= known
    for each in clause.protections:
        assert "::" in found[each] or "ended with" in found[each], each


def test_the_page_is_what_is_generated() -> None:
    assert PAGE.read_text(encoding="utf-8") == clauses.page(), "run `make mutations`"


def test_every_rule_of_the_policy_holds_some_clause() -> None:
    """A protection of the door, of sharing, keeping or rights belongs to a promise, or to nothing that is promised."""
    held = {each for clause in clauses.clauses() for each in clause.protections}
    for kind in ("rules: ", "share: ", "kept: ", "rights: ", "acts: "):
        assert any(each.startswith(kind) for each in held), kind
