"""How many threads each part of the work may have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

# More frames in the work cost memory, and gain nothing beside an encoder that is the slowest part.
_MOST_DECODING = 4
_MOST_LOOKING = 4
_MOST_ENCODING = 16
# From this size on fewer: with 16 threads x264 took 3.5 GB for frames of 4096x2304, with 8 threads 2.5.
_LARGE_PIXELS = 4_000_000
_MOST_ENCODING_LARGE = 8


@dataclass(frozen=True, slots=True)
class Threads:
    """A division of the cores.

    Attributes:
        decode: of the decoder.
        look: of the networks that look for faces.
        encode: of the encoder.
    """

    decode: int
    look: int
    encode: int

    @classmethod
    def of_this_machine(cls, pixels: int) -> Self:
        """For the cores that this process may use, and frames of so many pixels."""
        return cls.of(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, pixels)

    @classmethod
    def of(cls, cores: int, pixels: int = 0) -> Self:
        """For so many cores. The encoder gets them all: whoever waits for it leaves them to it."""
        most = _MOST_ENCODING if pixels < _LARGE_PIXELS else _MOST_ENCODING_LARGE
        return cls(
            decode=min(max(1, cores // 2), _MOST_DECODING),
            look=min(max(1, cores // 2), _MOST_LOOKING),
            encode=min(cores, most),
        )
