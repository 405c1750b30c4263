"""What a handle's `expose` shows: windows on locked memory that are revoked when their block ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facegate.memory.arena import LAYOUT
from facegate.memory.regions import new_region

if TYPE_CHECKING:
    from facegate.custody import Custody
    from facegate.faces import FaceSet
    from facegate.media import Picture


@contextmanager
def pixels(custody: Custody, picture: Picture) -> Iterator[NDArray[np.uint8]]:
    """What `Picture.expose` does: (H, W, 3) uint8, RGB, in a region of their own."""
    width, height = picture.size_wh
    with custody.working():
        region = custody.hold(new_region("pixels", width * height * 3))
        command = {"do": "pixels", "upload": picture.upload_id, "redacted": picture.redacted}
        custody.call(command, targets=[region])
        region.lock_used(region.size)
        window = custody.open_region(region)
    try:
        yield window.array(np.uint8, (height, width, 3))  # type: ignore[misc]
    finally:
        custody.close_window(window)
        custody.release(region)


@contextmanager
def product(custody: Custody, faces: FaceSet, name: str, rows: slice | int) -> Iterator[NDArray[np.float32]]:
    """What `FaceSet.expose` and `Face.expose` do: some rows of one product, in the arena itself."""
    wanted = LAYOUT[name]
    window = custody.open_product(faces.analysis, wanted)
    try:
        whole_pages = window.array(np.float32, (wanted.window[1] // 4,))
        own = whole_pages[wanted.begin : wanted.begin + wanted.length // 4]
        yield own.reshape(wanted.shape)[rows]  # type: ignore[misc]
    finally:
        custody.close_window(window)
