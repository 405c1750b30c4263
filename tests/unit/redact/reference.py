"""What `redact_frame` has to do, in plain numpy and loops, sample by sample."""

from __future__ import annotations

import av
import numpy as np

from facegate.redact.formats import FORMATS


def noise(width: int, height: int, pixel_format: str, seed: int = 0) -> av.VideoFrame:
    """A frame whose samples are all random, its lines' padding too."""
    rng = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, pixel_format)
    for plane in frame.planes:
        if FORMATS[pixel_format].depth == 8:
            samples = np.frombuffer(plane, np.uint8)
            samples[:] = rng.integers(0, 256, samples.shape)
        else:
            samples = np.frombuffer(plane, "<u2")
            samples[:] = rng.integers(0, 1 << FORMATS[pixel_format].depth, samples.shape)
    return frame


def memory(frame: av.VideoFrame) -> list[np.ndarray]:
    """Copies of the planes' memory, padding included."""
    return [np.frombuffer(plane, np.uint8).copy() for plane in frame.planes]


def samples(frame: av.VideoFrame) -> list[np.ndarray]:
    """Copies of the planes, each (h, w, C) float."""
    layout = FORMATS[frame.format.name]
    found = []
    for plane, part in zip(frame.planes, layout.planes, strict=True):
        lines = np.frombuffer(plane, np.uint8 if layout.depth == 8 else "<u2").reshape(plane.height, -1)
        found.append(lines[:, : plane.width * part.channels].reshape(plane.height, plane.width, -1).astype(float))
    return found


def cell(frame: av.VideoFrame) -> tuple[int, int]:
    """Pixels of luma per cell, rows and columns."""
    layout = FORMATS[frame.format.name]
    down = max(part.down for part in layout.planes)
    return down * (2 if frame.interlaced_frame and down == 2 else 1), max(part.across for part in layout.planes)


def touched(frame: av.VideoFrame, box: tuple[float, ...], shape: str) -> np.ndarray:
    """(rows, columns) bool: cells that the box, or the ellipse in it, touches; from 32x32 points per cell."""
    down, across = cell(frame)
    height, width = -(-frame.height // down), -(-frame.width // across)
    y, x = (np.arange(n * 32)[:, None] / 32 + 1 / 64 for n in (height, width))
    y, x = y * down, x.T * across
    left, top, right, bottom = box
    if shape == "box":
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    else:
        inside = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2 <= 1
    return inside.reshape(height, 32, width, 32).any(axis=(1, 3))


def grown(mask: np.ndarray, frame: av.VideoFrame, plane: int) -> np.ndarray:
    """A mask of cells at the resolution of a plane."""
    down, across = cell(frame)
    part = FORMATS[frame.format.name].planes[plane]
    height, width = -(-frame.height // part.down), -(-frame.width // part.across)
    return mask.repeat(down // part.down, 0).repeat(across // part.across, 1)[:height, :width]


def mosaic(window: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Each block's mean; (h, w, C). Of high blocks every n-th row counts; rests are filled up by mirroring."""
    height, width = window.shape[:2]
    step = max(d for d in range(1, max(1, rows // 4) + 1) if rows % d == 0)
    thin = window[::step]
    down, across = -(-height // rows), -(-width // columns)
    missing = (down * rows // step - len(thin), across * columns - width)
    thin = np.pad(thin, ((0, missing[0]), (0, missing[1]), (0, 0)), "symmetric")
    result = np.empty_like(window)
    for row in range(down):
        for column in range(across):
            block = thin[row * rows // step : (row + 1) * rows // step, column * columns : (column + 1) * columns]
            where = slice(row * rows, (row + 1) * rows), slice(column * columns, (column + 1) * columns)
            result[where] = block.mean(axis=(0, 1))
    return result
