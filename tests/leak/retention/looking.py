"""The residue scanner, on folders alone: which marks are in which files, in whatever encoding."""

from __future__ import annotations

from pathlib import Path

from facegate.audit.residue import Markers
from facegate.audit.residue.places import Places
from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.search import BLOCK, Search
from facegate.audit.residue.sweep import Sweep


def look(markers: Markers, *where: Path) -> dict[str, set[str]]:
    """Kinds of marks, as `Markers.of` names them, and the files that have any of it.

    Every file, and every file below a folder, is read to its end, or this fails.
    """
    with Scratch(3 * BLOCK) as scratch:
        sweep = Sweep(Search(markers, scratch))
        places = Places(sweep)
        for path in where:
            assert path.exists(), path
            if path.is_dir():
                places.folder(path)
            else:
                places._file(str(path), str(path))
    assert not sweep.unreadable, sweep.unreadable
    assert sweep.bytes_scanned, "There was nothing to look at."
    found: dict[str, set[str]] = {}
    for hit in sweep.hits:
        found.setdefault(hit.kind, set()).add(hit.where)
    return found
