"""Which line of the user's code did it."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import Final

_AUDIT: Final = str(Path(__file__).parents[1])
_STANDARD: Final = tuple({sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["platstdlib"]})
_INSTALLED: Final = tuple({sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]})


def callsite() -> str:
    """File and line of the innermost frame that is not of Python, of what is installed or of the watchers.

    Where there is none, the innermost frame that is not the watchers' own.
    """
    frame: FrameType | None = sys._getframe(1)
    fallback = ""
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_AUDIT) and not name.startswith("<frozen"):
            here = f"{name}:{frame.f_lineno}"
            fallback = fallback or here
            # site-packages lies in the folder of the standard library, and a venv may lie in a project.
            if not name.startswith((*_STANDARD, *_INSTALLED)):
                return here
        frame = frame.f_back
    return fallback
