"""Channels of objects that are turned into bytes: pickle and multiprocessing."""

from __future__ import annotations

import gc
import io
import multiprocessing.reduction
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from facegate.audit.watchers.base import Observation, Watcher
from facegate.audit.watchers.callsite import callsite
from facegate.audit.watchers.scene import Scene


class Pickling:
    """Stands before every door of pickle, also where a module took ``from pickle import dumps``.

    Attributes:
        seen: what was pickled, by channel: "pickle" or "multiprocessing".
    """

    def __init__(self, scene: Scene) -> None:
        self.seen: dict[str, list[Observation]] = {"pickle": [], "multiprocessing": []}
        self._restore: list[Callable[[], None]] = []
        self._scene = scene
        for name in ("dump", "dumps"):
            original = getattr(pickle, name)
            self._replace(original, self._telling(original))
        pickler = pickle.Pickler
        self._replace(pickler, type("Pickler", (pickler,), {"dump": self._telling_method(pickler.dump, "pickle")}))
        forking = multiprocessing.reduction.ForkingPickler
        setattr(forking, "dump", self._telling_method(forking.dump, "multiprocessing"))
        self._restore.append(lambda: delattr(forking, "dump"))

    def _note(self, kind: str, value: object) -> None:
        where = callsite()
        self.seen[kind].append(Observation(f"a {type(value).__name__} pickled", where, self._scene.actor, value))

    def _telling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def tell(value: object, *arguments: Any, **options: Any) -> Any:
            self._note("pickle", value)
            return original(value, *arguments, **options)

        return tell

    def _telling_method(self, original: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def dump(pickler: Any, value: object) -> Any:
            self._note(kind, value)
            return original(pickler, value)

        return dump

    def _replace(self, original: object, replacement: object) -> None:
        """In every module that has it under some name."""
        for module in tuple(sys.modules.values()):
            # _pickle's own are what ours call; this module's are in use here.
            if module is None or getattr(module, "__name__", "") in {"_pickle", __name__}:
                continue
            names = vars(module) if hasattr(module, "__dict__") else {}
            for name in [key for key, value in tuple(names.items()) if value is original]:
                setattr(module, name, replacement)
                self._restore.append(lambda module=module, name=name: setattr(module, name, original))  # type: ignore[misc]

    def settle(self) -> None:
        """Seen when it happens."""

    def close(self) -> None:
        """Put everything back."""
        while self._restore:
            self._restore.pop()()
        gc.collect()  # what was seen is held by closures no longer


@dataclass(frozen=True)
class Pickled(Watcher):
    """Objects pickled.

    Attributes:
        kind: "pickle" or "multiprocessing".
        do: pickles something.
    """

    kind: str
    do: Callable[[], object]

    def arm(self, scene: Scene) -> None:
        scene.instrument(Pickling)

    def act(self, scene: Scene, phase: str) -> None:
        self.do()

    def look(self, scene: Scene) -> Iterator[Observation]:
        yield from list(scene.instrument(Pickling).seen[self.kind])


def table() -> tuple[Watcher, ...]:
    """Channels of pickled objects."""
    forking = multiprocessing.reduction.ForkingPickler
    return (
        Pickled(
            "pickles",
            "pickle's functions, wrapped in every module",
            "a number is pickled",
            "pickle",
            lambda: pickle.dumps(0),
        ),
        Pickled(
            "pickling to a file object",
            "pickle.Pickler, wrapped in every module",
            "a number is pickled",
            "pickle",
            lambda: pickle.Pickler(io.BytesIO()).dump(0),
        ),
        Pickled(
            "multiprocessing",
            "the pickler of its queues and pipes",
            "a number is pickled",
            "multiprocessing",
            lambda: forking.dumps(0),
        ),
    )
