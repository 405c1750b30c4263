"""What a policy may name to analyze with, and what is refused before a zygote is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import facegate
from facegate.cli import main
from facegate.engine import Engine
from facegate.errors import AnalysisError, PolicyError
from facegate.policy import Policy
from facegate.sandbox.budget import Budget
from facegate.vision.models import table
from fixtures.bundles import trap_bundle


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"engine": "dlib"}, "Policy.engine must be one of facegate, mediapipe."),
        ({"landmarker": "face_landmarker.task"}, "Policy.landmarker is for the engine mediapipe."),
        ({"engine": "mediapipe", "detector": "mine"}, "goes with the engine facegate."),
        ({"detector": ""}, "must be the name of an entry point"),
        ({"detector": "two\nlines"}, "must be the name of an entry point"),
        ({"engine": "mediapipe", "ceiling": "inline", "level": "inline"}, "not at 'inline'"),
    ],
)
def test_what_no_policy_may_say(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyError, match=sentence):
        Policy(**wrong)


def test_a_bundle_is_named_by_a_path_that_holds_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The zygote runs in another folder."""
    monkeypatch.chdir(tmp_path)
    for given in ("b.task", Path("b.task"), b"b.task"):
        assert Policy(engine="mediapipe", landmarker=given).landmarker == str(tmp_path / "b.task")  # type: ignore[arg-type]


def test_what_analyzes_is_part_of_the_policys_digest() -> None:
    digests = [Policy(), Policy(engine="mediapipe"), Policy(detector="mine")]
    digests.append(Policy(engine="mediapipe", landmarker="/b.task"))
    assert len({each.digest() for each in digests}) == 4


@pytest.mark.parametrize(
    ("policy", "engine"),
    [
        (Policy(), Engine()),
        (Policy(engine="mediapipe", landmarker="/b c.task"), Engine("mediapipe", "/b c.task")),
        (Policy(detector="mine"), Engine(detector="mine")),
    ],
)
def test_the_zygote_gets_what_the_policy_names(policy: Policy, engine: Engine) -> None:
    """As JSON; nothing, for the engine that facegate ships."""
    wanted = json.loads(json.dumps(policy.wanted()))
    assert Engine.of(wanted) == engine
    assert ("engine" in wanted) is not engine.shipped


def test_nothing_is_declined_but_to_mediapipe() -> None:
    """A detector of whoever's gets no such favour: a forbidden call of it ends the child."""
    assert Engine().declines == Engine(detector="mine").declines == {}
    assert {"socket", "pipe", "pipe2"} < Engine("mediapipe").declines.keys()


def test_another_engine_gets_more_memory() -> None:
    assert Budget.of(Policy(engine="mediapipe")).memory > Budget.of(Policy()).memory


def test_a_detector_that_nobody_offers_opens_no_gate() -> None:
    with pytest.raises(PolicyError, match="The detector 'mine' is offered by no installed package"):
        facegate.Gate(Policy(detector="mine", spares=0))


def test_without_the_engine_blendshapes_are_refused_in_one_sentence(
    gate: facegate.Gate, astronaut: bytes, new_id: Any
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        face = request.analyze(request.admit(astronaut)).subject
        assert face is not None
        with pytest.raises(AnalysisError, match="made by the engine mediapipe alone"), face.expose("blendshapes"):
            pass


def test_the_doctor_says_what_analyzes_and_which_bundle_is_refused(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["doctor", "--json"])
    models = json.loads(shown.output)["models"]
    assert models["face_landmark"] == table()["face_landmark"].sha256
    trap = tmp_path / "trap.task"
    trap.write_bytes(trap_bundle())
    shown = CliRunner().invoke(main, ["doctor", "--landmarker", str(trap)])
    assert shown.exit_code == 1
    assert "first output is 468 x 3 and not the 478 x 3" in shown.output
