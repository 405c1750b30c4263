"""What a policy says of keeping: classes, durations, who decides."""

from __future__ import annotations

from datetime import timedelta

import pytest

from facegate import rules
from facegate.errors import PolicyFileError
from facegate.rules import duration
from facegate.rules.read import parse
from tests.unit.rules.test_read import GOOD

KEPT = (
    GOOD
    + """
[retention.history]
says = "The person's own."
for = "30 days"
kinds = ["upload", "output"]
purposes = ["generation"]
[retention.safety]
says = "Abuse."
for = "12 hours"
kinds = ["log"]
purposes = ["safety", "generation"]
person-decides = false
[rights]
answer-within = "3 weeks"
"""
)
FIRST = GOOD.count("\n") + 2


def test_a_file_says_what_is_kept() -> None:
    found = parse(KEPT.encode(), "x")
    history, safety = found.retention["history"], found.retention["safety"]
    assert (history.duration, history.kinds, history.purposes) == (timedelta(30), ("upload", "output"), ("generation",))
    assert (history.person_decides, safety.person_decides) == (True, False)
    assert (safety.duration, found.answer_within) == (timedelta(hours=12), timedelta(21))
    with pytest.raises(TypeError):
        found.retention["other"] = history  # type: ignore[index]
    assert parse(KEPT.replace("30 days", "31 days").encode(), "x").digest() != found.digest()
    # The same in another unit is the same.
    assert parse(KEPT.replace("3 weeks", "21 days").encode(), "x").digest() == found.digest()
    assert parse(GOOD.encode(), "x").retention == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("[retention.history]", "[retention.History]", 0, "retention.History must be named by small letters"),
        ('for = "30 days"', 'for = "30"', 2, "retention.history.for must be as '30 days' or '12 hours'"),
        ('for = "30 days"', 'for = "1 month"', 2, "must be as '30 days'"),
        ('for = "30 days"', 'for = "0 days"', 2, "must be as '30 days'"),
        ('for = "30 days"', 'for = "36501 days"', 2, "36500 days at most"),
        ('for = "30 days"', 'for = "999999999 weeks"', 2, "36500 days at most"),
        ('for = "30 days"', "for = 30", 2, "must be as '30 days'"),
        ('for = "30 days"\n', "", 0, "retention.history.for is missing."),
        ('kinds = ["upload", "output"]', "kinds = []", 3, "must be a list of texts of one line, at least one."),
        (
            'kinds = ["upload", "output"]',
            'kinds = ["face"]',
            3,
            "must be a list out of upload, output, log.",
        ),
        ('kinds = ["upload", "output"]', 'kinds = "upload"', 3, "must be a list of texts"),
        ('kinds = ["upload", "output"]', 'kinds = ["upload", "upload"]', 3, "has upload twice."),
        ('purposes = ["generation"]', 'purposes = ["selling"]', 4, "must be a list out of generation, safety."),
        ("person-decides = false", 'person-decides = "no"', 10, "person-decides must be true or false."),
        ("person-decides = false", "person-decide = false", 10, "did you mean person-decides?"),
        ('answer-within = "3 weeks"', 'answer-within = "100 days"', 12, "must be 92 days or less."),
        ('answer-within = "3 weeks"', 'answer = "3 weeks"', 12, "rights.answer is unknown"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(old: str, new: str, line: int, sentence: str) -> None:
    assert KEPT.count(old) >= 1
    with pytest.raises(PolicyFileError) as caught:
        parse(KEPT.replace(old, new, 1).encode(), "ours.toml")
    assert caught.value.reason.startswith(f"ours.toml, line {FIRST + line}: "), caught.value.reason
    assert sentence in caught.value.reason


@pytest.mark.parametrize("text", ["1 day", "2 days", "36 hours", "90 minutes", "36500 days"])
def test_durations_are_shown_as_they_are_read(text: str) -> None:
    found = duration.parse(text)
    assert found is not None
    assert duration.show(found) == text


def test_the_shipped_policies_keep_for_named_reasons_and_an_end() -> None:
    for name in rules.SHIPPED:
        found = rules.shipped(name)
        assert found.retention, name
        assert all(each.duration <= timedelta(days=365) for each in found.retention.values())
        assert found.answer_within <= timedelta(days=30)
        # Nothing that the person cannot delete is for making pictures, or for making the service better.
        for each in found.retention.values():
            assert each.person_decides or not {"generation", "improvement"} & set(each.purposes), each.name
