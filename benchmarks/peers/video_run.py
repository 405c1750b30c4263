"""One contender works through one clip, in a process of its own that is watched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import python_of
from benchmarks.peers.memory import Watch
from benchmarks.peers.video_rows import Row

_SCRIPTS = Path(__file__).parent / "contenders"
_LAST_WORDS = 2000


def run(row: Row, source: Path, target: Path, *, timeout: float) -> dict[str, Any]:
    """Work through a clip once.

    Args:
        row: who.
        source: the clip.
        target: .mp4, overwritten.
        timeout: seconds after which it is ended.

    Returns:
        seconds (from opening the source to closing the target), wall_s (of the whole process, with imports and
        models), peak_mb and peak_sum_mb as `benchmarks.peers.memory` has them.

    Raises:
        RuntimeError: it failed or took too long; the message has its last words.
    """
    python = sys.executable if row.environment is None else str(python_of(row.environment))
    command = [python, str(_SCRIPTS / row.script), str(source), str(target), json.dumps(row.settings)]
    target.unlink(missing_ok=True)
    begun = time.monotonic()
    # A session of its own, so that what it started can be ended with it.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    watch = Watch(process.pid)
    try:
        said, complained = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise RuntimeError(f"{row.name} was ended after {timeout:.0f} s.") from None
    finally:
        watch.stop()
    if process.returncode != 0 or not target.exists():
        raise RuntimeError(f"{row.name} failed: {complained.strip()[-_LAST_WORDS:]}")
    seconds = json.loads(said.strip().splitlines()[-1])["seconds"]
    return {
        "seconds": seconds,
        "wall_s": time.monotonic() - begun,
        "peak_mb": watch.most_pss / 1e6,
        "peak_sum_mb": watch.peaks / 1e6,
    }
