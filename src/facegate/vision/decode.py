"""From an upload's bytes to an upright 8-bit picture."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import cv2

# All that decoding may need is imported now: the sandbox allows no import later. Pillow's own `preinit` asks for
# Ppm, and `Image.init` would load forty formats that are never read.
from PIL import (
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from facegate.codes import Refusal
from facegate.policy import MediaLimits
from facegate.vision.colour import Plane, to_planes
from facegate.vision.frame import Frame
from facegate.vision.headers import Header, read_header

# What undoes each EXIF orientation but 1.
_UNDO: dict[int, Callable[[Plane], cv2.typing.MatLike]] = {
    2: lambda plane: cv2.flip(plane, 1),
    3: lambda plane: cv2.rotate(plane, cv2.ROTATE_180),
    4: lambda plane: cv2.flip(plane, 0),
    5: cv2.transpose,
    6: lambda plane: cv2.rotate(plane, cv2.ROTATE_90_CLOCKWISE),
    7: lambda plane: cv2.rotate(cv2.transpose(plane), cv2.ROTATE_180),
    8: lambda plane: cv2.rotate(plane, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def decode(data: bytes | memoryview, limits: MediaLimits) -> Frame:
    """Decode one still picture: JPEG, PNG, WebP, GIF (first frame), TIFF (first page) or BMP, told by content.

    The header is read and held against the limits before a decoder runs, and the decoder must then agree with it.
    What does not draw pixels (EXIF, XMP, text, thumbnails, further pages) never reaches the decoder.

    * Orientation comes from EXIF or TIFF's tag; a malformed one counts as upright. XMP's is not read.
    * 16-bit samples keep their upper 8 bits. Float and 32-bit samples have no range of brightness: refused.
    * CMYK goes through its colour profile to sRGB; without one, by Pillow's plain inversion.
    * `Frame.alpha` is None also when the upload has an alpha plane that is opaque everywhere.

    Args:
        data: the upload; copied if it is a memoryview.
        limits: bounds on the upload.

    Returns:
        A new frame that shares no memory with `data`.

    Raises:
        Refusal: with a code of kind format, limit, decode or memory; never with anything out of the upload.
    """
    if len(data) > limits.bytes:
        raise Refusal("limit.bytes")
    try:
        header = read_header(bytes(data))
        _check(header, limits)
        with _pillow_on_a_lead(limits):
            return _decode(header)
    except MemoryError:
        raise Refusal("memory") from None


def _check(header: Header, limits: MediaLimits) -> None:
    """Hold a header against the limits."""
    shorter, longer = sorted((header.width, header.height))
    if longer > limits.side:
        raise Refusal("limit.side")
    if shorter * longer > limits.pixels:
        raise Refusal("limit.pixels")
    if longer > limits.aspect * shorter:
        raise Refusal("limit.aspect")


def _decode(header: Header) -> Frame:
    try:
        with Image.open(io.BytesIO(header.payload), formats=(header.format,)) as image:
            if image.size != (header.width, header.height):
                raise Refusal("decode.header")
            image.load()
            rgb, alpha, icc_profile = to_planes(image, header)
    except (Refusal, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refusal("limit.pixels") from None
    except Exception as error:  # noqa: BLE001 - hostile bytes make Pillow raise anything; its text quotes them
        raise Refusal(_code(str(error))) from None
    return Frame(
        rgb=_upright(rgb, header.orientation),
        alpha=None if alpha is None or alpha.min() == 255 else _upright(alpha, header.orientation),
        icc_profile=icc_profile,
        format=header.format,
    )


def _code(message: str) -> str:
    """Pillow has no types for these; codecs and OpenCV also report memory that is not there as plain errors."""
    message = message.lower()
    if "memory" in message or "allocate" in message:
        return "memory"
    return "decode.truncated" if "truncated" in message else "decode.damaged"


def _upright(plane: Plane, orientation: int) -> Plane:
    """Undo an EXIF orientation; (H, W) or (H, W, 3) uint8, copied unless it is upright already."""
    return plane if orientation == 1 else cast("Plane", _UNDO[orientation](plane))


@contextmanager
def _pillow_on_a_lead(limits: MediaLimits) -> Iterator[None]:
    """Pillow's process-wide settings, as strict as the policy, while one upload is decoded.

    Its warnings are dropped (they quote the upload), but for the one about bombs, which becomes an error. Its debug
    log would print tags of the upload.

    Does not protect against: libtiff, which describes damage on file descriptor 2 whatever Python says. The zygote
    points that at nothing.
    """
    logger = logging.getLogger("PIL")
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, logger.level)
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = limits.pixels, False
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before[:2]
        logger.setLevel(before[2])
