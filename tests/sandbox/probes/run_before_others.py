"""Change how it is scheduled. SVT-AV1 asks for real time; no is a good answer."""

import os
from pathlib import Path
from typing import Any

REFUSED = "EPERM"


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
