"""The Merkle tree hash of RFC 6962 (and RFC 9162), section 2.1, of a list that grows."""

from __future__ import annotations

import hashlib


class Tree:
    """A tree of which only the right edge is kept: enough to append and to tell the root, log2(size) hashes.

    Attributes:
        size: number of leaves.
    """

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf.

        Args:
            leaf: the data, not its hash.
        """
        # 0x00 and 0x01 keep the hash of a leaf from passing for that of a node.
        found = hashlib.sha256(b"\x00" + leaf).digest()
        left = self.size
        while left & 1:
            found = _node(self._edge.pop(), found)
            left >>= 1
        self._edge.append(found)
        self.size += 1

    def root(self) -> bytes:
        """The root hash, 32 bytes."""
        if not self._edge:
            return hashlib.sha256(b"").digest()
        *lefts, found = self._edge
        for left in reversed(lefts):
            found = _node(left, found)
        return found


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
