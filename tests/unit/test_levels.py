"""A level is what the kernel gave, never what was asked for; what is missing is refused or waived by name."""

from __future__ import annotations

import pytest

from facegate.errors import PolicyError, ProtectionError
from facegate.levels import hold_against, level_of, needed
from facegate.policy import Policy
from facegate.protections import LEVELS, TABLE, Protection


def found(*missing: str) -> list[Protection]:
    """A host that has all but `missing`."""
    return [
        Protection(
            name, "unavailable" if name in missing else "achieved", "no such kernel" if name in missing else "ok"
        )
        for name in TABLE
    ]


def test_a_host_with_everything_is_sealed() -> None:
    assert level_of(found()) == "sealed"


@pytest.mark.parametrize("name", sorted(TABLE))
def test_each_protection_counts_towards_its_level_and_none_above(name: str) -> None:
    least = TABLE[name].needed_for
    below = {"process": "inline", "sealed": "process", None: "sealed"}[least]
    assert level_of(found(name)) == below
    assert level_of([each for each in found() if each.name != name]) == below, "what nobody reports is missing"


@pytest.mark.parametrize("name", sorted(needed("sealed")))
def test_what_the_policys_level_needs_is_refused_by_name(name: str) -> None:
    with pytest.raises(ProtectionError, match=rf"{name} \(no such kernel\)"):
        hold_against(Policy(level="sealed"), found(name))


@pytest.mark.parametrize("name", sorted(needed("process")))
def test_the_default_insists_on_process(name: str) -> None:
    with pytest.raises(ProtectionError, match=r"'process'.*'inline'"):
        hold_against(Policy(), found(name))


def test_the_default_takes_less_than_sealed_and_says_so() -> None:
    entries = hold_against(Policy(), found("secret_memory"))
    assert level_of(entries) == "process"
    assert [each.name for each in entries if each.state != "achieved"] == ["secret_memory"]


def test_a_waiver_lets_the_gate_open_and_never_raises_the_level() -> None:
    policy = Policy(level="sealed", waivers={"secret_memory": "ops: kernel 5.10 until May"})
    entries = hold_against(policy, found("secret_memory"))
    (entry,) = [each for each in entries if each.name == "secret_memory"]
    assert (entry.state, level_of(entries)) == ("waived", "process")
    assert "ops: kernel 5.10 until May" in entry.detail
    assert "no such kernel" in entry.detail
    with pytest.raises(ProtectionError, match="cpu_limit"):
        hold_against(policy, found("secret_memory", "cpu_limit"))


def test_a_waiver_of_what_the_host_has_changes_nothing() -> None:
    assert hold_against(Policy(waivers={"seccomp": "nobody"}), found()) == found()


def test_entries_are_the_whole_table_in_its_order() -> None:
    assert [each.name for each in hold_against(Policy(level="inline"), [])] == list(TABLE)


def test_what_a_ceiling_leaves_out_is_waived_by_the_policy() -> None:
    entries = {each.name: each for each in hold_against(Policy(ceiling="process"), found("secret_memory"))}
    assert entries["secret_memory"].state == "waived"
    assert "ceiling" in entries["secret_memory"].detail
    below = {each.name: each for each in hold_against(Policy(level="inline", ceiling="inline"), [])}
    assert {below[name].state for name in needed("sealed")} == {"waived"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"level": "strict"}, "level must be one of inline, process, sealed"),
        ({"ceiling": 3}, "ceiling must be one of"),
        ({"level": "sealed", "ceiling": "process"}, "asks for more"),
        ({"waivers": {"seccom": "me"}}, "no protection"),
        ({"waivers": {"seccomp": " "}}, "who waived seccomp"),
        ({"waivers": {"seccomp": None}}, "who waived seccomp"),
        ({"waivers": {"seccomp": "two\nlines"}}, "one line"),
        ({"on_residual": "ignore"}, "on_residual"),
    ],
)
def test_wrong_policies_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(PolicyError, match=sentence):
        Policy(**wrong)


def test_each_field_is_in_the_digest() -> None:
    variants = [
        Policy(),
        Policy(level="inline"),
        Policy(ceiling="process"),
        Policy(waivers={"seccomp": "a"}),
        Policy(waivers={"seccomp": "b"}),
        Policy(on_residual="record"),
        Policy(ttl=1),
    ]
    assert len({each.digest() for each in variants}) == len(variants)
    assert len(LEVELS) == 3


def test_a_policy_cannot_be_changed_through_the_mapping_that_made_it() -> None:
    waivers = {"seccomp": "a"}
    policy = Policy(waivers=waivers)
    waivers["landlock_files"] = "b"
    assert dict(policy.waivers) == {"seccomp": "a"}
    with pytest.raises(TypeError):
        policy.waivers["landlock_files"] = "b"  # type: ignore[index]
    assert hash(policy) == hash(Policy(waivers={"seccomp": "a"}))
