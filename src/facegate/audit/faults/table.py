"""Which faults are made at which stage of a request, and how a request must end that met one.

Child stages are places in the child's work; worker stages are places in the worker's. A cell is a stage and a fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from facegate.receipt import Verified

STAGES: Final = (
    "accept",
    "header",
    "decode",
    "detect",
    "crop",
    "mesh",
    "embed",
    "publish",
    "consume",
    "redact",
    "encode",
    "purge",
)
WORKER_STAGES: Final = frozenset({"accept", "consume", "purge"})
SIGNALS: Final = ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGTERM")
FAULTS: Final = (
    *SIGNALS,
    "memory limit",
    "cgroup OOM",
    "CPU limit",
    "hang",
    "exception",
    "cancel",
    "fork",
    "client gone",
    "worker killed",
)
# What the child does to itself, and what somebody else does while the child waits in the stage.
SELF_MADE: Final = frozenset({*SIGNALS, "memory limit", "cgroup OOM", "CPU limit", "hang", "exception"})

MEANINGS: Final = {
    "accept": "the worker reads the upload",
    "header": "the child reads the upload's header",
    "decode": "the child decodes the pixels",
    "detect": "the child looks for faces",
    "crop": "the child cuts the subject's face out",
    "mesh": "the child computes the landmarks",
    "embed": "the child computes the embedding",
    "publish": "results are in the arena, the worker has not been told",
    "consume": "the worker looks at landmarks, embedding and pixels inside `expose`",
    "redact": "the child covers faces",
    "encode": "the child encodes the output",
    "purge": "the request is being let go of",
}
FAULT_MEANINGS: Final = {
    **{name: f"{name} to the child" for name in SIGNALS},
    "memory limit": "the child's address space is used up",
    "cgroup OOM": "a memory cgroup of the child's own is used up, and the kernel kills it",
    "CPU limit": "the child burns processor time up to its limit",
    "hang": "the stage goes on for ever",
    "exception": "an error is raised where locals hold what is secret",
    "cancel": "another thread, or the event loop, cancels the request",
    "fork": "the worker forks",
    "client gone": "the upload's connection breaks, or the caller leaves without waiting",
    "worker killed": "SIGKILL to the worker, with a request open at every stage",
}

_IDLE: Final = "the child only waits for a command here: it allocates nothing and uses no processor"
_DYING: Final = "the child is being killed here: it allocates nothing and uses no processor"
# Cells that make no sense, and why.
SENSELESS: Final[dict[tuple[str, str], str]] = {
    (stage, fault): _DYING if stage == "purge" else _IDLE
    for stage in sorted(WORKER_STAGES)
    for fault in ("memory limit", "cgroup OOM", "CPU limit")
}


def cells() -> list[tuple[str, str]]:
    """Every cell that makes sense, by fault, then by stage."""
    return [(stage, fault) for fault in FAULTS for stage in STAGES if (stage, fault) not in SENSELESS]


@dataclass(frozen=True, slots=True)
class End:
    """One way in which a request may end; the patterns match whole words.

    Attributes:
        outcome: of the receipt.
        error: of the receipt, "" for none.
        child: how the child ended.
    """

    outcome: str
    error: str
    child: str = "killed at purge"

    def fits(self, seen: Verified) -> bool:
        """Whether a receipt says this."""
        pairs = ((self.outcome, seen.outcome), (self.error, seen.error), (self.child, seen.child_end))
        return all(re.fullmatch(pattern, found or "") is not None for pattern, found in pairs)

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.outcome, self.error, self.child)))


def ends(stage: str, fault: str) -> tuple[End, ...]:
    """How a request may end that met the fault at the stage; any other end is a failure of the cell."""
    if fault == "fork":
        return (End("finished", ""),)
    if stage == "purge":
        # The first cause stays: whatever comes during purge, the output had been made. A signal races with our own.
        return (End("finished", "", f"killed at purge|signal {fault}" if fault in SIGNALS else "killed at purge"),)
    if fault in SIGNALS:
        return (End("child-crashed", "ChildCrashedError", f"signal {fault}"),)
    return _IN_WORKER.get((stage, fault)) or (_ELSEWHERE | (_WAITING if stage in WORKER_STAGES else {}))[fault]


# Python and OpenCV say that there is no memory; a library that does not look dies of it.
_ELSEWHERE: Final = {
    "memory limit": (
        End("exception", "LimitExceededError"),
        End("child-crashed", "ChildCrashedError", "signal SIG(ABRT|SEGV|BUS)"),
    ),
    "cgroup OOM": (End("child-crashed", "ChildCrashedError", "signal SIGKILL"),),
    "CPU limit": (End("timeout", "SandboxTimeoutError", "signal SIGXCPU"),),
    "cancel": (End("cancelled", "(CancelledError)?"),),
    "hang": (End("timeout", "SandboxTimeoutError"),),
    "client gone": (End("abandoned", ""),),
    "exception": (End("exception", "DecodeError"), End("child-crashed", "ChildCrashedError", "exit 1")),
}
_WAITING: Final = {"hang": (End("expired", ""),), "exception": (End("exception", "FaultError"),)}
_IN_WORKER: Final = {("accept", "client gone"): (End("exception", "ConnectionResetError"),)}
