"""Run one probe in this process, which is thrown away: ``run_probe.py PROBE SCRATCH confined|free``."""

from __future__ import annotations

import errno
import importlib.util
import sys
from pathlib import Path

from facegate.sandbox import confine


def main(probe: str, scratch: str, mode: str) -> None:
    """Load the probe, confine this process as the zygote does it, perform the act and print what came of it."""
    spec = importlib.util.spec_from_file_location("probe", probe)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "prepare"):
        module.prepare(Path(scratch))
    if mode == "confined":
        confine.confine()
    try:
        module.act(Path(scratch))
    except OSError as error:
        print(errno.errorcode[error.errno or 0])
    else:
        print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
