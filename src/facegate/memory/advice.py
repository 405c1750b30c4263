"""What the kernel is told about every map of a request's memory: no dumps, no forks, no merging, no huge pages."""

from __future__ import annotations

import errno
from typing import Final

from facegate import kernel

# A kernel built without huge pages or without page merging answers EINVAL: then there is nothing to keep out of.
_MERGING: Final = (kernel.MADV_NOHUGEPAGE, kernel.MADV_UNMERGEABLE)


def keep_apart(address: int, length: int, *, forks: bool = True) -> None:
    """Keep a map out of core dumps, huge pages, page merging and, with `forks`, out of processes forked from here.

    Raises:
        OSError: the kernel refused.
    """
    kernel.advise(address, length, kernel.MADV_DONTDUMP)
    if forks:
        kernel.advise(address, length, kernel.MADV_DONTFORK)
    for advice in _MERGING:
        try:
            kernel.advise(address, length, advice)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
