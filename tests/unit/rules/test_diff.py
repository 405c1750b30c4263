"""What changes from one policy to another."""

from __future__ import annotations

from dataclasses import replace

from facegate import rules
from facegate.rules.diff import differences

OLD = rules.shipped()


def test_the_same_does_not_differ() -> None:
    assert differences(OLD, OLD) == []


def test_each_change_is_one_line() -> None:
    safety = replace(OLD.purposes["safety"], geometry=False)
    new = replace(
        OLD,
        version=2,
        purposes={"safety": safety, **{n: p for n, p in OLD.purposes.items() if n not in {"safety", "terms"}}},
        ages=replace(OLD.ages, regions={"KR": 14}, guardian_below=None),
    )
    assert [str(each) for each in differences(OLD, new)] == [
        "ages.regions.KR: (not there) -> 14",
        "policy.version: 1 -> 2",
        "purposes.safety.geometry: true -> false",
        'purposes.terms.consent: "implied" -> (not there)',
        "purposes.terms.geometry: true -> (not there)",
        'purposes.terms.says: "Enforcing the terms of the service." -> (not there)',
    ]


def test_differences_mean_different_digests_and_the_other_way_round() -> None:
    for name in rules.SHIPPED:
        other = rules.load(name)
        assert bool(differences(OLD, other)) == (OLD.digest() != other.digest())
