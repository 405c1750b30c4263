"""Every way in which something facial could leave a request, watched while a workload runs.

Each channel has a control: the same act, harmless, in the same run. A channel whose control was not seen is "not
verified", whatever else was not seen.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from facegate.audit.watchers import (
    calls,
    children,
    cores,
    files,
    heap,
    kernel_objects,
    output,
    pickles,
    python_acts,
    worker,
)
from facegate.audit.watchers.base import AFTER, BEFORE, AbsentError, Observation, UnavailableError, Watcher
from facegate.audit.watchers.scene import Scene
from facegate.gate import Gate

Result = Literal["clean", "found", "allowed", "not verified"]
_MOST_NAMED: Final = 3
_SPARES_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Channel:
    """What a run has to say of one channel.

    Attributes:
        name: of the channel.
        watcher: how it was watched.
        result: ``"clean"``: nothing was seen, and the control was; ``"found"``; ``"allowed"``: found, and whoever ran
            it had said beforehand that it would be; or ``"not verified"``.
        control_fired: whether the control was seen each time that it acted.
        detail: what was found, or why nothing can be said; never content.
        findings: everything that was found.
        absent: there is no such channel on this host: no accelerator, no swap.
    """

    name: str
    watcher: str
    result: Result
    control_fired: bool
    detail: str = ""
    findings: tuple[Observation, ...] = ()
    absent: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "watcher": self.watcher,
            "result": self.result,
            "control_fired": self.control_fired,
            "detail": self.detail,
            "absent": self.absent,
        }


@dataclass(frozen=True, slots=True)
class _Trouble:
    why: str
    absent: bool = False


def table() -> tuple[Watcher, ...]:
    """Every channel, with its watcher and its control."""
    return (
        *files.table(),
        *cores.table(),
        *children.table(),
        *calls.table(),
        *worker.table(),
        *kernel_objects.table(),
        *python_acts.table(),
        *pickles.table(),
        *output.table(),
        *heap.table(),
    )


def run_channels(
    workload: Callable[[], object],
    watchers: Sequence[Watcher] | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Channel]:
    """Run a workload with every channel watched.

    The workload runs in this process, the worker, and should open its requests itself; whatever the process does
    meanwhile, in other threads too, counts as the workload's. What controls make is taken away again. Standard output
    and error are passed on at the end.

    Args:
        workload: called once; what it returns is dropped. What it raises is raised here, after everything was undone.
        watchers: the channels, all of them by default.
        progress: told what happens next.

    Returns:
        One channel for each watcher, in their order.
    """
    with watching(watchers, progress=progress) as channels:
        workload()
    return channels


@contextmanager
def watching(
    watchers: Sequence[Watcher] | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
    afterwards: Callable[[], object] = lambda: None,
    concerns: Callable[[object], bool] = lambda _: True,
) -> Iterator[list[Channel]]:
    """As `run_channels`, for a block of code; the list is filled when the block has ended, unless it raised.

    Args:
        watchers: the channels, all of them by default.
        progress: told what happens next.
        afterwards: called between the block's end and the watchers' looks, which keep what they find.
        concerns: which of the objects that were kept are findings; all of them by default.
    """
    channels: list[Channel] = []
    _wait_for_spares()
    chosen = table() if watchers is None else tuple(watchers)
    trouble: dict[str, _Trouble] = {}
    with Scene(concerns) as scene, ExitStack() as undo:
        progress("watchers are armed")
        for each in chosen:
            _try(trouble, each, lambda each=each: each.arm(scene))  # type: ignore[misc]
        armed = [each for each in chosen if each.slug not in trouble]
        for each in armed:
            undo.callback(each.undo, scene)
        progress("controls act")
        _act(scene, armed, BEFORE, trouble)
        progress("the workload runs")
        with scene.workload():
            yield channels
            _wait_for_spares()
        progress("controls act again")
        _act(scene, armed, AFTER, trouble)
        scene.settle()
        progress("watchers report")
        afterwards()
        channels += [_channel(each, scene, trouble) for each in chosen]


def _wait_for_spares() -> None:
    """Have every open gate at rest: while a spare is being made, its arena appears, and it is of nobody's request."""
    for each in gc.get_objects():
        # Not isinstance, here and in the walk over the heap: it asks the object for its __class__, which runs code of
        # whatever lies in the heap. torch has one there that warns.
        if issubclass(type(each), Gate) and not each.closed:
            each.pool.wait_full(_SPARES_SECONDS)


def _act(scene: Scene, watchers: Sequence[Watcher], phase: str, trouble: dict[str, _Trouble]) -> None:
    for each in watchers:
        if phase in each.phases:
            with scene.acting(each.slug, phase):
                _try(trouble, each, lambda each=each: each.act(scene, phase))  # type: ignore[misc]


def _try(trouble: dict[str, _Trouble], watcher: Watcher, step: Callable[[], object]) -> None:
    """What keeps a watcher or a control from working is the channel's result, not the audit's end."""
    try:
        step()
    except UnavailableError as error:
        trouble.setdefault(watcher.slug, _Trouble(f"needs {error}", absent=isinstance(error, AbsentError)))
    except OSError as error:
        trouble.setdefault(watcher.slug, _Trouble(f"the control was refused: {error.strerror}"))


def _channel(watcher: Watcher, scene: Scene, trouble: dict[str, _Trouble]) -> Channel:
    fired: set[str] = set()
    found: list[Observation] = []

    def take() -> None:
        for each in watcher.look(scene):
            if not each.control:
                found.append(each)
            elif each.control.startswith(f"{watcher.slug}."):
                fired.add(each.control.rpartition(".")[2])

    _try(trouble, watcher, take)
    silent = [phase for phase in watcher.phases if phase not in fired]
    if found:
        result: Result = "found"
        names = list(dict.fromkeys(map(str, found)))
        more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        detail = "; ".join(names[:_MOST_NAMED]) + more
    elif watcher.slug in trouble:
        result, detail = "not verified", trouble[watcher.slug].why
    elif silent:
        result, detail = "not verified", f"the control was not seen {' and '.join(silent)} the workload"
    else:
        result, detail = "clean", ""
    fired_always = not silent and watcher.slug not in trouble
    absent = watcher.slug in trouble and trouble[watcher.slug].absent
    return Channel(watcher.name, watcher.watcher, result, fired_always, detail, tuple(found), absent)


def markdown() -> str:
    """The table of channels, for the documentation."""
    rows = [f"| {each.name} | {each.watcher} | {each.control} |" for each in table()]
    return "\n".join(["| channel | watcher | control |", "| --- | --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
