"""Put data into an extended attribute, by path."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("setxattr",)
LACKS = {"ENOTSUP": "a file system with user attributes"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    os.setxattr(scratch / "existing", "user.face", b"204,102")
