"""A child around the parts of the engine mediapipe; see ``engine_parts.py``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facegate.engine import Engine
from facegate.incoming import stage
from facegate.sandbox.budget import MIB, Budget
from facegate.sandbox.child import Child
from facegate.sandbox.host import Zygote
from fixtures.environments import MEDIAPIPE

_PROGRAM = Path(__file__).parent / "engine_parts.py"


@contextmanager
def parts_of(bundle: Path) -> Iterator[Child]:
    """The child, ended behind the block."""

    class PartsZygote(Zygote):
        program: ClassVar[tuple[str, ...]] = (str(_PROGRAM), str(MEDIAPIPE), str(bundle))
        declines = Engine("mediapipe").declines

    zygote = PartsZygote(Budget(memory=1536 * MIB, cpu=120))
    try:
        child = zygote.fork(warm=False)
        try:
            yield child
        finally:
            child.close()
            child.arena.close()
    finally:
        zygote.close()


def ask(child: Child, rgb: np.ndarray, **command: Any) -> dict[str, Any]:
    """One command about a picture."""
    region, _ = stage(rgb.tobytes(), rgb.nbytes, "parts", lambda: None, lambda each, _: each.close())
    try:
        return child.call({"shape": rgb.shape[:2], **command}, [region], timeout=30, request_id="parts")
    finally:
        region.wipe()
        region.close()
