"""Put data into an extended attribute of a file opened for reading."""

import os
from pathlib import Path
from typing import Any

VIOLATES = ("fsetxattr",)
LACKS = {"ENOTSUP": "a file system with user attributes"}


def act(scratch: Path, given: dict[str, Any], descriptors: list[int]) -> None:
    descriptor = os.open(scratch / "existing", os.O_RDONLY)
    os.setxattr(descriptor, "user.face", b"204,102")
