"""Channels of what the worker's own objects keep: arrays, buffers, lists of numbers, exceptions with their frames.

numpy arrays are not among the collector's objects, so they are found as what those refer to.
"""

from __future__ import annotations

import array
import gc
import itertools
import mmap
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from facegate.audit.watchers.base import BEFORE, Observation, Watcher
from facegate.audit.watchers.scene import Scene

# A list of fewer numbers holds no landmarks; two boxes have eight.
_FEWEST_NUMBERS: Final = 10
_FEWEST_BYTES: Final = 1024
# How far from an object its holder is looked for, and among how many others at each step.
_DEEP: Final = 12
_WIDE: Final = 256
# What a module keeps for itself, not for the worker: code, its constants, its documentation.
_OF_CODE: Final = (types.CodeType, types.FunctionType, types.FrameType, types.ModuleType)


def _is_array(kind: type) -> bool:
    """Numpy arrays and what offers the same: tensors, pictures."""
    package = str(kind.__module__).partition(".")[0]
    return issubclass(kind, np.ndarray) or (package, kind.__name__) in {("torch", "Tensor"), ("PIL", "Image")}


def _is_buffer(kind: type) -> bool:
    return kind is bytes or issubclass(kind, (bytearray, memoryview, array.array, mmap.mmap))


def _is_sequence(kind: type) -> bool:
    return kind in {list, tuple}


def _is_exception(kind: type) -> bool:
    return issubclass(kind, BaseException)


# What is looked for, by type; then what an object of the type must be like, given who refers to it.
_KINDS: Final[dict[str, Callable[[type], bool]]] = {
    "arrays": _is_array,
    "buffers": _is_buffer,
    "numbers": _is_sequence,
    "exceptions": _is_exception,
}


def _counts(name: str, found: Any, referrer: object) -> bool:
    if name == "buffers":
        return type(found) is not bytes or (len(found) >= _FEWEST_BYTES and not issubclass(type(referrer), _OF_CODE))
    if name == "exceptions":
        return found.__traceback__ is not None
    if name == "numbers":
        first = found[0] if len(found) >= _FEWEST_NUMBERS else None
        if type(first) in {list, tuple} and first:
            first = first[0]
        return issubclass(type(first), (float, np.floating))
    return True


def reachable(referrers: dict[int, list[object]] | None = None) -> dict[str, dict[int, object]]:
    """All objects of each kind that some object of the collector refers to, by identity.

    Args:
        referrers: takes who refers to those objects, and to what stands between them and the collector's.
    """
    found: dict[str, dict[int, object]] = {name: {} for name in _KINDS}
    named: dict[type, str] = {}
    containers = gc.get_objects()
    # A dict or tuple of nothing but arrays is not the collector's either: it is found by way of who refers to it.
    passed: set[int] = set()
    mine = {id(containers), id(found), id(named), *(id(each) for each in found.values())}
    containers += _frames()
    for container in containers:
        if id(container) in mine:
            continue
        for each in _held_by(container) if type(container) is types.FrameType else gc.get_referents(container):
            kind = type(each)
            name = named.get(kind)
            if name is None:
                name = named[kind] = next((key for key, test in _KINDS.items() if test(kind)), "")
            if not name and kind is not dict:
                continue  # almost all
            if kind in {dict, tuple} and not gc.is_tracked(each) and id(each) not in passed:
                passed.add(id(each))
                containers.append(each)  # and so visited by this loop
                if referrers is not None:
                    referrers[id(each)] = [container]
            if name and _counts(name, each, container):
                found[name][id(each)] = each
                if referrers is not None:
                    referrers.setdefault(id(each), []).append(container)
    return found


def _frames() -> list[object]:
    """Frames that run in other threads, which the collector does not know of."""
    found: list[object] = []
    for thread, frame in sys._current_frames().items():
        step: types.FrameType | None = None if thread == threading.get_ident() else frame
        while step is not None:
            found.append(step)
            step = step.f_back
    return found


def _held_by(container: object) -> list[Any]:
    if type(container) is types.FrameType:
        return list(container.f_locals.values())
    return gc.get_referents(container)


