"""Whole videos: facegate's profiles, the pure transcode and the peers, on one clip, in turns.

``python -m benchmarks.peers.video [--clip bench_10s] [--frames N] [--rounds 3] [--only NAME]... [--out FOLDER]``

Speed, peak memory, coverage by size of face, false boxes, and what became of sound, frames and duration stand in one
row. Three rounds, in which everyone takes a turn, are what the design's figures were made of: deface needs 160 s for
300 frames on two cores, so more rounds take hours. ``--frames`` cuts the clip, for a look. ``--clip bench_60s`` with
``--only facegate --only decode`` shows whether memory grows with length.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.clips import first_frames
from benchmarks.peers.outcome import changes, facts
from benchmarks.peers.video_claims import claims
from benchmarks.peers.video_coverage import covered
from benchmarks.peers.video_report import compared, markdown, summed_up
from benchmarks.peers.video_rows import Row, rows
from benchmarks.peers.video_run import run
from benchmarks.suite import host
from fixtures.clips import CLIPS, Clip, clip


def cut(whole: Clip, frames: int | None, folder: Path) -> Clip:
    """The clip, or its beginning with the truth about that."""
    if frames is None:
        return whole
    path = folder / "clip.mp4"
    return replace(whole, path=path, frames=whole.frames[: first_frames(whole.path, frames, path)])


def measure(chosen: Sequence[Row], subject: Clip, rounds: int, timeout: float, folder: Path) -> dict[str, Any]:
    """Rows of the report, and why others have none; everyone takes a turn in each round, each round from another on."""
    runs: dict[str, list[dict[str, Any]]] = {row.name: [] for row in chosen}
    found: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    before = facts(subject.path)
    for number in range(rounds):
        first = number % len(chosen)
        for row in [*chosen[first:], *chosen[:first]]:
            if row.name in failed:
                continue
            target = folder / "out.mp4"
            try:
                runs[row.name].append(run(row, subject.path, target, timeout=timeout))
            except RuntimeError as error:
                failed[row.name] = str(error)
                print(f"{row.name}: {error}", file=sys.stderr)
                continue
            print(f"round {number + 1}, {row.name}: {runs[row.name][-1]['seconds']:.1f} s", file=sys.stderr)
            if row.name not in found:
                # Once: what is covered does not change from round to round.
                outcome = changes(before, facts(target))
                found[row.name] = {"outcome": outcome, "coverage": covered(row, subject, target)}
    whole = [
        {"name": row.name, "settings": row.line(), **found[row.name], **summed_up(runs[row.name], before.frames)}
        for row in chosen
        if row.name not in failed
    ]
    return {"rows": compared(whole), "failed": failed}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table and write it; 1 if a contender failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.video", description=__doc__)
    parser.add_argument("--clip", choices=CLIPS, default="bench_10s")
    parser.add_argument("--frames", type=int, help="of the clip, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="rows whose name has it")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds of one run")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    chosen = [row for row in rows() if not options.only or any(word in row.name for word in options.only)]
    if not chosen:
        print(f"No row has {' or '.join(options.only)} in its name.", file=sys.stderr)
        return 2
    known = host.facts()
    with tempfile.TemporaryDirectory() as scratch:
        subject = cut(clip(options.clip), options.frames, Path(scratch))
        about = {
            "name": options.clip,
            "frames": len(subject.frames),
            "size_wh": list(subject.size_wh),
            "rate": subject.rate,
        }
        report = {"host": known, "clip": about, "rounds": options.rounds}
        report |= measure(chosen, subject, options.rounds, options.timeout, Path(scratch))
    report["claims"] = claims(report["rows"])
    options.out.mkdir(parents=True, exist_ok=True)
    name = f"video-{options.clip}-{len(subject.frames)}"
    (options.out / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    text = markdown(report)
    (options.out / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
