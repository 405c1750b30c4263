"""What one child may use, derived from the policy."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Final, Self

from facegate.engine import Engine
from facegate.policy import MediaLimits, Policy, VideoLimits

MIB: Final = 1 << 20
# Most address space that an upload of 64 megapixels took on top of the zygote's, the copies below set apart, was 16.1
# bytes a pixel (WebP with alpha; TIFF with alpha 16.0, PNG with alpha 14.5, JPEG 10.3), at decoding. An array of the
# worker's, encoded while all of that is held, takes 8 more.
BYTES_PER_PIXEL: Final = 24
# The upload's map, the copy that the decoder reads, and what a header's payload is put together in.
UPLOAD_COPIES: Final = 3
# Most that encoding took, per pixel of a frame (4096x2304, 10 bits, 4:2:0, preset medium): 690 bytes for SVT-AV1 with
# two lines of work, 460 for x265 and 440 for x264 with 8 threads; 4:4:4 takes twice as much of the last two. Beside it
# lie frames that the decoder refers to and those that wait until their faces are known, about 40 of 3 to 6 bytes a
# pixel.
VIDEO_BYTES_PER_PIXEL: Final = 1_200
# Engines at their largest scan, stacks of threads, fragmentation of the heap, the arena.
REST: Final = 512 * MIB
# Graphs, threads and working memory of an engine that is not facegate's.
OTHER_ENGINE: Final = 512 * MIB
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
        video_memory: as `memory`, from when the worker hands the child a video; never less than that.
        video_cpu: as `cpu`, from then on.
    """

    memory: int
    cpu: int
    video_memory: int = 0
    video_cpu: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "video_memory", max(self.memory, self.video_memory))
        object.__setattr__(self, "video_cpu", max(self.cpu, self.video_cpu))

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Enough for the largest upload that the policy admits and the longest request that it allows."""
        seconds, cores = math.ceil(policy.ttl), len(os.sched_getaffinity(0))
        others = 0 if Engine.of(policy.wanted()).shipped else OTHER_ENGINE
        return cls(
            memory_for(policy.limits) + others,
            CORES * seconds + WARMING_SECONDS,
            video_memory_for(policy.video) + others,
            cores * seconds + WARMING_SECONDS,
        )


def memory_for(limits: MediaLimits) -> int:
    """Address space for one upload at the limits, decoded, analyzed, redacted and encoded; bytes."""
    return math.ceil(limits.bytes * UPLOAD_COPIES + limits.pixels * BYTES_PER_PIXEL) + REST


def video_memory_for(limits: VideoLimits) -> int:
    """Address space for one video at the limits, decoded, followed, redacted and encoded; bytes. It is never mapped."""
    return math.ceil(limits.pixels * VIDEO_BYTES_PER_PIXEL) + REST
