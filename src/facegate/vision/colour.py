"""From Pillow's modes to 8-bit RGB and alpha planes."""

from __future__ import annotations

import io
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from facegate.codes import Refusal
from facegate.sizes import MAX_ICC_BYTES
from facegate.vision.headers.header import Header

Plane: TypeAlias = NDArray[np.uint8]
_WITH_ALPHA = frozenset({"LA", "PA", "RGBA", "RGBa", "La"})


def to_planes(image: Image.Image, header: Header) -> tuple[Plane, Plane | None, bytes | None]:
    """Convert a loaded picture.

    Args:
        image: loaded; its mode and `info` are used.
        header: what was read of the upload.

    Returns:
        (H, W, 3) uint8 RGB, new, C-contiguous and writable; (H, W) uint8 alpha or None; the colour profile of the
        RGB, or None. A profile for grey or CMYK does not fit RGB: the first is dropped, which may shift mid tones a
        little, the second is applied.

    Raises:
        Refusal: format.samples: Lab, float or 32-bit samples.
    """
    profile = _profile(header.icc_profile or image.info.get("icc_profile"))
    kept = profile if profile is not None and profile[16:20] == b"RGB " else None
    if image.mode.startswith("I;16"):
        return (*_deep_grey(image, header), None)
    if image.mode == "CMYK":
        return _pack(_from_cmyk(image, profile)), None, None
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        return (*_with_alpha(image, header), kept)
    if image.mode in {"1", "L"}:
        return _spread(np.asarray(image.convert("L"))), None, None
    if image.mode == "RGB":
        return _pack(image), None, kept
    if image.mode in {"P", "YCbCr"}:
        return _pack(image.convert("RGB")), None, kept
    raise Refusal("format.samples")


class _Pixels:
    """A file to write a raw PPM to: skips its header, and puts each row into an array's memory."""

    def __init__(self, room: memoryview, header: int) -> None:
        self._room = room
        self._at = -header

    def write(self, data: bytes) -> int:
        if self._at >= 0:
            self._room[self._at : self._at + len(data)] = data
        self._at += len(data)
        return len(data)


def _pack(image: Image.Image) -> Plane:
    """(H, W, 3) uint8 of an RGB picture, writable.

    `numpy.array(image)` makes three copies, and 512x512 takes 1.2 ms longer with it than decoding the JPEG does; the
    raw writer goes through 64 KiB that stay in the cache.
    """
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    header = len(f"P6\n{image.width} {image.height}\n255\n")
    image.save(_Pixels(memoryview(rgb).cast("B"), header), "PPM")  # type: ignore[arg-type]
    return rgb


def _with_alpha(image: Image.Image, header: Header) -> tuple[Plane, Plane]:
    if image.mode == "RGB" and header.bits == 16:
        # Pillow keeps the transparent colour in 16 bits and compares it with pixels that it cut to 8.
        image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])
    if image.mode == "L" and header.bits in {2, 4} and isinstance(image.info.get("transparency"), int):
        # And it spreads 2 and 4 bits over 0 to 255, but not the transparent grey.
        image.info["transparency"] *= 255 // (2**header.bits - 1)
    if image.mode == "La":  # Pillow converts it to LA only
        image = image.convert("LA")
    rgba = np.asarray(image.convert("RGBA"))
    return cast("Plane", cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)), cast("Plane", cv2.extractChannel(rgba, 3))


def _spread(grey: Plane) -> Plane:
    return cast("Plane", cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))


def _deep_grey(image: Image.Image, header: Header) -> tuple[Plane, Plane | None]:
    """16-bit grey. Not `convert("L")`: that clips, so that everything above 255 of 65,535 is white."""
    deep = np.asarray(image).astype(np.uint16, copy=False)
    if header.inverted:
        deep = ~deep
    rgb = _spread((deep >> 8).astype(np.uint8))
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return rgb, None
    return rgb, np.where(deep == clear, 0, 255).astype(np.uint8)


def _from_cmyk(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile is not None and profile[16:20] == b"CMYK":
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # a profile that looks right but is not
            pass
    return image.convert("RGB")


def _profile(profile: object) -> bytes | None:
    """A colour profile, or None if it is malformed or larger than any real one."""
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= MAX_ICC_BYTES or profile[36:40] != b"acsp":
        return None
    return profile if int.from_bytes(profile[:4], "big") <= len(profile) else None
