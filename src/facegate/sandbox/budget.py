"""What one child may use, derived from the policy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

from facegate.policy import MediaLimits, Policy

MIB: Final = 1 << 20
# Most address space that an upload of 64 megapixels took on top of the zygote's, the copies below set apart, was 16.1
# bytes a pixel (WebP with alpha; TIFF with alpha 16.0, PNG with alpha 14.5, JPEG 10.3), at decoding. An array of the
# worker's, encoded while all of that is held, takes 8 more.
BYTES_PER_PIXEL: Final = 24
# The upload's map, the copy that the decoder reads, and what a header's payload is put together in.
UPLOAD_COPIES: Final = 3
# Engines at their largest scan, stacks of threads, fragmentation of the heap, the arena.
REST: Final = 512 * MIB
# A request may live for the policy's ttl and keep this many cores busy all the while.
CORES: Final = 2
WARMING_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Budget:
    """What the kernel grants one child.

    Attributes:
        memory: address space beyond what the zygote has when it locks itself down, bytes.
        cpu: processor time in all, seconds. The worker's timeouts end a command much earlier; this holds also when the
            worker is stopped or busy.
    """

    memory: int
    cpu: int

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Enough for the largest upload that the policy admits and the longest request that it allows."""
        return cls(memory_for(policy.limits), CORES * math.ceil(policy.ttl) + WARMING_SECONDS)


def memory_for(limits: MediaLimits) -> int:
    """Address space for one upload at the limits, decoded, analyzed, redacted and encoded; bytes."""
    return math.ceil(limits.bytes * UPLOAD_COPIES + limits.pixels * BYTES_PER_PIXEL) + REST
