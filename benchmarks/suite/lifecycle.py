"""Opening and purging a request, beside a fork and exit of a process that has the same libraries warm."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count

import facegate
from benchmarks.peers.contender import Contender
from benchmarks.suite.pairs import Pair, Profile, Side

_serial = count()


def pairs(profile: Profile) -> Iterator[Pair]:
    """With a spare waiting, and without: then the fork is in the request's way."""
    forks = Contender(sys.executable, "fork_exit.py")
    ceiling = Side("fork, exit, wait", lambda runs: [each / 1e3 for each in forks.time(runs)])
    try:
        for name, spares, words in (("with_spare", 2, "a spare waits"), ("without_spare", 0, "no spares")):
            with facegate.Gate(facegate.Policy(spares=spares)) as gate:

                def cycle(runs: int, gate: facegate.Gate = gate, spares: int = spares) -> list[float]:
                    return [_open_and_purge(gate, wait=spares > 0) for _ in range(runs)]

                ours = Side(f"open and purge a request, {words}", cycle)
                yield Pair(f"lifecycle.{name}", ours, ceiling, 2 * profile.rounds, 7)
    finally:
        forks.close()


def _open_and_purge(gate: facegate.Gate, *, wait: bool) -> float:
    """Seconds, nothing in between."""
    if wait:
        gate.pool.wait_full(30)
    begun = time.perf_counter()
    request = gate.open_request(f"bench-{next(_serial)}", purpose="generation")
    request.open()
    request.close()
    return time.perf_counter() - begun
