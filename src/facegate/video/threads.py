"""How many threads each part of the work may have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

# More frames in the work cost memory, and gain nothing beside an encoder that is the slowest part.
_MOST_DECODING = 4
_MOST_LOOKING = 4
_MOST_ENCODING = 16


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
    def of_this_machine(cls) -> Self:
        """For the cores that this process may use."""
        return cls.of(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)

    @classmethod
    def of(cls, cores: int) -> Self:
        """For so many cores. The encoder gets them all: whoever waits for it leaves them to it."""
        return cls(
            decode=min(max(1, cores // 2), _MOST_DECODING),
            look=min(max(1, cores // 2), _MOST_LOOKING),
            encode=min(cores, _MOST_ENCODING),
        )
