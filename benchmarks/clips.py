"""The beginning of a clip, without encoding it again."""

from __future__ import annotations

from pathlib import Path

import av


def first_frames(source: Path, frames: int, target: Path) -> int:
    """Copy the packets of the first frames, and of what sounds with them.

    Args:
        source: any video that `target`'s container takes.
        frames: at most so many; fewer where a frame that is shown later is needed for one that is shown before.
        target: overwritten.

    Returns:
        How many frames there are in it; they are the first ones of the source, without a gap.

    Raises:
        ValueError: fewer than one frame is left.
    """
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        video = reading.streams.video[0]
        packets = [packet for packet in reading.demux() if packet.dts is not None]
        times = [packet.pts for packet in packets if packet.stream is video]
        kept = _closed(times, frames)
        if not kept:
            raise ValueError(f"{source.name} cannot be cut to {frames} frames.")
        last = max(times[:kept]) * video.time_base
        streams = {
            each.index: writing.add_stream_from_template(each)
            for each in reading.streams
            if each.type in {"video", "audio"}
        }
        seen = 0
        for packet in packets:
            if packet.stream.index not in streams:
                continue
            if packet.stream is video:
                seen += 1
                if seen > kept:
                    continue
            elif packet.pts * packet.time_base > last:
                continue
            packet.stream = streams[packet.stream.index]
            writing.mux(packet)
    return kept


def _closed(times: list[int], frames: int) -> int:
    """The largest count up to `frames` of packets, in decoding order, that show all frames up to their last."""
    if frames >= len(times):
        return len(times)
    earliest = times[-1]
    # Earliest time among the packets from each place on.
    ahead = [earliest := min(earliest, each) for each in reversed(times)][::-1]
    return max((count for count in range(1, frames + 1) if max(times[:count]) < ahead[count]), default=0)
