"""Everything that is planted is found, where it is and as what it is; where nothing is, nothing is found.

A short profile by default; ``FACEGATE_SCANNER=1000`` is the full one, ``FACEGATE_SCANNER_SEED`` another run of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facegate.audit.residue import Markers, ResidueReport, scan
from tests.leak.residue.planting import ALL, ENCODINGS, PLACES, Victim, data

PLANTS = int(os.environ.get("FACEGATE_SCANNER", "140"))
SEED = int(os.environ.get("FACEGATE_SCANNER_SEED", "4"))
BATCH = 70
# What the map or file is called in which a place is.
NAMED = {
    "heap": ("[heap]", "anonymous"),
    "stack": ("anonymous",),
    "anonymous": ("/dev/zero",),
    "memfd": ("/memfd:victim-memfd",),
    "/dev/shm": ("/dev/shm/facegate-victim",),
    "mapped file": ("facegate-victim",),
    "deleted file": ("facegate-victim",),
}


def whereabouts(report: ResidueReport) -> dict[tuple[str, str], set[str]]:
    """Places in which each kind was found as what."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in report.processes:
        for hit in each.hits:
            found.setdefault((hit.kind, hit.encoding), set()).add(hit.where)
    return found


def test_what_is_planted_is_found(tmp_path: Path, record_property: pytest.FixtureRequest) -> None:
    chance = np.random.default_rng(SEED)
    order = [ALL[number % len(ALL)] for number in range(PLANTS)]
    found = scanned = 0
    speeds = []
    with Victim(tmp_path) as one, Victim(tmp_path) as other, Victim(tmp_path) as never:
        for begin in range(0, PLANTS, BATCH):
            batch = order[begin : begin + BATCH]
            arrays, planted = {}, {}
            for number, (shape, encoding) in enumerate(batch, begin):
                name = f"plant{number}"
                arrays[name] = data(shape, chance)
                # After as many rounds as there are places, each encoding has been in each.
                place = PLACES[(number % len(ALL) + number // len(ALL)) % len(PLACES)]
                content = ENCODINGS[shape][encoding](arrays[name], chance)
                victim = (one, other)[chance.integers(2)]
                victim.plant(place, int(chance.integers(4096)), content, name)
                planted[name, encoding.strip()] = place
            with Markers.of(windows=2, **arrays) as markers:
                report = scan([one.pid, other.pid], markers)
                assert report.verified, f"seed {SEED}, batch {begin}: {report}"
                seen = whereabouts(report)
                assert seen.keys() == planted.keys(), f"seed {SEED}, batch {begin}: {report}"
                for label, place in planted.items():
                    assert all(any(name in where for name in NAMED[place]) for where in seen[label]), (label, place)
                found += len(seen)
                scanned += report.bytes_scanned
                speeds.append(report.mib_per_second)
                # The files are everybody's, and what was planted in shared memory is there.
                clean = scan([never.pid], markers).processes[0]
                assert not clean.hits, f"seed {SEED}: a process that never had it: {clean.hits}"
                assert not clean.unexplained
                assert clean.bytes_scanned > 5 << 20
                one.wipe()
                other.wipe()
                wiped = scan([one.pid, other.pid], markers)
                assert wiped.clean, f"seed {SEED}: after it was wiped: {wiped}"
    figures = (
        f"{found} of {PLANTS} planted markers found, in {len(ALL)} encodings and {len(PLACES)} places of 2 processes; "
        f"{scanned / 2**20:.0f} MiB scanned at {np.median(speeds):.0f} MiB/s; seed {SEED}"
    )
    record_property("figures", figures)
    print(figures)
    assert found == PLANTS
