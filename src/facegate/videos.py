"""What a request does with a video; the worker's side, which never parses one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from facegate.arguments import whole, word
from facegate.codes import to_error
from facegate.errors import OutputError, ProtocolError
from facegate.media import VideoFacts
from facegate.streaming import Progress, Puller

if TYPE_CHECKING:
    from facegate.custody import Custody
    from facegate.incoming import PlainFile
    from facegate.memory.regions import AnyRegion
    from facegate.policy import VideoLimits
    from facegate.targets import Target

CONTAINERS: Final = ("mp4", "mov", "mkv", "webm", "avi", "gif", "webp")
READABLE: Final = frozenset({*CONTAINERS, "ts"})
PROFILES: Final = ("fast", "balanced", "thorough")
Told: TypeAlias = Callable[[Progress], object]
# Names of codecs and presets are the child's to know; this keeps a header small.
_LONGEST_NAME: Final = 32


def admit(
    custody: Custody, upload_id: int, upload: PlainFile | tuple[AnyRegion, int], limits: VideoLimits
) -> VideoFacts:
    """Hand a video to the child, which looks at its header; inside `Custody.working`.

    Args:
        custody: of the request.
        upload_id: of the upload.
        upload: a plain file, or a sealed region and the bytes used in it. The child reads it as long as the request
            lasts.
        limits: of the policy.

    Raises:
        UploadError: it is no video that facegate reads, over a limit or damaged.
    """
    if isinstance(upload, tuple):
        file: int | AnyRegion = upload[0]
        start, size = 0, upload[1]
    else:
        file, start, size = upload.descriptor, upload.start, upload.size
    if size > limits.bytes:
        raise to_error("limit.bytes", custody.request_id)
    if not size:
        raise to_error("format.empty", custody.request_id)
    answer = custody.call(
        {"do": "video.admit", "upload": upload_id, "start": start, "bytes": size, "limits": limits.as_dict()},
        files=[file],
    )
    side = int(limits.side)
    return VideoFacts(
        size_wh=(whole(answer, "width", 1, side), whole(answer, "height", 1, side)),
        duration=_positive(answer, "duration"),
        frames=None if answer.get("frames") is None else whole(answer, "frames", 0, 1 << 31),
        rate=_positive(answer, "rate") or 0.0,
        format=word(answer, "format", READABLE),
        tracks=whole(answer, "tracks", 1, int(limits.tracks)),
    )


def output_settings(
    container: str | None, codec: str | None, preset: str | None, quality: int | None
) -> dict[str, Any]:
    """How a video is to be encoded, as the child takes it.

    Raises:
        OutputError: one of them cannot be; which codecs, presets and qualities go together, the child says.
    """
    container = "mp4" if container is None else container
    if container not in CONTAINERS:
        raise OutputError(f"format of a video must be one of {', '.join(CONTAINERS)}.")
    for name, value in (("codec", codec), ("preset", preset)):
        if value is not None and (not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME):
            raise OutputError(f"{name} must be the name of one, or None.")
    if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
        raise OutputError("quality must be a whole number from 1 to 100.")
    return {"container": container, "codec": codec, "preset": preset, "quality": quality}


def write(
    custody: Custody,
    start: dict[str, Any],
    facts: VideoFacts,
    target: Target,
    limits: VideoLimits,
    told: Told | None,
) -> Puller:
    """Have the child make the output, and put it into the target; what was made is discarded if anything fails.

    Args:
        custody: of the request.
        start: the command that starts it.
        facts: of the upload.
        target: not kept yet when this returns.
        limits: of the policy.
        told: called with the progress, about twice a second at least.
    """

    def tell(puller: Puller) -> None:
        if told is not None:
            told(Progress(puller.frames, facts.frames, puller.seconds, facts.duration))

    puller = Puller(custody, target, int(limits.bytes))
    try:
        puller.pull(start, tell)
        target.whole()
    except BaseException:
        target.discard()
        raise
    return puller


def _positive(answer: dict[str, Any], key: str) -> float | None:
    """A number that a child sent, or None.

    Raises:
        ProtocolError: it is neither, or negative.
    """
    value = answer.get(key)
    if value is None:
        return None
    if type(value) not in {int, float} or not math.isfinite(value) or value < 0:
        raise ProtocolError(f"The child sent no usable {key}.")
    return float(value)
