"""The process that is killed: it opens a prepared store, does one act, and acknowledges it once that has returned."""

from __future__ import annotations

import json
import os
import traceback
from dataclasses import asdict
from typing import Any

from facegate.retention import blobs, deleting, rotating
from tests.fault.retention import many
from tests.fault.retention.breaks import BREAKS
from tests.fault.retention.place import Opened, Place
from tests.fault.retention.plan import Plan
from tests.fault.retention.scenes import SCENES, T0
from tests.fault.retention.steps import Steps, wrap_everything

# `os.write` itself becomes a step.
_write = os.write


def prepare(place: Place, scene: str, tell: int) -> None:
    """Make the state before a scene; what it was told are the facts."""
    place.furnish()
    with Opened(place, T0, hasty=True) as store:
        facts = SCENES[scene].prepare(store)
    (place.path / "facts.json").write_text(json.dumps(facts))
    _say(tell, {"facts": facts})


def act(place: Place, scene: str, tell: int, die_at: int | None, broken: str | None) -> None:
    """Do the scene's act, and die at a step of it.

    Args:
        place: prepared.
        scene: name of it.
        tell: descriptor to say on, in lines of JSON, that the act has returned and what, and then its steps.
        die_at: number of the step; None for none.
        broken: how the product is broken on purpose; None for not at all.
    """
    small_batches(place)
    facts = json.loads((place.path / "facts.json").read_text())
    chosen = SCENES[scene]
    if broken is not None:
        BREAKS[broken]()
    steps = Steps(die_at)
    wrap_everything(steps)
    with Opened(place, chosen.at, chosen.keys) as store:
        steps.arm()
        answer = chosen.act(store, facts)
        _say(tell, {"acknowledged": answer})
        steps("acknowledged")
    steps.disarm()
    _say(tell, {"steps": steps.names})


def small_batches(place: Place) -> None:
    """As much of the code as there is for many assets runs with few."""
    for function in (deleting.claim, deleting.resume):
        assert function.__kwdefaults__ is not None
        function.__kwdefaults__["most"] = 2
    rotating._BATCH = 2
    if place.bucket is None:
        blobs.PART_BYTES = 1 << 20  # S3 takes no smaller ones than 5 MiB


def _say(tell: int, what: dict[str, Any]) -> None:
    _write(tell, json.dumps(what).encode() + b"\n")


def run(order: dict[str, Any], tell: int) -> None:
    """Do what was ordered; an exception is told."""
    place = Place(**order["place"])
    try:
        match order["do"]:
            case "prepare":
                prepare(place, order["scene"], tell)
            case "act":
                act(place, order["scene"], tell, order["die_at"], order["broken"])
            case "many":
                place.furnish()
                _say(tell, {"did": [asdict(each) for each in many.run(place, Plan(**order["plan"]))]})
    except BaseException:
        _say(tell, {"error": traceback.format_exc()})
