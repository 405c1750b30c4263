"""Sizes that both sides agree on: pages, and how much room an encoded output may need. No imaging library here."""

from __future__ import annotations

import mmap

# Larger colour profiles exist only as attacks or as device calibration that no viewer needs.
MAX_ICC_BYTES = 4 << 20

# In front of an aligned crop's pixels: its two matrices, float32, and room to begin the pixels where a cache line does.
CROP_HEADER = 64

# Headers and Huffman tables (JPEG: under 1 KiB), chunk frames, and what zlib and libwebp add to tiny pictures.
_FIXED = 64 * 1024


def page_ceil(size: int) -> int:
    """`size` rounded up to whole pages, at least one."""
    return max(1, -(-size // mmap.PAGESIZE)) * mmap.PAGESIZE


def worst_case_bytes(height: int, width: int, channels: int, icc_bytes: int) -> int:
    """Upper bound on one picture encoded by `facegate.vision.encode`, for any format at any quality.

    The child cannot grow a file, so the worker makes one of this size first. It is sparse: only what is written
    takes memory, so a generous bound costs nothing.

    JPEG decides. A block's 64 coefficients have the energy of its samples at most, 64 * 128**2; with the standard
    Huffman tables and quantization by 1, bits are maximal when all have magnitude 128: 10 bits of code and 8 of value
    each, 2.25 bytes per sample. Stuffing a zero behind every 0xFF at most doubles that. Sides are padded to
    16. PNG and WebP stay below: Deflate adds at most 1/8 (zlib-ng's quick mode), WebP's lossless mode less.

    Args:
        height: pixels, at least 1.
        width: pixels, at least 1.
        channels: 1, 3 or 4.
        icc_bytes: size of the colour profile, 0 for none.

    Returns:
        Bytes.

    Raises:
        ValueError: an argument is out of range.
    """
    if height < 1 or width < 1 or channels not in {1, 3, 4} or icc_bytes < 0:
        raise ValueError("Sides must be positive, channels 1, 3 or 4, and the profile's size not negative.")
    samples = _padded(height) * _padded(width) * max(channels, 3)
    return samples * 9 // 2 + icc_bytes + icc_bytes // 8 + _FIXED


def _padded(side: int) -> int:
    return -(-side // 16) * 16
