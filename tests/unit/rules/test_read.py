"""Files of rules: what they may say, and one sentence with the line for what they may not."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from facegate import Policy, rules
from facegate.errors import PolicyError, PolicyFileError
from facegate.rules.read import parse

GOOD = """\
[policy]
name = "ours"
version = 3
effective = 2026-12-01

[purposes.generation]
says = "Making pictures."
geometry = true

[purposes.safety]
says = "Safety."
geometry = false
consent = "explicit"

[consent]
biometric = "explicit"

[ages]
minimum = 16
unknown = "refuse"
guardian-below = 18
[ages.regions]
KR = 14
US-IL = 17
"""


def test_a_file_says_what_it_says() -> None:
    found = parse(GOOD.encode(), "ours.toml")
    assert (found.name, found.version, found.effective) == ("ours", 3, date(2026, 12, 1))
    assert found.purposes["generation"].geometry
    assert not found.purposes["safety"].geometry
    assert (found.purposes["generation"].consent, found.purposes["safety"].consent) == ("implied", "explicit")
    assert found.biometric == "explicit"
    assert (found.ages.minimum, found.ages.unknown, found.ages.guardian_below) == (16, "refuse", 18)
    assert {code: found.ages.least(code) for code in ("KR", "KR-11", "US-IL", "US", "DE")} == {
        "KR": 14,
        "KR-11": 14,
        "US-IL": 17,
        "US": 16,
        "DE": 16,
    }
    assert found.ages.least(None) == 16


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ('name = "ours"', 'name = "o\\u202eurs"', 2, "policy.name must be a text of one line."),
        ('name = "ours"', "name = 7", 2, "policy.name must be a text of one line."),
        ('name = "ours"\n', "", 1, "policy.name is missing."),
        ("version = 3", "version = 0", 3, "policy.version must be a whole number from 1 to"),
        ("version = 3", "version = true", 3, "policy.version must be a whole number"),
        ("version = 3", "version = 3.0", 3, "policy.version must be a whole number"),
        ("effective = 2026-12-01", 'effective = "2026-12-01"', 4, "policy.effective must be a date"),
        ("effective = 2026-12-01", "effective = 2026-12-01T00:00:00", 4, "policy.effective must be a date"),
        ("effective", "efective", 1, "policy.effective is missing."),
        ("[policy]", "[policy]\nnotes = 1", 2, "policy.notes is unknown; known are effective, name, regions, version."),
        ("geometry = true", 'geometry = "yes"', 8, "purposes.generation.geometry must be true or false."),
        ("geometry = true\n", "", 6, "purposes.generation.geometry is missing."),
        ("geometry = true", "geometry = true\ngeometri = 1", 9, "geometri is unknown; did you mean geometry?"),
        ('consent = "explicit"', 'consent = "written"', 13, "must be one of implied, explicit."),
        ("[purposes.safety]", "[purposes.Safety]", 10, "must be named by small letters"),
        ("[purposes.safety]", "[purposes.biometric]", 10, "and not 'biometric'."),
        ('biometric = "explicit"', "biometric = 1", 16, "consent.biometric must be one of implied, explicit."),
        ('biometric = "explicit"', "biometrics = 1", 16, "consent.biometrics is unknown; did you mean biometric?"),
        ("geometry = true", "geometry = false", 16, "asks for consent to facial geometry, which no purpose allows."),
        ("minimum = 16", "minimum = -1", 19, "ages.minimum must be a whole number from 0 to 130."),
        ("minimum = 16\n", "", 18, "ages.minimum is missing."),
        ('unknown = "refuse"', 'unknown = "ask"', 20, "ages.unknown must be one of accept, refuse."),
        ('unknown = "refuse"', 'unknown = "accept"', 21, "asks a guardian by age, so ages must be known"),
        ("guardian-below = 18", "guardian-below = 14", 21, "asks a guardian for ages that are refused everywhere."),
        ("KR = 14", "kr = 14", 23, "ages.regions.kr is no region"),
        ("KR = 14", 'KR = "14"', 23, "ages.regions.KR must be a whole number from 0 to 130."),
        ("[ages.regions]", "[ages.places]", 22, "ages.places is unknown"),
        ("[ages]", "[age]", 18, "age is unknown; did you mean ages?"),
        ("[consent]", "[[consent]]", 15, "consent must be a table."),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(old: str, new: str, line: int, sentence: str) -> None:
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    if new == "[age]":  # the first thing that is missed is not the header
        text = text.replace("[ages.regions]", "[ages]\nminimum = 16\n[ages.regions]")
    with pytest.raises(PolicyFileError) as caught:
        parse(text.encode(), "ours.toml")
    assert caught.value.reason.startswith(f"ours.toml, line {line}: "), caught.value.reason
    assert sentence in caught.value.reason
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"[policy\n", r"ours\.toml is no TOML: .*line 1"),
        (b"\xff\xfe", "is no TOML: it is not UTF-8"),
        (b"", r"^ours\.toml: purposes must name at least one purpose"),
        (b"purposes = 3\n", "line 1: purposes must be a table"),
        (b"[purposes]\nx = 3\n", "line 2: purposes.x must be a table"),
    ],
)
def test_what_is_no_policy_at_all(data: bytes, sentence: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        parse(data, "ours.toml")
    assert re.search(sentence, caught.value.reason), caught.value.reason


def test_lines_are_found_past_texts_of_several_lines() -> None:
    text = GOOD.replace('says = "Making pictures."', 'says = """Making\ngeometry = 1\npictures."""')
    with pytest.raises(PolicyFileError, match=r"line 7: purposes\.generation\.says must be a text of one line"):
        parse(text.encode(), "ours.toml")
    dotted = 'consent.biometric = "no"\n' + GOOD.replace('[consent]\nbiometric = "explicit"\n', "", 1)
    with pytest.raises(PolicyFileError, match=r"line 1: consent\.biometric must be one of implied, explicit\."):
        parse(dotted.encode(), "ours.toml")


def test_a_file_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert rules.load(path).digest() == parse(GOOD.encode(), "x").digest()
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(PolicyFileError, match="larger than"):
        rules.load(path)
    with pytest.raises(FileNotFoundError):
        rules.load(tmp_path / "nothing.toml")


def test_the_digest_is_of_what_it_says() -> None:
    found = parse(GOOD.encode(), "x").digest()
    assert (
        parse(("# a comment\n" + GOOD.replace("KR = 14\nUS-IL = 17", "US-IL = 17\nKR = 14")).encode(), "x").digest()
        == found
    )
    for old, new in (("version = 3", "version = 4"), ("KR = 14", "KR = 15"), ("geometry = false", "geometry = true")):
        assert parse(GOOD.replace(old, new).encode(), "x").digest() != found
    assert Policy(rules=parse(GOOD.encode(), "x")).digest() != Policy().digest()


@pytest.mark.parametrize("name", rules.SHIPPED)
def test_what_is_shipped(name: str) -> None:
    found = rules.load(name)
    assert found.name == name
    assert found.ages.minimum == 16
    source = Path(rules.__file__).parent / "shipped" / f"{name}.toml"
    assert "no legal advice" in source.read_text(encoding="utf-8")


def test_the_default_is_the_promises() -> None:
    found = rules.shipped()
    assert set(found.purposes) == {"generation", "safety", "terms", "improvement"} == Policy().purposes
    assert [each.name for each in found.purposes.values() if not each.geometry] == ["improvement"]
    assert Policy().rules is found


def test_rules_are_immutable_and_no_other_thing() -> None:
    found = rules.shipped()
    with pytest.raises(TypeError):
        found.purposes["advertising"] = found.purposes["safety"]  # type: ignore[index]
    with pytest.raises(PolicyError, match=r"facegate\.rules\.load"):
        Policy(rules="media.toml")  # type: ignore[arg-type]
