"""What is taken over from the upload besides its picture, by a list of what may pass: the rest is left behind.

Taken over: audio and subtitle tracks, packet by packet, with their language and disposition; fonts; the times of
chapters. Left behind: every other picture (covers, thumbnails, further video tracks: they show faces), data tracks
(positions, time codes, sensor readings), every text that is no language (titles, authors, devices, dates, places, names
of chapters and files), and tracks that the output's container cannot hold.
"""

from __future__ import annotations

import functools
import io
import re
from fractions import Fraction
from typing import Final, NamedTuple

import av
import av.container
from av.stream import AttachmentStream, Disposition, Stream

from facegate.video.info import TrackKind

# FFmpeg's names of what may be written. An MPEG-TS upload becomes an MP4 unless told otherwise.
MUXERS: Final[dict[str, str]] = {
    "mp4": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
    "avi": "avi",
    "gif": "gif",
    "webp": "webp",
}
_INSTEAD: Final[dict[str, str]] = {"ts": "mp4"}
_DISPOSITIONS: Final = (
    Disposition.default
    | Disposition.dub
    | Disposition.original
    | Disposition.comment
    | Disposition.lyrics
    | Disposition.karaoke
    | Disposition.forced
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.captions
    | Disposition.descriptions
)
# ISO 639-2 or a short BCP 47 tag; anything longer could be a message.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_FONTS: Final[dict[str, str]] = {
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/sfnt": "ttf",
    "font/collection": "ttc",
    "application/x-truetype-font": "ttf",
    "application/x-font-ttf": "ttf",
    "application/x-font-otf": "otf",
    "application/font-sfnt": "ttf",
    "application/vnd.ms-opentype": "otf",
}
# What a font file begins with: a picture that is called a font stays behind.
_FONT_HEADS: Final = (b"\0\1\0\0", b"OTTO", b"true", b"ttcf")
_CHAPTERS: Final = 1_000


class Track(NamedTuple):
    """One track of the upload.

    Attributes:
        number: its index in the upload.
        kind: what it holds.
        codec: FFmpeg's name of its coding.
        decoder: FFmpeg's name of what reads it; empty when nothing does.
    """

    number: int
    kind: TrackKind
    codec: str
    decoder: str


class Chapter(NamedTuple):
    """When a chapter is; its title is left behind.

    Attributes:
        start: in units of `time_base`.
        end: likewise.
        time_base: seconds.
    """

    start: int
    end: int
    time_base: Fraction


class Carried(NamedTuple):
    """What an upload has besides its picture.

    Attributes:
        tracks: all, in the upload's order.
        indices: of those whose packets the source hands on.
        streams: FFmpeg's, by index, for `indices`.
        fonts: (type, data), attachments that are fonts.
        chapters: their times.
    """

    tracks: tuple[Track, ...]
    indices: frozenset[int]
    streams: dict[int, Stream]
    fonts: tuple[tuple[str, bytes], ...]
    chapters: tuple[Chapter, ...]


NOTHING_ELSE: Final = Carried((), frozenset(), {}, (), ())


def carried(container: av.container.InputContainer) -> Carried:
    """Sort an upload's tracks into what may be carried over and what not.

    Args:
        container: open.
    """
    tracks = tuple(_track(stream) for stream in container.streams)
    indices = frozenset(track.number for track in tracks if track.kind in {"audio", "subtitle"} and track.decoder)
    return Carried(
        tracks=tracks,
        indices=indices,
        streams={index: container.streams[index] for index in indices},
        fonts=tuple(_fonts(container)),
        chapters=tuple(_chapters(container)),
    )


def holds(container: str, track: Track) -> bool:
    """Whether an output of this kind can hold the track's packets as they are.

    Args:
        container: of the output; an upload's kind that cannot be written stands for what is written instead.
        track: of the upload.
    """
    name = _INSTEAD.get(container, container)
    if track.kind == "attachment":
        return name == "mkv" and track.codec in _FONTS
    return track.kind in {"audio", "subtitle"} and track.decoder in supported(name)


def written_as(container: str) -> str:
    """The kind of output that an upload of this kind becomes when none is asked for."""
    return _INSTEAD.get(container, container)


def describe(source: Stream, target: Stream) -> None:
    """Give a copied track its language and its role, and nothing else that the upload says of it."""
    language = source.metadata.get("language", "")
    if _LANGUAGE.fullmatch(language):
        target.metadata["language"] = language
    target.disposition = Disposition(source.disposition) & _DISPOSITIONS


def font_name(number: int, mimetype: str) -> str:
    """A name for a font that says nothing: players look inside."""
    return f"font-{number}.{_FONTS[mimetype]}"


def _track(stream: Stream) -> Track:
    kind = stream.type
    if isinstance(stream, AttachmentStream):
        return Track(stream.index, kind, stream.mimetype or "unknown", "")
    context = getattr(stream, "codec_context", None)
    if context is None:
        return Track(stream.index, kind, str(getattr(stream, "name", None) or "unknown"), "")
    return Track(stream.index, kind, context.codec.canonical_name, context.name)


def _fonts(container: av.container.InputContainer) -> list[tuple[str, bytes]]:
    found = [(stream.mimetype or "", stream.data) for stream in container.streams.attachments]
    return [(mimetype, data) for mimetype, data in found if mimetype in _FONTS and data.startswith(_FONT_HEADS)]


def _chapters(container: av.container.InputContainer) -> list[Chapter]:
    return [
        Chapter(chapter["start"], chapter["end"], Fraction(chapter["time_base"] or 0))
        for chapter in container.chapters()[:_CHAPTERS]
        if chapter["time_base"]
    ]


@functools.cache
def supported(container: str) -> frozenset[str]:
    """Names of the decoders for all that a container can hold; asked of FFmpeg, 30 ms once for each."""
    if container in {"gif", "webp"}:
        return frozenset()
    with av.open(io.BytesIO(), "w", format=MUXERS[container]) as output:
        return frozenset(output.supported_codecs)
