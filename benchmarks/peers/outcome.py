"""What became of a video: how many frames and seconds it has, and whether its sound is still there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import av


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one file.

    Attributes:
        frames: that decode.
        seconds: from the first frame's time to the end of the last, as long as the others are on average.
        size_wh: pixels.
        codec: of the video track.
        audio: digest of the payloads of all audio packets in order, or None without audio.
        megabytes: size of the file.
    """

    frames: int
    seconds: float
    size_wh: tuple[int, int]
    codec: str
    audio: str | None
    megabytes: float


def facts(path: Path) -> Facts:
    """Decode the video and read the audio's packets."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        digest, sounds, times = hashlib.sha256(), False, []
        for packet in container.demux(video, *container.streams.audio):
            if packet.stream is video:
                times += [frame.time for frame in packet.decode()]
            elif packet.size:
                sounds = True
                digest.update(bytes(packet))
        span = max(times) - min(times)
        return Facts(
            frames=len(times),
            seconds=span * len(times) / max(len(times) - 1, 1),
            size_wh=(video.width, video.height),
            codec=video.codec_context.name,
            audio=digest.hexdigest() if sounds else None,
            megabytes=path.stat().st_size / 1e6,
        )


def changes(before: Facts, after: Facts) -> dict[str, object]:
    """What a row says about its output."""
    audio = {None: "lost", before.audio: "kept"}.get(after.audio, "changed")
    return {
        "audio": audio if before.audio is not None else "none in the source",
        "frames_change": after.frames - before.frames,
        "duration_change_s": round(after.seconds - before.seconds, 4),
        "size_wh": list(after.size_wh),
        "codec": after.codec,
        "megabytes": round(after.megabytes, 2),
    }
