"""The geometry of one request: a locked, sealed region with a fixed layout.

The layout is a constant that both processes know, so the child never tells the worker where to look or how much to
read: it reports one number, how many faces there are, and that is checked.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from facegate.errors import ProtocolError
from facegate.sizes import page_ceil

if TYPE_CHECKING:
    from facegate.memory.region import Region

MAX_FACES: Final = 1024
LANDMARKS: Final = 478
EMBEDDING: Final = 1404
_APART: Final = 64  # products that share a page lie on cache lines of their own
BLENDSHAPES: Final = 52
IDENTITY: Final = 512


@dataclass(frozen=True, slots=True)
class Product:
    """One thing in the arena. All are float32.

    Attributes:
        name: what `expose` takes.
        shape: of the whole slot; for a product of every face the first axis is `MAX_FACES`.
        per_face: one row for each face, rather than one value for the subject.
        offset: bytes from the arena's start. Products of a page and more have pages of their own; smaller ones share
            some, none of them across a border, since an arena and what looks at it must fit a lock limit of 64 KiB.
    """

    name: str
    shape: tuple[int, ...]
    per_face: bool
    offset: int

    @property
    def length(self) -> int:
        """Bytes of the slot."""
        return math.prod(self.shape) * 4

    @property
    def window(self) -> tuple[int, int]:
        """Offset and length of the pages that it lies in, bytes."""
        start = self.offset - self.offset % mmap.PAGESIZE
        return start, page_ceil(self.offset + self.length - start)

    @property
    def begin(self) -> int:
        """Elements of the window before its own."""
        return self.offset % mmap.PAGESIZE // 4


def _layout() -> dict[str, Product]:
    slots: list[tuple[str, tuple[int, ...], bool]] = [
        ("boxes", (MAX_FACES, 4), True),
        ("confidence", (MAX_FACES,), True),
        ("landmarks", (LANDMARKS, 3), False),
        ("embedding", (EMBEDDING,), False),
        ("five_points", (5, 2), False),
        ("pose", (3,), False),
        ("rotation", (3, 3), False),
        ("points_68", (68, 3), False),
        ("points_106", (106, 2), False),
        ("transform", (4, 4), False),
        ("blendshapes", (BLENDSHAPES,), False),
        ("identity", (IDENTITY,), False),
        ("identity_normed", (IDENTITY,), False),
    ]
    products: dict[str, Product] = {}
    behind = 0
    for name, shape, per_face in slots:
        length, offset = math.prod(shape) * 4, -(-behind // _APART) * _APART
        if offset // mmap.PAGESIZE != (offset + length - 1) // mmap.PAGESIZE:
            offset = -(-behind // mmap.PAGESIZE) * mmap.PAGESIZE
        products[name] = Product(name, shape, per_face, offset)
        behind = offset + length
        if length >= mmap.PAGESIZE:
            behind = page_ceil(behind)
    return products


LAYOUT: Final = _layout()
ARENA_BYTES: Final = max(sum(product.window) for product in LAYOUT.values())


def new_arena(*, secret: bool = False) -> Region:
    """A locked region of the arena's size; the caller seals it once the child has its map.

    Args:
        secret: in memory that no other process and no dump of the kernel reads.

    Raises:
        LockLimitError: the pages could not be locked.
        ProtectionError: `secret`, and the kernel has no secret memory.
    """
    # The layout is needed where there is no Linux, too.
    from facegate.memory.region import Region  # noqa: PLC0415
    from facegate.memory.secret import SecretRegion  # noqa: PLC0415

    return SecretRegion("arena", ARENA_BYTES) if secret else Region("arena", ARENA_BYTES, locked=True)


def slot(buffer: memoryview, name: str) -> NDArray[np.float32]:
    """The writable array of one product inside the child's map of the arena."""
    product = LAYOUT[name]
    count = math.prod(product.shape)
    return np.frombuffer(buffer, np.float32, count=count, offset=product.offset).reshape(product.shape)


def checked_count(value: object) -> int:
    """The number of faces that a child reported, if it is one.

    Raises:
        ProtocolError: it is not a number from 0 to `MAX_FACES`.
    """
    if type(value) is not int or not 0 <= value <= MAX_FACES:
        raise ProtocolError("The child reported an impossible number of faces.")
    return value
