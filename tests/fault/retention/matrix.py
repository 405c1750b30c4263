"""The matrix: each scene on each kind of store, killed at its steps, each kill judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.fault.retention.forker import Forker
from tests.fault.retention.judge import Case
from tests.fault.retention.kinds import Kind, PostgresqlAndS3
from tests.fault.retention.place import Place
from tests.fault.retention.scenes import ON_S3, SCENES, Facts, Scene


@dataclass
class Row:
    """One scene on one kind of store.

    Attributes:
        scene: name.
        kind: name.
        steps: that the act has.
        kills: done.
        problems: what was wrong, each with the step.
        uploads: that were left unfinished in S3, at most after one kill.
    """

    scene: str
    kind: str
    steps: int
    kills: int = 0
    problems: list[str] = field(default_factory=list)
    uploads: int = 0

    def __str__(self) -> str:
        result = f"{len(self.problems)} problems" if self.problems else "all hold"
        left = f"; {self.uploads} unfinished uploads in S3" if self.uploads else ""
        return f"{self.scene:26} {self.kind:18} {self.steps:4} steps {self.kills:4} kills  {result}{left}"


class Matrix:
    """Runs cells of the matrix; a state that is prepared once is copied for each kill.

    Args:
        forker: has the processes that are killed.
    """

    def __init__(self, forker: Forker) -> None:
        self._forker = forker
        self._prepared: dict[object, tuple[Place, Facts]] = {}

    def steps(self, kind: Kind, scene: Scene, broken: str | None = None) -> list[str]:
        """The steps of a scene's act, which is done to its end once, and judged."""
        place, _ = self._of(kind, scene)
        return self._steps(kind, place, scene, broken)

    def row(self, kind: Kind, scene: Scene, numbers: Iterable[int], of: int, broken: str | None = None) -> Row:
        """Kill at some steps.

        Args:
            kind: of store.
            scene: what is done.
            numbers: of the steps.
            of: how many there are.
            broken: how the product is broken on purpose; None for not at all.
        """
        row = Row(scene.name, kind.name, of)
        place, facts = self._of(kind, scene)
        for number in numbers:
            copied = kind.copy(place)
            answer = self._forker.act(copied, scene.name, number, broken)
            kind.settle(copied)
            if not answer["died"]:
                row.problems.append(f"step {number}: was never reached")
            if isinstance(kind, PostgresqlAndS3):
                row.uploads = max(row.uploads, kind.unfinished_uploads(copied))
            case = Case(copied, scene, facts, "acknowledged" in answer, answer.get("acknowledged"))
            row.problems += [f"step {number}: {each}" for each in case.problems()]
            row.kills += 1
            kind.drop(copied)
        return row

    def _steps(self, kind: Kind, place: Place, scene: Scene, broken: str | None = None) -> list[str]:
        copied = kind.copy(place)
        answer = self._forker.act(copied, scene.name, broken=broken)
        assert not answer["died"], scene.name
        kind.settle(copied)
        kind.drop(copied)
        steps: list[str] = answer["steps"]
        return steps

    def _of(self, kind: Kind, scene: Scene) -> tuple[Place, Facts]:
        key = kind.name, scene.prepare, scene.remains
        if key not in self._prepared:
            place = kind.fresh()
            facts = self._forker.prepare(place, scene.name)
            kind.settle(place)
            for name, step in scene.remains:
                before = SCENES[name]
                known = ON_S3.get(step, step) if isinstance(kind, PostgresqlAndS3) else step
                number = self._steps(kind, place, before).index(known)
                assert self._forker.act(place, name, number)["died"], name
                kind.settle(place)
            self._prepared[key] = place, facts
        return self._prepared[key]
