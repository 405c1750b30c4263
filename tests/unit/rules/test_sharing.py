"""Partners in a policy file: what may be said of them, and who is refused what when something is about to leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from facegate import rules
from facegate.errors import PolicyFileError, SharingError
from facegate.rules.diff import differences
from facegate.rules.leaving import allow
from facegate.rules.lines import lines_of
from facegate.rules.read import parse
from facegate.rules.sharing import Partner
from facegate.rules.table import File, Table

GOOD = """\
[policy]
name = "ours"
version = 1
effective = 2026-12-01
regions = ["DE", "FR"]

[purposes.generation]
says = "Making pictures."
geometry = true
[purposes.safety]
says = "Safety."
geometry = false

[ages]
minimum = 16

[sharing.generation-provider]
says = "It makes the picture that was asked for."
categories = ["upload", "request-data"]
purposes = ["generation"]
regions = ["US", "IE"]
safeguard = "standard contractual clauses"

[sharing.archive]
says = "It keeps evidence."
categories = [
  "upload",
  "output",
]
purposes = ["safety", "generation"]
regions = ["DE-BE"]
bystanders = "kept"
metadata = "kept"
"""


def test_a_file_says_with_whom() -> None:
    found = parse(GOOD.encode(), "x")
    assert found.regions == ("DE", "FR")
    provider, archive = found.sharing["generation-provider"], found.sharing["archive"]
    assert provider == Partner(
        name="generation-provider",
        says="It makes the picture that was asked for.",
        categories=("upload", "request-data"),
        purposes=("generation",),
        regions=("US", "IE"),
        safeguard="standard contractual clauses",
    )
    assert (provider.bystanders, provider.metadata) == ("redacted", "stripped"), "the strict ones where it is silent"
    assert (archive.bystanders, archive.metadata, archive.safeguard) == ("kept", "kept", None), "a part of a home"
    with pytest.raises(TypeError):
        found.sharing["other"] = archive  # type: ignore[index]


@pytest.mark.parametrize("name", rules.SHIPPED)
def test_what_is_shipped_shares_with_nobody(name: str) -> None:
    assert not rules.load(name).sharing


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ('says = "It makes the picture that was asked for."\n', "", 17, "generation-provider.says is missing."),
        ('["upload", "request-data"]', '"upload"', 19, "categories must be a list of texts of one line, at least one."),
        ('["upload", "request-data"]', "[]", 19, "categories must be a list of texts of one line, at least one."),
        ('["upload", "request-data"]', '["upload", 1]', 19, "categories must be a list of texts of one line"),
        ('["upload", "request-data"]', '["upload", "upload"]', 19, "categories has upload twice."),
        ('["upload", "request-data"]', '["geometry"]', 19, "must be a list out of upload, output, request-data."),
        ('categories = ["upload", "request-data"]\n', "", 17, "categories is missing."),
        ('["generation"]', '["generation", "sale"]', 20, "names sale, which is none of the policy's purposes."),
        ('["US", "IE"]', '["US", "Ireland"]', 21, "has Ireland, which is no region: ISO 3166"),
        ('["DE", "FR"]', '["Europe"]', 5, "policy.regions has Europe, which is no region"),
        ('["DE", "FR"]', '"DE"', 5, "policy.regions must be a list of texts"),
        ('regions = ["US", "IE"]\n', "", 17, "regions is missing."),
        ('safeguard = "standard contractual clauses"', 'safeguard = "a\\nb"', 22, "must be a text of one line."),
        (
            'safeguard = "standard contractual clauses"\n',
            "",
            17,
            "must say what protects what crosses a border: US is outside of the policy's own regions.",
        ),
        ('regions = ["DE-BE"]', 'regions = ["DE-BE", "GB"]', 24, "crosses a border: GB is outside"),
        ('regions = ["DE", "FR"]\n', "", 23, "crosses a border: policy.regions names none as home."),
        ('bystanders = "kept"', 'bystanders = "blurred"', 32, "must be one of redacted, kept."),
        ('metadata = "kept"', 'metadata = "some"', 33, "must be one of stripped, kept."),
        ('bystanders = "kept"\n', "", 32, "metadata cannot be kept where bystanders are redacted"),
        ("[sharing.archive]", "[sharing.Archive]", 24, "must be named by small letters, digits and hyphens."),
        ('bystanders = "kept"', 'bystander = "kept"', 32, "is unknown; did you mean bystanders?"),
        ("[sharing.archive]", "[sharing]\narchive = 3\n[sharing.old]", 25, "sharing.archive must be a table."),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(old: str, new: str, line: int, sentence: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(PolicyFileError) as caught:
        parse(GOOD.replace(old, new).encode(), "ours.toml")
    assert caught.value.reason.startswith(f"ours.toml, line {line}: "), caught.value.reason
    assert sentence in caught.value.reason
    assert "\n" not in caught.value.reason


def test_lists_are_read_in_their_order() -> None:
    content = {"some": ["b", "a"], "bad": ["a\u202e"]}
    table = Table(content, (), File("x", lines_of("")))
    assert table.texts("some") == ("b", "a") == table.words("some", ("a", "b", "c"))
    assert table.has("some")
    assert not table.has("none")
    for read in (lambda: table.texts("bad"), lambda: table.texts("none"), lambda: table.words("some", ("a",))):
        with pytest.raises(PolicyFileError):
            read()


def test_the_digest_is_of_what_it_says_of_partners() -> None:
    found = parse(GOOD.encode(), "x")
    same = GOOD.replace('["US", "IE"]', '["IE", "US"]').replace('["DE", "FR"]', '["FR", "DE"]')
    assert parse(same.encode(), "x").digest() == found.digest()
    without = replace(found, sharing={}, regions=())
    assert without.as_dict().keys() == {"policy", "purposes", "consent", "ages"}, "older digests stay what they were"
    other = parse(GOOD.replace('bystanders = "kept"\nmetadata = "kept"\n', "").encode(), "x")
    assert [str(each) for each in differences(found, other)] == [
        'sharing.archive.bystanders: "kept" -> "redacted"',
        'sharing.archive.metadata: "kept" -> "stripped"',
    ]
    assert found.digest() != other.digest()
    assert 'policy.regions: ["DE", "FR"] -> (not there)' in map(str, differences(found, without))


@cache
def partners() -> Mapping[str, Partner]:
    """Not before a test asks: where reading fails, tests are to fail, not their collection."""
    return parse(GOOD.encode(), "x").sharing


ODD = Partner(name="A\n", says="x", categories=("upload",), purposes=("generation",), regions=("DE",))


def asked(**changes: Any) -> Partner:
    said: dict[str, Any] = {
        "sharing": partners(),
        "purpose": "generation",
        "partner": "generation-provider",
        "category": "upload",
        "region": "IE",
        "request_id": "exit",
    }
    return allow(**said | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"region": "US-CA"},
        {"category": "request-data"},
        {"partner": "archive", "category": "output", "region": None},
        {"partner": "archive", "region": "DE-BE", "purpose": "safety"},
    ],
)
def test_what_the_policy_lets_leave(changes: dict[str, Any]) -> None:
    assert asked(**changes) is partners()[changes.get("partner", "generation-provider")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"partner": "ad-network"}, "The policy names no such partner to share with."),
        ({"partner": ["archive"]}, "The policy names no such partner to share with."),
        ({"sharing": {}}, "The policy names no such partner to share with."),
        ({"sharing": {"A\n": ODD}, "partner": "A\n", "region": "DE"}, "The policy names no such partner"),
        ({"category": "output"}, "The policy shares no output with generation-provider."),
        ({"category": "geometry"}, "category must be one of upload, output, request-data."),
        ({"purpose": "safety"}, "The policy shares nothing with generation-provider for this purpose."),
        ({"region": None}, "The policy has generation-provider in several regions: say which."),
        ({"region": "DE"}, "The policy does not have generation-provider in that region."),
        ({"region": "de"}, "region must be an ISO 3166 code, as DE or US-IL."),
        ({"region": 49}, "region must be an ISO 3166 code, as DE or US-IL."),
        ({"partner": "archive", "region": "DE"}, "The policy does not have archive in that region."),
    ],
)
def test_what_the_policy_does_not_let_leave(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SharingError) as caught:
        asked(**changes)
    assert caught.value.reason.startswith(sentence)
    assert caught.value.request_id == "exit"
    assert "ad-network" not in str(caught.value), "no word that is not the policy's"
