"""What can be adopted, wherever it is in a structure of dicts, lists and tuples."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from facegate.memory.sealed import Sealed


def nested(value: Any) -> Iterator[Any]:
    """The arrays, tensors, PIL images, bytearrays, memoryviews and sealed handles in a structure, each once.

    Args:
        value: one of these, or mappings, lists, tuples and sets of them; anything else is passed over.
    """
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Mapping):
            waiting.extend(each.values())
        elif isinstance(each, (list, tuple, set, frozenset)):
            waiting.extend(each)
        elif isinstance(each, (np.ndarray, bytearray, memoryview, Sealed)) or is_tensor(each) or is_picture(each):
            yield each


def is_tensor(value: Any) -> bool:
    """Whether it is a torch tensor; torch is not imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_picture(value: Any) -> bool:
    """Whether it is a PIL image; PIL is not imported for that."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)
