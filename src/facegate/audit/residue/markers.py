"""What the scanner looks for, kept so that it never finds itself."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from facegate.audit.residue.encodings import Encoded, encodings
from facegate.audit.residue.pieces import distinct, pieces, ramp
from facegate.audit.residue.scratch import Scratch
from facegate.errors import ShapeError
from facegate.memory.sealed import Sealed

WINDOW: Final = 32
# One word of 8 bytes is looked at in every 24 bytes of memory: wherever a window of 32 lies, exactly one is inside it.
STRIDE: Final = 24
WORD: Final = 8
TABLE_BITS: Final = 20
_DESK: Final = 1 << 20
# No array has more windows in one place, planes and alignments included.
_ENCODINGS: Final = 64
# A window with fewer different bytes may be anybody's; a word with fewer is on every page.
_BYTES_OF_WINDOW: Final = 5
_BYTES_OF_PLAIN_WINDOW: Final = 10
_BYTES_OF_WORD: Final = 3
# Zeros, ones, spaces, what glibc frees with, small numbers.
_COMMON: Final = np.array(
    [0, 2**64 - 1, 0x2020202020202020, 0x0101010101010101, 0xA5A5A5A5A5A5A5A5, 0x5A5A5A5A5A5A5A5A, 1, 2**63], np.uint64
)


class Markers(Sealed):
    """Windows of 32 bytes out of a request's data, in every encoding it may be kept in. Make it with `of`.

    Nothing is kept plain. A window is kept XORed with random bytes of its own, its words of 8 bytes multiplied by a
    random odd number, and while they are made they are in one buffer, which is overwritten. So a scan of the process
    that has the markers does not find them, and when the arrays are gone, neither are they found anywhere else.

    Attributes:
        count: windows.
        refused: windows that were not taken, since what is there (a flat patch, zeros, a ramp) is found anywhere.
        labels: (kind, encoding) of each window, e.g. ``("landmarks", "float32")``.

    Does not protect against: whoever reads this object, who can undo the mask. Close it when the scans are done.
    """

    def __init__(self, windows: NDArray[np.uint8], labels: list[tuple[str, str]], refused: int, shelf: Scratch) -> None:
        """From plain windows, which stay the caller's to wipe; `of` is what you want.

        Args:
            windows: (n, 32), all different, in `shelf`.
            labels: of each.
            refused: see the class.
            shelf: a buffer with room for a quarter more.
        """
        self.labels = labels
        self.refused = refused
        self.count = len(windows)
        self._pads: NDArray[np.uint8] = np.frombuffer(secrets.token_bytes(windows.size), np.uint8).reshape(-1, WINDOW)
        self._masked = windows ^ self._pads
        # As bytes, since numpy would put words that lie askew in a buffer of its own.
        words = shelf.array((self.count, WORD), np.uint8)
        while True:
            self._factor = np.uint64(secrets.randbits(64) | 1)
            mixed = np.empty((self.count, STRIDE), np.uint64)
            for shift in range(STRIDE):
                np.copyto(words, windows[:, shift : shift + WORD])
                np.multiply(words.view(np.uint64)[:, 0], self._factor, out=mixed[:, shift])
            self.table: NDArray[np.bool_] = np.zeros(1 << TABLE_BITS, np.bool_)
            self.table[(mixed >> np.uint64(64 - TABLE_BITS)).view(np.int64).reshape(-1)] = True
            # The words that memory is full of must not be candidates by chance, or every free page is slow.
            usual = _COMMON * self._factor >> np.uint64(64 - TABLE_BITS)
            if not self.table[usual.view(np.int64)].any():
                break
        # A second look at other bits, so that what is looked up for certain is one word in thousands.
        self._again: NDArray[np.bool_] = np.zeros(1 << TABLE_BITS, np.bool_)
        self._again[_other_bits(mixed.reshape(-1))] = True
        order = np.argsort(mixed.reshape(-1), kind="stable")
        self._words, self._first, self._repeats = np.unique(
            mixed.reshape(-1)[order], return_index=True, return_counts=True
        )
        self._owners = order // STRIDE
        self._shifts = order % STRIDE

    @classmethod
    def of(cls, *, windows: int = 16, **data: NDArray[Any] | bytes) -> Markers:
        """Markers of arrays or bytes; these are only read, and stay the caller's to wipe.

        Args:
            windows: places in each array that are looked for, each in every encoding. They are evenly spread: any
                contiguous part of at least 2 / `windows` of an array has one.
            **data: by name, which is what hits are called: ``landmarks`` (478, 3) and ``embedding`` (1404,) float32,
                ``pixels`` (H, W, 3) uint8, RGB, or any other array of points, values, pixels, or bytes.

        Raises:
            ShapeError: an array has a shape or dtype that nothing can be looked for in, or nothing in it tells it
                from others (all zeros, one colour).
        """
        if not data:
            raise ShapeError("Markers are made of at least one array.")
        if windows < 1:
            raise ShapeError(f"windows must be at least 1, not {windows}.")
        with Scratch(_DESK) as desk, Scratch(len(data) * windows * _ENCODINGS * 2 * WINDOW) as shelf:
            taken = _Taken(desk, shelf, len(data) * windows * _ENCODINGS)
            for name, given in data.items():
                before = taken.count
                array = np.frombuffer(given, np.uint8) if isinstance(given, bytes) else given
                for piece in pieces(name, array, windows, desk):
                    if piece is None:
                        taken.refused += 1
                        continue
                    for encoded in encodings(piece, desk):
                        taken.take(name, encoded)
                if taken.count == before:
                    raise ShapeError(
                        f"Nothing in {name} tells it from other data: it is too short, flat or regular to look for."
                    )
            return cls(taken.windows, taken.labels, taken.refused, shelf)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Overwrite what is kept; a scan with it is refused from now on. Idempotent."""
        self._masked[:] = 0
        self._words[:] = 0
        self.table[:] = self._again[:] = False
        self.count = 0

    @property
    def factor(self) -> np.uint64:
        """What words of memory are multiplied by before they are looked up."""
        return self._factor

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many windows of each kind and encoding there are."""
        found: dict[tuple[str, str], int] = {}
        for label in self.labels:
            found[label] = found.get(label, 0) + 1
        return found

    def owners(self, mixed: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Windows that mixed words may be of.

        Returns:
            Three arrays of one length: which of `mixed`, which window, and how many bytes into it the word is.
        """
        which = np.flatnonzero(self._again[_other_bits(mixed)])
        place = np.searchsorted(self._words, mixed[which])
        place[place == len(self._words)] = 0
        known = self._words[place] == mixed[which]
        which, place = which[known], place[known]
        repeats = self._repeats[place]
        which = np.repeat(which, repeats)
        inside = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        entry = np.repeat(self._first[place], repeats) + inside
        return which, self._owners[entry], self._shifts[entry]

    def equal(self, contents: NDArray[np.uint8], owners: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of (n, 32) `contents` are the windows named; `contents` is masked by this, not the windows unmasked."""
        np.bitwise_xor(contents, self._pads[owners], out=contents)
        return np.asarray((contents == self._masked[owners]).all(axis=1))

    def __repr__(self) -> str:
        return f"[sealed Markers: {self.count} windows]"


def _other_bits(mixed: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (mixed >> np.uint64(64 - 2 * TABLE_BITS) & np.uint64((1 << TABLE_BITS) - 1)).view(np.int64)


class _Taken:
    """Plain windows as they are chosen, in a `Scratch`."""

    def __init__(self, desk: Scratch, shelf: Scratch, room: int) -> None:
        self._desk = desk
        self._room: NDArray[np.uint8] = shelf.array((room, WINDOW), np.uint8)
        self._words = self._room.view(np.uint64)
        self._factor = np.uint64(secrets.randbits(64) | 1)
        self._mixed: NDArray[np.uint64] = np.empty(WINDOW // WORD, np.uint64)
        self._taken: set[bytes] = set()
        self.count = self.refused = 0
        self.labels: list[tuple[str, str]] = []

    @property
    def windows(self) -> NDArray[np.uint8]:
        return self._room[: self.count]

    def take(self, kind: str, encoded: Encoded) -> None:
        """Choose a window of it, the first that is good; refuse it if there is none, pass if it is there already."""
        content, target = encoded.content, self._room[self.count]
        step = 1 if encoded.numbers is None else encoded.numbers.itemsize
        last = len(content) - WINDOW
        for begin in (*range(encoded.begin, last + 1, step), *range(0, min(encoded.begin, last + 1), step)):
            np.copyto(target, content[begin : begin + WINDOW])
            if self._tells(target, encoded):
                # Of two encodings that write the same (a grey picture's RGB and BGR) the first has the name.
                # Compared under a mask: numpy compares one row with many by writing it many times into its own buffer.
                np.multiply(self._words[self.count], self._factor, out=self._mixed)
                masked = self._mixed.tobytes()
                if masked not in self._taken:
                    self._taken.add(masked)
                    self.labels.append((kind, encoded.name))
                    self.count += 1
                return
        self.refused += 1

    def _tells(self, window: NDArray[np.uint8], encoded: Encoded) -> bool:
        numbers, desk = encoded.numbers, self._desk
        least = _BYTES_OF_PLAIN_WINDOW if numbers is not None and numbers.itemsize == 1 else _BYTES_OF_WINDOW
        if distinct(window[None], desk)[0] < least or (numbers is not None and ramp(window.view(numbers), desk)):
            return False
        words = np.lib.stride_tricks.sliding_window_view(window, WORD)[:STRIDE]
        return bool((distinct(words, desk) >= _BYTES_OF_WORD).all())
