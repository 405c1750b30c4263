"""Which lines, and in which order, an input took through some files: what tells an input that does something new.

With `sys.settrace`, because that is what Python 3.11 has; only frames of the files asked for are followed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

Edge = tuple[str, int, int]


class Coverage:
    """Edges seen so far.

    Args:
        folder: part of a path; code objects of files with it are followed.
    """

    def __init__(self, folder: str) -> None:
        self.seen: set[Edge] = set()
        self._folder = folder

    def run(self, action: Callable[[], Any]) -> tuple[Any, bool]:
        """Call `action`; its result, and whether it took an edge that none before it took."""
        now: set[Edge] = set()

        def follow(frame: FrameType, event: str, _: object) -> Any:
            if event != "call" or self._folder not in frame.f_code.co_filename:
                return None
            name, last = f"{frame.f_code.co_filename}:{frame.f_code.co_name}", 0

            def step(frame: FrameType, event: str, _: object) -> Any:
                nonlocal last
                if event == "line":
                    now.add((name, last, frame.f_lineno))
                    last = frame.f_lineno
                return step

            return step

        sys.settrace(follow)
        try:
            result = action()
        finally:
            sys.settrace(None)
            new = not now <= self.seen
            self.seen |= now
        return result, new
