"""What a child may say no with: a code on the wire, a fixed sentence in the worker.

A child never sends text of its own: it has read an upload, so whatever it says could carry the person. It sends one
of these codes; the worker looks the sentence up. Imported on both sides, so nothing heavy may be imported here.
"""

from __future__ import annotations

from facegate.errors import (
    AnalysisError,
    DecodeError,
    FacegateError,
    LimitExceededError,
    OutputError,
    ProtocolError,
    ShapeError,
    UnsupportedFormatError,
)

CODES: dict[str, tuple[type[FacegateError], str]] = {
    "format.empty": (UnsupportedFormatError, "The upload is empty."),
    "format.unsupported": (UnsupportedFormatError, "The upload is no JPEG, PNG, WebP, GIF, TIFF or BMP picture."),
    "format.samples": (
        UnsupportedFormatError,
        "The picture's samples have no defined range of brightness (float, 32 bit) or an unknown meaning: "
        "save it as grey, RGB or CMYK with 8 or 16 bits.",
    ),
    "format.pixels": (
        UnsupportedFormatError,
        "The video's pixel format is one that facegate cannot redact in: convert it to 8 or 10 bit YUV or RGB.",
    ),
    "format.compression": (
        UnsupportedFormatError,
        "The picture is compressed in a way that facegate does not read: save it with LZW, Deflate or none.",
    ),
    "limit.bytes": (LimitExceededError, "The upload has more bytes than the policy's limits allow."),
    "limit.pixels": (LimitExceededError, "The picture has more pixels than the policy's limits allow."),
    "limit.side": (LimitExceededError, "A side of the picture is longer than the policy's limits allow."),
    "limit.aspect": (LimitExceededError, "The picture is more elongated than the policy's limits allow."),
    "limit.scans": (LimitExceededError, "The JPEG has more scans than any real picture needs."),
    "limit.pieces": (LimitExceededError, "The upload is cut into more pieces than any real picture."),
    "limit.metadata": (LimitExceededError, "The picture's metadata take more room than the upload has."),
    "limit.faces": (LimitExceededError, "The upload shows more faces than a request may handle."),
    "memory": (LimitExceededError, "The upload needs more memory than a child may use."),
    "decode.header": (DecodeError, "The upload's header is damaged or contradicts itself."),
    "decode.truncated": (DecodeError, "The upload ends before its picture does."),
    "decode.damaged": (DecodeError, "The upload is damaged: its content does not decode."),
    "subject.index": (AnalysisError, "There is no face with that index in the upload."),
    "subject.point": (AnalysisError, "There is no face at that point of the upload."),
    "subject.mesh": (AnalysisError, "The engine's landmarker sees no face where the subject is."),
    "detector.failed": (AnalysisError, "The detector that the policy names failed on this picture."),
    "detector.output": (
        AnalysisError,
        "The detector that the policy names gave what are no boxes (N, 4), confidence (N,) and key points (N, 6, 2).",
    ),
    "redact.boxes": (AnalysisError, "Boxes to redact must be an (N, 4) float array, xyxy, in pixels."),
    "redact.style": (AnalysisError, "The style of redaction must be solid, pixelate or blur."),
    "redact.shape": (AnalysisError, "The shape of redaction must be box or ellipse."),
    "redact.outlines": (
        AnalysisError,
        "Outlines to redact must be (K, 2) float arrays of one point or more, x and y, in pixels.",
    ),
    "redact.margin": (AnalysisError, "The margin of redaction must be a number from 0 to 8."),
    "output.shape": (ShapeError, "Pixels must be (H, W), (H, W, 3) or (H, W, 4) uint8, not empty."),
    "output.format": (OutputError, "The output's format must be jpeg, png or webp."),
    "output.quality": (OutputError, "The output's quality must be a whole number from 1 to 100."),
    "output.side": (OutputError, "The picture is too large for the output's format; png takes any size."),
    "output.room": (OutputError, "The output is larger than the room that was made for it."),
    "output.failed": (OutputError, "The output could not be encoded."),
    "video.idle": (AnalysisError, "No video of this request is being read."),
    "video.busy": (AnalysisError, "A video of this request is being read: finish that, or close its frames, first."),
    "video.changed": (DecodeError, "The upload's file became shorter while it was read."),
    "video.output_bytes": (LimitExceededError, "The output has more bytes than the policy's limits allow."),
    "video.unsupported": (
        UnsupportedFormatError,
        "The upload is no MP4, MOV, MKV, WebM, AVI, MPEG-TS, GIF or animated WebP video.",
    ),
    "video.codec": (UnsupportedFormatError, "The video is coded in a way that facegate does not read."),
    "video.none": (UnsupportedFormatError, "The upload has no video track."),
    "video.changes": (
        UnsupportedFormatError,
        "The video's picture changes its size in the middle, which facegate does not follow.",
    ),
    "video.empty": (DecodeError, "The video has no frame that can be shown."),
    "video.damaged": (DecodeError, "The video is damaged: part of it does not decode."),
    "video.truncated": (DecodeError, "The video ends before its own header says."),
    "limit.duration": (LimitExceededError, "The video is longer than the policy's limits allow."),
    "limit.frames": (LimitExceededError, "The video has more frames than the policy's limits allow."),
    "limit.rate": (LimitExceededError, "The video has more frames per second than the policy's limits allow."),
    "limit.bit_rate": (LimitExceededError, "The video has more bits per second than the policy's limits allow."),
    "limit.tracks": (LimitExceededError, "The video has more tracks than the policy's limits allow."),
    "output.container": (OutputError, "The output's container must be mp4, mov, mkv, webm, avi, gif or webp."),
    "output.codec": (OutputError, "The output's codec is unknown, or its container or picture size cannot have it."),
    "output.preset": (OutputError, "The output's preset must be one of x264's, from ultrafast to veryslow."),
    "recognizer.output": (AnalysisError, "The recognizer gave something that is no number for this face."),
    "reference.nobody": (AnalysisError, "The reference shows no face."),
    "reference.unlike": (
        AnalysisError,
        "No face of the upload is the reference's: none is as like as the recognizer's threshold asks.",
    ),
    "reference.crowd": (
        LimitExceededError,
        "The upload shows more faces than a reference is compared with, which are 64.",
    ),
}


class Refusal(Exception):  # noqa: N818 - an answer, not a failure; it never leaves the child
    """A child's no, raised in the child only. It carries a code of `CODES` and nothing else.

    Attributes:
        code: key of `CODES`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def to_error(code: object, request_id: str | None = None) -> FacegateError:
    """The error that a code from a child stands for; the worker raises it.

    Args:
        code: as it came over the wire; hostile, and so not even a text for certain.
        request_id: the request that it happened in.

    Returns:
        The error; a `ProtocolError` that does not repeat the code when the code is unknown.
    """
    entry = CODES.get(code) if isinstance(code, str) else None
    if entry is None:
        return ProtocolError("The child refused with a code that does not exist.", request_id=request_id)
    kind, sentence = entry
    return kind(sentence, request_id=request_id)