class Held:
    """Identities of objects, without keeping those objects: where possible by a weak reference."""

    def __init__(self, objects: dict[int, object]) -> None:
        self._references: dict[int, object] = {}
        for number, each in objects.items():
            try:
                self._references[number] = weakref.ref(each)
            except TypeError:
                # bytes, lists, exceptions: their own identity must do, and a new object may get an old one's; so their
                # size is held against it as well.
                self._references[number] = sys.getsizeof(each)

    def has(self, each: object) -> bool:
        """Whether that very object was there."""
        known = self._references.get(id(each))
        if isinstance(known, weakref.ref):
            return known() is each
        return known == sys.getsizeof(each)


def holder(value: object, skipped: set[int], known: dict[int, list[object]]) -> tuple[str, bool]:
    """Who keeps an object: a path such as ``module.name[...]``, and whether it is a module's.

    Empty if only the watchers do, which took it down as what somebody pickled, for one.
    """
    seen = {id(value), *skipped}
    level: dict[int, tuple[object, str]] = {id(value): (value, "")}
    namespaces = {id(vars(module)): name for name, module in tuple(sys.modules.items()) if hasattr(module, "__dict__")}
    frame, watched = "", False
    for _ in range(_DEEP):
        # The collector does not know of dicts and tuples that hold nothing of its own; the walk does.
        above = gc.get_referrers(*(each for each, _ in level.values()))
        above += [one for number in level for one in known.get(number, ())]
        seen |= {id(level), id(above), *(id(pair) for pair in level.values())}
        step: dict[int, tuple[object, str]] = {}
        for one in above:
            if id(one) in seen:
                continue
            seen.add(id(one))
            held = next((level[id(each)] for each in _held_by(one) if id(each) in level), None)
            if type(one) is Observation:
                watched = True
            elif held is None:
                continue
            elif id(one) in namespaces:
                return f"{namespaces[id(one)]}.{_key(one, held[0])}{held[1]}", True
            elif type(one) is types.FrameType:
                frame = frame or f"a variable of {one.f_code.co_qualname} ({one.f_code.co_filename}:{one.f_lineno})"
            else:
                step[id(one)] = one, _step(one) + held[1]
        if frame or not step:
            break  # a frame that holds it is nearer than any module
        level = dict(itertools.islice(step.items(), _WIDE))
    return frame or ("" if watched else "an object that nobody could be found to hold"), False


def _key(container: object, value: object) -> str:
    for key, each in container.items():  # type: ignore[attr-defined]
        if each is value:
            return str(key)
    return "?"


def _step(container: object) -> str:
    kind = type(container)
    if issubclass(kind, (dict, list, tuple, set)):
        return "[...]"
    if issubclass(kind, type):
        return f".{type.__getattribute__(container, '__name__')}"
    if kind is types.FunctionType:
        return f"{container.__qualname__}()"  # type: ignore[attr-defined]
    if kind is types.CellType:
        return " (closure)"
    return f".{type(container).__name__}"


class Heap:
    """One walk over all objects before the workload, one after it.

    Attributes:
        before: what there was when the first channel was armed.
        referrers: who refers to what was added.
    """

    def __init__(self, scene: Scene) -> None:
        del scene
        gc.collect()
        self.before = {name: Held(objects) for name, objects in reachable().items()}
        self._added: dict[str, dict[int, object]] | None = None
        self.referrers: dict[int, list[object]] = {}

    def added(self, kind: str) -> dict[int, object]:
        """What there is now and was not before, of one kind."""
        if self._added is None:
            gc.collect()
            self._added = {
                name: {number: each for number, each in objects.items() if not self.before[name].has(each)}
                for name, objects in reachable(self.referrers).items()
            }
        return self._added[kind]

    def skipped(self) -> set[int]:
        """Identities of what holds objects for the walk itself."""
        added = self._added or {}
        return {
            id(added),
            id(self.referrers),
            *(id(each) for each in added.values()),
            *(id(each) for each in self.referrers.values()),
        }

    def settle(self) -> None:
        """What was found is looked for anew."""
        self._added = None
        self.referrers.clear()

    def close(self) -> None:
        """Let go of what was found."""
        self._added = None
        self.referrers.clear()


_shelf: Final[dict[str, object]] = {}  # where controls put what a worker must not keep
_local: Final = threading.local()


