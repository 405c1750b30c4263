"""A process that has everything imported and forks another for each order, which costs milliseconds, not a second.

It opens nothing itself: no database, no runtime of obstore's, no thread, so its forks begin clean. As a program it
takes orders on its standard input and answers on its standard output, JSON by line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).parents[3]


class Forker:
    """The test's side, for a ``with`` block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.retention.forker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            start_new_session=True,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            # A test that ran out of time leaves forks at work.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def prepare(self, place: Any, scene: str) -> dict[str, str]:
        """Make the state before a scene; IDs by name."""
        answer = self._ask({"do": "prepare", "place": asdict(place), "scene": scene})
        facts: dict[str, str] = answer["facts"]
        return facts

    def act(self, place: Any, scene: str, die_at: int | None = None, broken: str | None = None) -> dict[str, Any]:
        """Do a scene's act in a fork.

        Returns:
            ``"died"``, whether by SIGKILL; ``"acknowledged"``, what the act returned, if it did; ``"steps"``, if it
            lived to the end.
        """
        order = {"do": "act", "place": asdict(place), "scene": scene, "die_at": die_at, "broken": broken}
        return self._ask(order)

    def many(self, place: Any, plan: Any) -> list[Any]:
        """Carry out a `Plan` on an empty store; what each process did."""
        from tests.fault.retention.plan import Did

        answer = self._ask({"do": "many", "place": asdict(place), "plan": asdict(plan)})
        return [Did(**each) for each in answer["did"]]

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


def _fork(order: dict[str, Any]) -> dict[str, Any]:
    from tests.fault.retention import victim

    reading, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        victim.run(order, telling)
        os._exit(0)
    os.close(telling)
    with os.fdopen(reading, "rb") as said:
        answer: dict[str, Any] = {}
        for line in said:
            answer |= json.loads(line)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        answer["error"] = f"The fork ended with {os.WEXITSTATUS(status)}."
    return answer | {"died": os.WIFSIGNALED(status)}


def main() -> None:
    """Fork for each order until there are no more."""
    import alembic.command
    import alembic.config
    import alembic.script
    import obstore.store
    import psycopg
    import sqlalchemy.dialects.postgresql.psycopg
    import sqlalchemy.dialects.sqlite

    from tests.fault.retention import victim

    # Imported for the forks; none of it may have begun a thread.
    assert all((alembic.command, alembic.config, alembic.script, obstore.store, psycopg, sqlalchemy, victim))
    assert len(os.listdir("/proc/self/task")) == 1
    for line in sys.stdin:
        print(json.dumps(_fork(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
