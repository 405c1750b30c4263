"""Which of FFmpeg's decoders may meet an upload: few of its 500."""

from __future__ import annotations

from typing import Final

# fmt: off
# These decode the video track.
VIDEO_DECODERS: Final = frozenset({
    "h264", "hevc", "vp8", "vp9", "libdav1d", "av1", "mpeg4", "mpeg1video", "mpeg2video", "msmpeg4", "msmpeg4v2",
    "h263", "mjpeg", "prores", "dnxhd", "ffv1", "gif", "png", "rawvideo", "dvvideo", "huffyuv", "utvideo", "qtrle",
    "cfhd",
})
# These FFmpeg opens for a moment, to learn the parameters of a track; nothing of theirs is decoded.
OTHER_DECODERS: Final = (
    "aac", "aac_latm", "mp3float", "mp3", "mp2float", "mp2", "ac3", "eac3", "opus", "libopus", "vorbis", "flac",
    "alac", "dca", "truehd", "mlp", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be",
    "pcm_f32le", "pcm_f64le", "pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav", "amrnb",
    "amrwb", "mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text", "dvdsub", "dvbsub", "pgssub",
)
# These yield one frame for each packet, so a frame that is missing was lost. Of others a packet may hold none (VP8's
# and VP9's hidden frames, MPEG-4's packed ones) or half of one (interlaced H.264 and MPEG-2, told by `interlaced`).
ONE_FOR_ONE: Final = frozenset({
    "h264", "hevc", "libdav1d", "mjpeg", "prores", "ffv1", "dnxhd", "png", "rawvideo", "huffyuv", "utvideo",
})
# fmt: on
