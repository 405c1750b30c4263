"""Change a limit of its own."""

import resource
from pathlib import Path
from typing import Any

VIOLATES = (
    "prlimit64",
    "setrlimit",
)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))
