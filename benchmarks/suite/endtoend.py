"""Redacting a video through the public API, in the confined child, beside decoding and encoding it and nothing else."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import facegate
from benchmarks.peers.contenders.quality import quality_of
from benchmarks.peers.contenders.transcode import transcode
from benchmarks.suite.clips import clip_of
from benchmarks.suite.pairs import Pair, Profile, Side, timed

# Of both sides.
PRESET, CRF = "medium", 23
_serial = count()


def pairs(profile: Profile) -> Iterator[Pair]:
    """Each profile of redaction that is to be measured; x264 medium, as many threads as there are cores."""
    with tempfile.TemporaryDirectory() as folder, facegate.Gate() as gate:
        path, frames = clip_of(profile, Path(folder))
        out = Path(folder) / "out.mp4"

        def pure() -> None:
            if transcode(path, out, preset=PRESET, crf=CRF) != frames:
                raise RuntimeError("The transcode lost frames.")

        ceiling = timed(f"PyAV decode and encode, x264 {PRESET} crf {CRF}, same threads", pure, wall=True)
        for name in profile.profiles:

            def redact(runs: int, name: str = name) -> list[float]:
                return [_redact(gate, path, out, name) for _ in range(runs)]

            ours = Side(f"facegate {name}, x264 {PRESET} crf {CRF}", redact)
            yield Pair(f"endtoend.{name}", ours, ceiling, profile.rounds, 1, frames)


def _redact(gate: facegate.Gate, path: Path, out: Path, profile: str) -> float:
    """Seconds of one request, from opening it to its purge."""
    gate.pool.wait_full(30)
    begun = time.perf_counter()
    with gate.open_request(f"bench-{next(_serial)}", purpose="generation") as request:
        redacted = request.redact(request.admit(path, media="video"), profile=profile)
        request.finish(redacted, format="mp4", codec="h264", preset=PRESET, quality=quality_of(CRF), to=out)
    return time.perf_counter() - begun
