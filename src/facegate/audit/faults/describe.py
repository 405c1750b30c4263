"""docs/faults.md, from the table: ``python -m facegate.audit.faults.describe > docs/faults.md``."""

from __future__ import annotations

from facegate.audit.faults.table import FAULT_MEANINGS, FAULTS, MEANINGS, SENSELESS, STAGES, ends

_HEAD = """# The fault matrix

Written by `python -m facegate.audit.faults.describe`; a test holds it against the code.

`make faults` runs 12,000 requests, each of which meets one fault at one stage of its way; `make test` runs one for
each cell. A cell is replayed alone with the seed that the report gives it: `python -m facegate.audit.faults STAGE
FAULT --seed N`.

## What is looked at afterwards
Of every request: its receipt is signed, verifies, was handed out as OPEN and then CLOSE, and says the end that the
fault must lead to; everything was wiped and read back by it, and reads zero through a map of our own, too, which was
made before; its regions are closed, its child is gone, views that were kept read zeros and lie in no map of its
memory, handles refuse.

Of every batch (a cell, or the cells of one fault where each has few requests): no process, thread, descriptor,
mapping or locked page more than before; nothing written to a file, pipe or terminal, nothing logged but facegate's
own events (docs/load.md); nobody keeps a request's state. Then the memory of the worker, the zygote, the spares and
a fork of the worker is searched for the batch's person, whom no other batch has: 478 landmarks, embedding and
pixels, in all the encodings of the residue scanner, while the errors that were raised are still kept with all their
frames. A process of its own makes the markers and the search, so that the worker has had the person in no form but
what facegate showed it. Each kind of gate is searched once while the picture is shown, and the person must be found
then: otherwise every cell says "not verified". A hit is counted for each cell of the batch.

A worker that is killed signs nothing: its requests have an OPEN receipt that verifies and no CLOSE, and every process
below it is gone.

The child is the one that facegate ships, in every protection, with the real engines; what acts in its stages is put
around them by a program of the audit's own (`facegate.audit.faults.program`). The zygote that serves requests has
neither the command nor the code.

Does not protect against: faults at other places than these, two faults at once, the death of the zygote (see
`tests/leak/ends.py`), defects of the kernel. Memory is searched after a batch, not after each request.

That the matrix can fail is tested by a leaky build: `tests/fault/leaky.py` brings in one leak after the other, and
each must be told by name.
"""


def page() -> str:
    """The page."""
    lines = [_HEAD, "## Stages and faults", "| stage | what happens there |", "|---|---|"]
    lines += [f"| {stage} | {MEANINGS[stage]} |" for stage in STAGES]
    lines += ["", "| fault | what it is |", "|---|---|"]
    lines += [f"| {fault} | {FAULT_MEANINGS[fault]} |" for fault in FAULTS]
    lines += ["", "## How a request must end", "Outcome, error and the child's end, as on the receipt; patterns.", ""]
    lines += ["| fault | " + " | ".join(STAGES) + " |", "|---" * (len(STAGES) + 1) + "|"]
    lines += [f"| {fault} | " + " | ".join(_cell(stage, fault) for stage in STAGES) + " |" for fault in FAULTS]
    lines += ["", "## Cells that make no sense", "| stage | fault | why |", "|---|---|---|"]
    lines += [f"| {stage} | {fault} | {why} |" for (stage, fault), why in SENSELESS.items()]
    return "\n".join(lines) + "\n"


def _cell(stage: str, fault: str) -> str:
    if (stage, fault) in SENSELESS:
        return "-"
    if fault == "worker killed":
        return "OPEN alone"
    return "<br>".join(f"`{end}`".replace("|", "\\|") for end in ends(stage, fault))


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is what it is for
