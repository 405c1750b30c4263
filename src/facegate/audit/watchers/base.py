"""The words that all watchers share: what was observed, and what a watcher does in which order."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from facegate.audit.watchers.scene import Scene

BEFORE: Final = "before"
AFTER: Final = "after"


class UnavailableError(Exception):
    """This host lacks what a control or a watcher needs; the message names it. Never leaves `facegate.audit`."""


class AbsentError(UnavailableError):
    """The channel itself is not there: no accelerator, no swap, no such folder. Nothing can leave by it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that happened, or that was left.

    Attributes:
        what: a phrase that names it, without any content.
        where: file and line, or process; empty where that is unknown.
        control: which channel's control did it, and when, as ``slug.before``; empty for everybody else.
        value: the object itself where there is one, for whoever decides whether it is facial; never shown.
    """

    what: str
    where: str = ""
    control: str = ""
    value: object = None

    def __str__(self) -> str:
        return f"{self.what} ({self.where})" if self.where else self.what


@dataclass(frozen=True)
class Watcher(ABC):
    """One channel: a way out, how it is watched, and the harmless act that shows that it is.

    Instances hold no state of a run, which is in the scene, so that one table serves every run.

    Attributes:
        name: of the channel.
        watcher: how it is watched, for readers.
        control: what its control does, for readers.
        phases: when the control acts. What leaves a trace acts once, before; what is an event acts on both sides of the
            workload, and both must be seen, so that a watcher that gave up in between is found out.
    """

    name: str
    watcher: str
    control: str
    phases: ClassVar[tuple[str, ...]] = (BEFORE, AFTER)

    @property
    def slug(self) -> str:
        """The name in letters, digits and hyphens: part of what controls make."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def arm(self, scene: Scene) -> None:
        """Begin to watch.

        Raises:
            UnavailableError: this host does not let anybody watch.
        """

    @abstractmethod
    def act(self, scene: Scene, phase: str) -> None:
        """Do, harmlessly, what the channel is about.

        Raises:
            UnavailableError: this host lacks what it needs.
            OSError: it was refused.
        """

    def undo(self, scene: Scene) -> None:
        """Take away what `act` made; called once, whatever happened."""

    @abstractmethod
    def look(self, scene: Scene) -> Iterator[Observation]:
        """What was seen since `arm`, controls included.

        Raises:
            UnavailableError: something could not be looked at, so that nothing seen means nothing.
        """
