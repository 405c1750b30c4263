"""Write to an anonymous file that the worker gave; the size limit refuses it as well."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("write",)
UNFILTERED = ("EFBIG",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    descriptor = os.memfd_create("given")
    os.ftruncate(descriptor, 4096)
    return {}, [descriptor]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.write(descriptors[0], b"face")
