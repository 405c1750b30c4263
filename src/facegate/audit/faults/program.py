"""The real zygote with the workbench that fails on command: ``python -m facegate.audit.faults.program FD MEMORY CPU``.

Started by `facegate.audit.faults.gate` alone. What facegate ships to serve requests, ``facegate.sandbox.zygote``, has
neither the command nor the code.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from facegate.sandbox import zygote

if TYPE_CHECKING:
    from facegate.audit.faults.bench import FaultBench


def make() -> FaultBench:
    """The workbench; the heavy import."""
    from facegate.audit.faults.bench import FaultBench  # noqa: PLC0415

    return FaultBench()


if __name__ == "__main__":
    zygote.start(sys.argv[1:], make)
