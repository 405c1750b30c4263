"""Verdicts: what fails, what is not verified, and that no channel is without a promise."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from facegate.audit.channels import Channel, table
from facegate.audit.evidence import Evidence, together
from facegate.audit.promises import PROMISES, Judged, Promise, promise_of


def evidence(holds: bool | None, control: bool) -> Evidence:
    return Evidence("A thing was looked at.", holds, "a figure", "an act", control)


@pytest.mark.parametrize(
    ("holds", "control", "verdict"),
    [
        (True, True, "verified"),
        (True, False, "not verified"),  # nothing seen by what sees nothing
        (None, True, "not verified"),
        (None, False, "not verified"),
        (False, True, "failed"),
        (False, False, "failed"),  # what was seen was seen
    ],
)
def test_a_verdict_needs_what_was_seen_and_a_control(holds: bool | None, control: bool, verdict: str) -> None:
    assert evidence(holds, control).verdict == verdict
    assert evidence(holds, control).as_dict()["verdict"] == verdict


def test_the_worst_evidence_decides_and_none_verifies_nothing() -> None:
    good, open_, bad = evidence(True, True), evidence(None, True), evidence(False, True)
    assert together(()) == "not verified"
    assert together((good, good)) == "verified"
    assert together((good, open_)) == "not verified"
    assert together((good, open_, bad)) == "failed"


def test_every_channel_belongs_to_a_promise_and_every_beginning_to_a_channel() -> None:
    names = [each.name for each in table()]
    for name in names:
        promise_of(name)
    for promise in PROMISES:
        for beginning in promise.channels:
            assert any(name.startswith(beginning) for name in names), beginning
    with pytest.raises(KeyError):
        promise_of("carrier pigeons")


def of_channels(*channels: Channel) -> tuple[Evidence, ...]:
    from facegate.audit.promises import of_channels

    promise = promise_of("log records")
    return tuple(of_channels(promise, channels))


def test_channels_count_for_their_promise_only() -> None:
    clean = Channel("log records", "a watcher", "clean", control_fired=True)
    assert [each.verdict for each in of_channels(clean)] == ["verified"]
    elsewhere = Channel("files written", "a watcher", "found", control_fired=True)
    assert [each.verdict for each in of_channels(clean, elsewhere)] == ["verified"]
    assert of_channels(elsewhere) == ()


def test_a_channel_with_something_in_it_a_silent_one_and_an_absent_one() -> None:
    clean = Channel("log records", "a watcher", "clean", control_fired=True)
    (found,) = of_channels(clean, Channel("warnings", "a watcher", "found", control_fired=True))
    assert found.verdict == "failed"
    assert "warnings" in found.seen
    (silent,) = of_channels(clean, Channel("warnings", "a watcher", "not verified", control_fired=False))
    assert silent.verdict == "not verified"
    assert "warnings" in silent.seen
    absent = Channel("journal", "a watcher", "not verified", control_fired=False, absent=True)
    (one,) = of_channels(clean, absent)
    assert one.verdict == "verified"
    assert "1 not on this host" in one.seen
    assert [each.verdict for each in of_channels(absent)] == ["not verified"]


def test_a_promise_says_what_it_rests_on() -> None:
    promise = Promise("a-slug", "A sentence.", lambda _: (evidence(True, True),))
    judged = Judged(promise, tuple(promise.rests_on(SimpleNamespace())))  # type: ignore[arg-type]
    assert judged.as_dict()["verdict"] == "verified"
    assert judged.as_dict()["name"] == "a-slug"
