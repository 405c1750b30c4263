"""What a batch says at its end: a few lines, or one JSON document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facegate.commands.batch.display import shown
from facegate.commands.batch.run import Result
from facegate.commands.batch.tally import State
from facegate.commands.batch.walk import Found


@dataclass(frozen=True, slots=True)
class Report:
    """A batch that has ended.

    Attributes:
        output: folder of the outputs.
        found: what the walk found.
        results: how each file ended, sorted by name.
        interrupted: whether it was ended before its end.
    """

    output: Path
    found: Found
    results: Sequence[Result]
    interrupted: bool

    def count(self, state: State) -> int:
        """How many files ended so; what could not be looked at failed."""
        return sum(result.state == state for result in self.results) + (
            len(self.found.failed) if state == "failed" else 0
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        states: tuple[State, ...] = ("done", "resumed", "failed", "unfinished")
        return {
            "output": str(self.output),
            "interrupted": self.interrupted,
            **{state: self.count(state) for state in states},
            "skipped": len(self.found.skipped),
            "files": [
                *(_file(result) for result in self.results),
                *({"input": name, "state": "failed", "error": error} for name, error in self.found.failed),
            ],
            "skippedFiles": [{"input": name, "reason": reason} for name, reason in self.found.skipped],
        }

    def lines(self) -> Iterable[str]:
        """A summary."""
        done = [result for result in self.results if result.state == "done"]
        videos = sum(result.job.item.kind.media == "video" for result in done)
        parts = [f"{_number(len(done) - videos, 'picture')} and {_number(videos, 'video')} redacted"]
        parts += [f"{self.count('resumed')} done before"] if self.count("resumed") else []
        parts += [f"{self.count('failed')} failed"] if self.count("failed") else []
        parts += [f"{self.count('unfinished')} not done"] if self.count("unfinished") else []
        yield f"{', '.join(parts)}; results are in {shown(str(self.output))}"
        reasons = Counter(reason for _, reason in self.found.skipped)
        if reasons:
            told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            yield f"skipped {sum(reasons.values())}: {told}"


def _file(result: Result) -> dict[str, Any]:
    entry: dict[str, Any] = {"input": result.job.item.name, "state": result.state}
    if result.state in {"done", "resumed"}:
        entry |= {"output": str(result.job.target), "receipt": str(result.job.receipt)}
    if result.made is not None:
        told = {name: getattr(result.made, name) for name in ("request", "faces", "kept", "frames", "chosen")}
        entry |= {name: value for name, value in told.items() if value is not None}
    if result.error is not None:
        entry["error"] = result.error
    return entry


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
