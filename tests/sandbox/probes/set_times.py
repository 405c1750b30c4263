"""Change a file's times: they can carry data."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("utimensat",)


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.utime(scratch / "existing", ns=(1, 204102))
