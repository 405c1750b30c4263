"""From pixels to an output's bytes, with no metadata but the colour profile."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facegate.codes import Refusal
from facegate.vision.colour import Plane

Format = Literal["jpeg", "png", "webp"]

_QUALITY = {"jpeg": 95, "webp": 90}
_LONGEST = {"jpeg": 65_500, "webp": 16_383, "png": 2**31 - 1}
# A 512x512 photo: level 2 takes 22 ms; 6, Pillow's default, 68 ms for 9 % fewer bytes.
_PNG_LEVEL = 2


def encode(
    rgb: Plane,
    alpha: Plane | None,
    icc_profile: bytes | None,
    *,
    format: Format,
    quality: int | None = None,
    into: memoryview | None = None,
) -> bytes | int:
    """Encode one picture.

    The file is made from the arrays, never from the upload, so it has no EXIF, GPS, XMP, IPTC, comment or thumbnail.

    Args:
        rgb: (H, W, 3) uint8, RGB; or (H, W), grey, which becomes RGB. Not changed.
        alpha: (H, W) uint8, or None. JPEG has none: the picture is laid on white.
        icc_profile: colour profile of `rgb`, written as it is; or None.
        format: PNG is lossless, the others are lossy.
        quality: 1 to 100; None means 95 for JPEG and 90 for WebP. PNG ignores it.
        into: writable bytes to encode into, at least `facegate.sizes.worst_case_bytes` long; or None.

    Returns:
        The file, or, with `into`, its length.

    Raises:
        Refusal: output.shape, output.format, output.quality, output.side, output.room, output.failed or memory.
    """
    _check(rgb, alpha)
    if format not in _LONGEST:
        raise Refusal("output.format")
    if quality is not None and (isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100):
        raise Refusal("output.quality")
    if max(rgb.shape) > _LONGEST[format]:
        raise Refusal("output.side")
    try:
        image = _image(rgb, alpha, flatten=format == "jpeg")
        target = io.BytesIO() if into is None else _Room(into)
        image.save(cast("BinaryIO", target), format.upper(), **_options(format, quality, icc_profile))
    except MemoryError:
        raise Refusal("memory") from None
    except (OSError, ValueError):
        raise Refusal("output.failed") from None
    return target.getvalue() if isinstance(target, io.BytesIO) else target.length


class _Room(io.RawIOBase):
    """A file in memory that somebody else made; `length` bytes of it are written."""

    def __init__(self, room: memoryview) -> None:
        super().__init__()
        self._room = room.cast("B")
        self.length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = memoryview(data).cast("B")
        end = self.length + len(part)
        if end > len(self._room):
            raise Refusal("output.room")
        self._room[self.length : end] = part
        self.length = end
        return len(part)


def _check(rgb: NDArray[Any], alpha: NDArray[Any] | None) -> None:
    shaped = (rgb.ndim == 3 and rgb.shape[2] == 3) or rgb.ndim == 2
    if not shaped or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise Refusal("output.shape")
    if alpha is not None and (alpha.shape != rgb.shape[:2] or alpha.dtype != np.uint8):
        raise Refusal("output.shape")


def _image(rgb: Plane, alpha: Plane | None, *, flatten: bool) -> Image.Image:
    if rgb.ndim == 2:
        rgb = np.broadcast_to(rgb[:, :, None], (*rgb.shape, 3))
    if alpha is None:
        return Image.fromarray(np.ascontiguousarray(rgb))
    if not flatten:
        return Image.fromarray(np.dstack((rgb, alpha)))
    opacity = alpha[:, :, None].astype(np.uint16)
    # Fits: 255 * 255 + 127 < 65536.
    return Image.fromarray(((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8))


def _options(kind: Format, quality: int | None, icc_profile: bytes | None) -> dict[str, Any]:
    # Given explicitly, also when None or empty, so that Pillow never falls back to anything else.
    options: dict[str, Any] = {"icc_profile": icc_profile}
    if kind == "png":
        return options | {"compress_level": _PNG_LEVEL}
    quality = quality or _QUALITY[kind]
    options |= {"quality": quality, "exif": b""}
    if kind == "jpeg":
        # Halved colour shows at the rims of faces; whoever asks for high quality gets it in full.
        return options | {"subsampling": "4:4:4" if quality >= 90 else "4:2:0"}
    return options | {"method": 4, "icc_profile": icc_profile or b""}