@dataclass(frozen=True)
class Keeps(Watcher):
    """Objects of one kind that are there afterwards and were not before.

    Attributes:
        kind: of `_KINDS`.
        make: makes one for the control, which keeps it.
        of_modules: the channel is about what modules keep, or about everything else; None is both.
    """

    kind: str
    make: Callable[[], object]
    of_modules: bool | None = None
    phases: ClassVar[tuple[str, ...]] = (BEFORE,)

    def arm(self, scene: Scene) -> None:
        scene.instrument(Heap)

    def act(self, scene: Scene, phase: str) -> None:
        made = self.make()
        scene.notes[f"{self.slug} made"] = Held({id(made): made})
        if self.of_modules is False:
            # In an object that no module holds by itself: a closure of a thread's.
            setattr(_local, self.slug, made)
        else:
            _shelf[scene.mark(self.slug, phase)] = made

    def undo(self, scene: Scene) -> None:
        _shelf.pop(scene.mark(self.slug, BEFORE), None)
        if hasattr(_local, self.slug):
            delattr(_local, self.slug)

    def look(self, scene: Scene) -> Iterator[Observation]:
        heap = scene.instrument(Heap)
        made: Held | None = scene.notes.get(f"{self.slug} made")
        controls = [scene.notes[key] for key in scene.notes if key.endswith(" made")]
        for each in list(heap.added(self.kind).values()):
            if made is not None and made.has(each):
                yield Observation("kept", "worker", f"{self.slug}.{BEFORE}")
            elif not any(control.has(each) for control in controls) and scene.concerns(each):
                where, of_module = holder(each, heap.skipped(), heap.referrers)
                if where and self.of_modules in {None, of_module}:
                    yield Observation(f"{_described(each)} kept", where, value=each)


def _described(value: object) -> str:
    """Kind and size, never content."""
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} {value.dtype}"
    name = type(value).__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    try:
        return f"{article} {name} of {len(value)}"  # type: ignore[arg-type]
    except TypeError:
        return f"{article} {name}"


def _raised() -> BaseException:
    try:
        raise ValueError
    except ValueError as error:
        return error


@dataclass(frozen=True)
class LastException(Watcher):
    """What Python keeps for a debugger: the last exception that nobody caught, with all frames."""

    names: tuple[str, ...] = field(default=("last_exc", "last_value", "last_traceback", "last_type"))
    phases: ClassVar[tuple[str, ...]] = (BEFORE,)

    def arm(self, scene: Scene) -> None:
        scene.notes[f"{self.slug} before"] = {name: id(getattr(sys, name, None)) for name in self.names}

    def act(self, scene: Scene, phase: str) -> None:
        # A value of its own, so that what the workload puts there is not taken for it.
        scene.notes[self.slug] = getattr(sys, "last_facegate", None), scene.mark(self.slug, phase)
        setattr(sys, "last_facegate", scene.notes[self.slug][1])

    def undo(self, scene: Scene) -> None:
        if self.slug in scene.notes:
            delattr(sys, "last_facegate")

    def look(self, scene: Scene) -> Iterator[Observation]:
        before: dict[str, int] = scene.notes[f"{self.slug} before"]
        for name in (*self.names, "last_facegate"):
            value: Any = getattr(sys, name, None)
            if id(value) != before.get(name, id(None)):
                control = scene.marked(value) if isinstance(value, str) else ""
                yield Observation(f"sys.{name}", "worker", control, value)


def table() -> tuple[Watcher, ...]:
    """Channels of kept objects."""
    walk = "all objects of the worker, before and after"
    return (
        Keeps(
            "arrays in module globals",
            walk,
            "an array is put into a module's dict",
            "arrays",
            lambda: np.arange(64.0),
            True,
        ),
        Keeps(
            "arrays kept elsewhere",
            walk,
            "an array is put into a thread's own data",
            "arrays",
            lambda: np.arange(64.0),
            False,
        ),
        Keeps("buffers kept", walk, "a bytearray is put into a module's dict", "buffers", lambda: bytearray(4096)),
        Keeps(
            "lists of numbers kept",
            walk,
            "a list is put into a module's dict",
            "numbers",
            lambda: [n / 3 for n in range(64)],
        ),
        Keeps("exceptions kept", walk, "one is put into a module's dict, with its frames", "exceptions", _raised),
        LastException("last exception", "sys.last_exc and its like", "another such name is set"),
    )
