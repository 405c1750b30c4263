"""One file through one request: opened once, redacted, and put in its place with its receipt."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from facegate.commands.batch.manifest import Manifest, Record
from facegate.commands.batch.place import Place, writing
from facegate.commands.batch.plan import Job
from facegate.commands.batch.settings import Settings
from facegate.errors import OutputError, ReceiptError, UploadError

if TYPE_CHECKING:
    from facegate.gate import Gate
    from facegate.request import Request
    from facegate.streaming import Progress
    from facegate.wishes import Container

_MARGIN: Final = 0.25  # of pictures, as everywhere in facegate
# A hung request ends by the timeout of its commands long before; a long video is no hung request.
VIDEO_TTL: Final = 86_400.0  # seconds
PICTURE_TTL: Final = 300.0
Watch: TypeAlias = "Callable[[Progress], None]"


@dataclass(frozen=True, slots=True)
class Made:
    """What a request made of a file.

    Attributes:
        request: its ID.
        faces: in a picture.
        kept: of these, how many were left.
        frames: of a video.
        chosen: of a video, faces that were to be left, 0 or 1; wherever it is not certain who it is, all are covered.
    """

    request: str
    faces: int | None = None
    kept: int | None = None
    frames: int | None = None
    chosen: int | None = None


def work(gate: Gate, job: Job, settings: Settings, place: Place, manifest: Manifest, watch: Watch) -> Made:
    """Redact one file, give the output and its receipt their names, and write down that it is done.

    Raises:
        FacegateError: it could not be done; nothing of it is left.
        OSError: the file cannot be read.
    """
    request_id = f"batch-{secrets.token_hex(8)}"
    with _opened(job.item.path) as (descriptor, before), place.stage() as staged:
        video = job.item.kind.media == "video"
        ttl = VIDEO_TTL if video else PICTURE_TTL
        with gate.open_request(request_id, purpose="generation", ttl=ttl) as request:
            made = (_video if video else _picture)(request, descriptor, job, settings, staged, watch)
        after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UploadError("The file changed while it was read.")
        if request.receipt is None or request.receipt.phase != "CLOSE":
            raise ReceiptError("The request left no receipt.")
        with staged.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        place.publish(staged, job.target, job.receipt, request.receipt.to_json())
    manifest.add(
        Record(
            input=job.item.name,
            size=before.st_size,
            mtime_ns=before.st_mtime_ns,
            output=job.output,
            sha256=digest,
            settings=job.settings,
            request=request_id,
        )
    )
    return made


def _picture(request: Request, descriptor: int, job: Job, settings: Settings, staged: Path, _: Watch) -> Made:
    upload = request.admit(descriptor, media="image")
    # Chosen by its box: to leave a face as it is, nothing else of it need be known.
    faces = request.analyze(upload, subject="none")
    keep = faces[0] if settings.keep == "largest" and len(faces) else None
    margin = _MARGIN if settings.margin is None else settings.margin
    safe = request.redact(upload, keep=keep, style=settings.style, shape=settings.shape, margin=margin)
    count = len(faces)
    output = request.finish(safe, format=job.format, quality=settings.quality)
    with writing():
        staged.write_bytes(output.data)
    return Made(request.request_id, faces=count, kept=int(keep is not None))


def _video(request: Request, descriptor: int, job: Job, settings: Settings, staged: Path, watch: Watch) -> Made:
    upload = request.admit(descriptor, media="video")
    keep = None
    if settings.keep == "largest":
        # On the first frame, as of many files nobody says where to look; the face is followed from there.
        faces = request.analyze(upload, subject="none")
        keep = faces[0] if len(faces) else None
    safe = request.redact(
        upload, keep=keep, style=settings.style, shape=settings.shape, margin=settings.margin, profile=settings.profile
    )
    try:
        output = request.finish(
            safe,
            format=cast("Container", job.format),
            codec=settings.codec,
            preset=settings.preset,
            quality=settings.quality,
            to=staged,  # a path, whose file is written as it comes; a file object would get it out of memory in the end
            progress=watch,
        )
    except OutputError as error:
        # The temporary file's name would tell the user nothing.
        raise OutputError(error.reason.replace(str(staged), str(job.target))) from None
    return Made(request.request_id, frames=output.frames, chosen=int(keep is not None))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """The file, and what it was when it was opened: what is read is what the manifest will speak of."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor, os.fstat(descriptor)
    finally:
        os.close(descriptor)
