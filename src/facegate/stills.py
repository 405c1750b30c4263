"""Pictures on their way out: encoded by the child, from what it holds or from the worker's own array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facegate.arguments import checked_pixels, whole
from facegate.media import Picture
from facegate.memory.regions import new_region
from facegate.sizes import MAX_ICC_BYTES, worst_case_bytes

if TYPE_CHECKING:
    from facegate.custody import Custody
    from facegate.memory.regions import AnyRegion


def encode(custody: Custody, pixels: NDArray[np.uint8] | Picture, command: dict[str, Any]) -> bytes:
    """The encoded picture; inside `Custody.working`.

    Args:
        custody: of the request.
        pixels: a picture of the request, or (H, W), (H, W, 3) or (H, W, 4) uint8.
        command: as `facegate.wishes.picture_output` gives it; what to encode is added.

    Raises:
        ShapeError: the array is none of these.
        OutputError: the format cannot have it.
    """
    regions: list[AnyRegion] = []
    try:
        if isinstance(pixels, Picture):
            width, height = pixels.size_wh
            command |= {"upload": pixels.upload_id, "redacted": pixels.redacted}
        else:
            array = checked_pixels(pixels)
            height, width = array.shape[:2]
            source = custody.hold(new_region("pixels", array.nbytes))
            regions.append(source)
            source.lock_used(array.nbytes)
            with source.buffer() as buffer:
                np.frombuffer(buffer, np.uint8, count=array.size).reshape(array.shape)[...] = array
            source.seal()
            command |= {"shape": list(array.shape)}
        room = worst_case_bytes(height, width, 4, MAX_ICC_BYTES)
        # Far larger than needed, but only the pages that the child writes exist.
        target = custody.hold(new_region("output", room), 0)
        regions.append(target)
        answer = custody.call(command, regions[:-1], [target])
        size = whole(answer, "bytes", 1, room)
        custody.hold(target, size)
        with target.buffer() as buffer:
            return bytes(buffer[:size])
    finally:
        for region in regions:
            custody.release(region)
