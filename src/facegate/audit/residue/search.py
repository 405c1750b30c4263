"""One pass over memory for all markers at once, at the speed of memory within a small factor.

Looked at is one word of 8 bytes in every 24: wherever a window of 32 bytes lies, exactly one such word is inside it,
and all 24 words that this can be are known. A word is multiplied, its upper bits looked up in a table; the few that may
be a marker's are looked up for certain, and the 32 bytes around them compared under the mask. Nothing is approximate: a
hit is a window, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facegate.audit.residue.markers import STRIDE, TABLE_BITS, WINDOW, WORD, Markers
from facegate.audit.residue.scratch import Scratch

# Multiple of the stride, of a page and of a word; with what is computed from it this stays in a processor's own cache.
BLOCK: Final = STRIDE * 16384
HEAD: Final = 32
_BATCH: Final = 2048


@dataclass(slots=True)
class Found:
    """Windows of one kind and encoding in one place.

    Attributes:
        count: how many.
        first: address, or offset in the file, of the first.
    """

    count: int
    first: int


class Search:
    """Looks for markers in what is put in its `block`, piece after piece.

    Args:
        markers: to look for.
        scratch: its buffers are made there, so that the scanner knows where its own copies are.
    """

    def __init__(self, markers: Markers, scratch: Scratch) -> None:
        self._markers = markers
        self._data: NDArray[np.uint8] = scratch.array(HEAD + BLOCK + WINDOW, np.uint8)
        self._mixed: NDArray[np.uint64] = scratch.array(BLOCK // STRIDE, np.uint64)
        self._index: NDArray[np.uint64] = scratch.array(BLOCK // STRIDE, np.uint64)
        self._may: NDArray[np.bool_] = scratch.array(BLOCK // STRIDE, np.bool_)
        self._windows: NDArray[np.uint8] = scratch.array((_BATCH, WINDOW), np.uint8)
        self._before = 0

    @property
    def block(self) -> NDArray[np.uint8]:
        """Where the next bytes go: `BLOCK`, and behind them those of the next block that a window may reach into."""
        return self._data[HEAD:]

    def begin(self) -> None:
        """What comes next does not follow on what was there."""
        self._before = 0

    def look(self, filled: int, address: int, found: dict[tuple[str, str], Found]) -> None:
        """Search the block.

        Args:
            filled: bytes of `block` that are there; more than `BLOCK` only if the next block begins at its `BLOCK`.
            address: of its first byte.
            found: added to.
        """
        count = -(-max(min(filled, BLOCK) - WORD + 1, 0) // STRIDE)
        words = self._data[HEAD : HEAD + BLOCK].view(np.uint64)[:: STRIDE // WORD][:count]
        mixed, index, may = self._mixed[:count], self._index[:count], self._may[:count]
        np.multiply(words, self._markers.factor, out=mixed)
        np.right_shift(mixed, np.uint64(64 - TABLE_BITS), out=index)
        # Any other mode than "raise" writes straight to `out`.
        np.take(self._markers.table, index.view(np.int64), out=may, mode="wrap")
        candidates = np.flatnonzero(may)
        if len(candidates):
            self._confirm(candidates, filled, address, found)
        # The next block's windows may begin in this one.
        self._data[:HEAD] = self._data[BLOCK : BLOCK + HEAD]
        self._before = HEAD if filled >= BLOCK else 0

    def _confirm(
        self, candidates: NDArray[np.intp], filled: int, address: int, found: dict[tuple[str, str], Found]
    ) -> None:
        which, owners, shifts = self._markers.owners(self._mixed[candidates])
        starts = HEAD + candidates[which] * STRIDE - shifts
        inside = (starts >= HEAD - self._before) & (starts + WINDOW <= HEAD + filled)
        starts, owners = starts[inside], owners[inside]
        for at in range(0, len(starts), _BATCH):
            begin, owner = starts[at : at + _BATCH], owners[at : at + _BATCH]
            windows = self._windows[: len(begin)]
            np.take(self._data, begin[:, None] + np.arange(WINDOW), out=windows, mode="clip")
            for number in np.flatnonzero(self._markers.equal(windows, owner)):
                place = address + int(begin[number]) - HEAD
                label = self._markers.labels[owner[number]]
                if label in found:
                    found[label].count += 1
                else:
                    found[label] = Found(1, place)
