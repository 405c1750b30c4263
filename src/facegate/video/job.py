"""One video from its packets to redacted ones, on threads that hold a bounded number of frames.

Decoding, looking for faces, covering and encoding overlap. Whatever fails in any of them ends the whole, and nothing
that could be taken afterwards makes the output complete: it is whole or there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import av

from facegate.codes import Refusal
from facegate.video.covering import Redacted, Redaction
from facegate.video.outgoing import Cut, Outgoing
from facegate.video.pipeline import Flow
from facegate.video.stages import Follower, Item, Sink, Source, Steps, covering, following, joined, reading

# Bytes that are worth an answer before its time.
_WORTH: Final = 256 << 10


class RedactJob:
    """Decodes, follows, covers and encodes.

    Args:
        source: closed at the end.
        follower: of this video.
        redaction: how faces are covered.
        sink: makes what encodes and muxes, given the file to write to; called in the thread that encodes.
        limit: bytes that the output may have.

    Attributes:
        steps: how far it is.
    """

    def __init__(
        self,
        source: Source,
        follower: Follower,
        redaction: Redaction,
        sink: Callable[[Outgoing], Sink],
        limit: int,
    ) -> None:
        self.steps = Steps()
        flow = Flow()
        self._out = Outgoing(flow, limit)
        self._sink = sink
        self._opened = False
        self._pipeline = joined(
            flow,
            lambda: self.steps.counted(self._read(source)),
            [following(follower), lambda items: self.steps.counted(covering(items, redaction)), self._encoded],
            ("facegate-decode", "facegate-follow", "facegate-cover", "facegate-encode"),
        )
        # Its threads look at it.
        self._pipeline.start()

    @property
    def beats(self) -> int:
        """Steps so far: an encoder that is emptied takes no frames any more, but writes."""
        return self.steps.beats + self._out.writes

    def take(self, into: memoryview, most: int, wait: float) -> tuple[list[list[int]], bool]:
        """Move what is ready into memory.

        Args:
            into: filled from its beginning.
            most: pieces.
            wait: seconds to wait if nothing is ready.

        Returns:
            For each piece its place in the output and its length, and whether the output is whole with these.

        Raises:
            BaseException: what ended the work; whatever was taken before is a part of nothing.
        """
        flow = self._pipeline.flow
        with flow.changed:
            # Not for every few bytes that an encoder lets go of: a command costs more than they do.
            flow.changed.wait_for(lambda: self._out.load >= _WORTH or self._pipeline.over, wait)
            pieces = [] if flow.stopped else self._out.take(into, most)
            over = self._pipeline.over and not self._out.filled
        if flow.stopped or over:
            # Joins all threads, and raises what any of them failed with, the last moment included.
            next(self._pipeline, None)
        return pieces, over

    def close(self) -> None:
        """End whatever runs and wait for it; raises nothing."""
        self._pipeline.close()

    def _read(self, source: Source) -> Iterator[Item]:
        # The sink looks at the source while it is made, and no decoder may be at work on it then.
        flow = self._pipeline.flow
        try:
            with flow.changed:
                flow.wait_for(lambda: self._opened)
        except BaseException:
            source.close()
            raise
        yield from reading(source)

    def _encoded(self, items: Iterator[Redacted | av.Packet[Any]]) -> Iterator[Any]:
        flow = self._pipeline.flow
        try:
            sink = self._sink(self._out)
            with flow.changed:
                self._opened = True
                flow.changed.notify_all()
            for item in items:
                if isinstance(item, Redacted):
                    sink.frame(item.frame)
                    self.steps.through(item.frame)
                else:
                    sink.packet(item)
                self.steps.beats += 1
            sink.close()
        except av.FFmpegError as error:
            raise (MemoryError() if isinstance(error, MemoryError) else Refusal("output.failed")) from None
        except Cut:
            return
        yield from ()
