"""A PIL image that is zeroed when its request is purged."""

from __future__ import annotations

from typing import Any, Final

from facegate.errors import AdoptionError

# Bytes that Pillow keeps for a pixel.
_BYTES: Final = {"1": 1, "L": 1, "P": 1} | dict.fromkeys(
    ("LA", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "HSV", "I", "F"), 4
)


class AdoptedPicture:
    """The pixels that one image had when it was taken; what it is given in their place later is not followed.

    Args:
        value: the image; one that was opened from a file is decoded now.

    Raises:
        AdoptionError: its mode is not known here, or its pixels are another object's memory.

    Does not protect against: the encoded file that it was opened from, copies that Pillow makes of it.
    """

    def __init__(self, value: Any) -> None:
        value.load()
        if value.readonly:
            raise AdoptionError("A picture that only shows another's memory cannot be adopted: adopt that.")
        if value.mode not in _BYTES:
            raise AdoptionError(f"A picture of mode {value.mode} cannot be adopted.")
        self.value = value
        self._pixels = value.im
        self._box = (0, 0, *value.size)
        self.nbytes = value.width * value.height * _BYTES[value.mode]
        # No address is to be had; one image's pixels are one object, which is kept alive.
        self.span = ("picture", id(self._pixels), id(self._pixels) + 1)

    def zero(self) -> tuple[int, int]:
        """As `facegate.memory.adopted.Adopted.zero`; not zero in one place is not zero."""
        if self.nbytes:
            self._pixels.paste(0, self._box)
        return self.nbytes, 0 if self._pixels.getbbox(False) is None else self.nbytes
