"""The workbench with the engine that the policy names. Child side only; loads what that engine needs, nothing else."""

from __future__ import annotations

from facegate.engine import Engine
from facegate.vision.workbench import Workbench


def workbench(engine: Engine) -> Workbench:
    """Load it.

    Raises:
        PolicyError: the engine, its bundle or the detector cannot be loaded, or is not what it must be.
    """
    # Imported when chosen: whoever has the default engine never loads code that is not facegate's.
    if engine.name == "mediapipe":
        from facegate.vision.engines.mediapipe_bench import mediapipe_workbench  # noqa: PLC0415

        return mediapipe_workbench(engine.landmarker)
    if engine.detector is not None:
        from facegate.vision.engines.hosted import hosted_workbench  # noqa: PLC0415

        return hosted_workbench(engine.detector)
    return Workbench()
