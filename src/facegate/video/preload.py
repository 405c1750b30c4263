"""Loads beforehand what FFmpeg and PyAV would load when a file asks for it: the sandbox lets no code in later."""

from __future__ import annotations

import ctypes
import functools

# PyAV imports these when it meets a track of their kind.
import av.audio.stream
import av.filter.graph
import av.subtitles.codeccontext
import av.subtitles.stream
import av.subtitles.subtitle
import av.video.stream  # noqa: F401

from facegate.video.carry import MUXERS, supported

# What MPEG-TS may name for the texts of a broadcast (ETSI EN 300 468, annex A): glibc has a library for each, which
# FFmpeg's demuxer opens to read texts that nobody asked for.
_CHARSETS = (
    "ISO6937",
    *(f"ISO-8859-{number}" for number in range(1, 17)),
    *(f"ISO8859-{number}" for number in range(1, 17)),
    "UCS-2BE",
    "KSC_5601",
    "GB2312",
    "BIG5",
    "UTF-8",
)


@functools.cache
def preload() -> tuple[int, ...]:
    """Load everything; a second call does nothing.

    Returns:
        Handles of iconv, which are never closed: glibc unloads what nobody holds.
    """
    for container in MUXERS:
        supported(container)
    library = ctypes.CDLL(None, use_errno=True)
    library.iconv_open.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    library.iconv_open.restype = ctypes.c_void_p
    handles = (library.iconv_open(b"UTF-8", name.encode()) for name in _CHARSETS)
    failed = ctypes.c_void_p(-1).value
    return tuple(handle for handle in handles if handle not in {None, failed})
