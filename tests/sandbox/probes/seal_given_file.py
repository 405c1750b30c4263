"""Seal what came open."""

import fcntl
import os
from pathlib import Path
from typing import Any

VIOLATES = ("fcntl",)


def given(scratch: Path) -> tuple[dict[str, Any], list[int]]:
    return {}, [os.memfd_create("given", os.MFD_ALLOW_SEALING)]


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    fcntl.fcntl(descriptors[0], fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
