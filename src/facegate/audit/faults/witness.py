"""What is watched of one request from the outside, so that its purge need not be believed."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facegate import kernel
from facegate.audit.faults.processes import Process, identify
from facegate.errors import FacegateError, InvalidReceiptError, RequestClosedError
from facegate.memory import locks
from facegate.memory.advice import keep_apart
from facegate.memory.arena import ARENA_BYTES
from facegate.memory.secret import SecretRegion
from facegate.receipt import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facegate.audit.faults.table import End
    from facegate.custody import Custody
    from facegate.faces import FaceSet
    from facegate.request import Request

_CHUNK = 1 << 20


class _Look:
    """A way of our own to what a region holds, which outlives the region."""

    def __init__(self, region: Any) -> None:
        self.name, self._region = region.name, region
        self._size = region.size
        self._descriptor = self._address = 0
        if isinstance(region, SecretRegion):
            # It cannot be read by pread, and mapping is what takes a descriptor.
            with locks.unforked():
                self._address = kernel.map_guarded(region.fd, region.size, kernel.PROT_READ)
                keep_apart(self._address, region.size)
        else:
            self._descriptor = os.dup(region.fd)

    @property
    def owner_closed(self) -> bool:
        """Whether the request has let go of it."""
        return bool(self._region.closed)

    def last_byte(self) -> int:
        """What the region ends with; a child that waits in a stage shows it there."""
        if self._address:
            return int(kernel.bytes_at(self._address, self._size)[-1][0])
        return os.pread(self._descriptor, 1, self._size - 1)[0]

    def nonzero(self) -> int:
        """How many bytes are not zero."""
        if self._address:
            return int(
                np.count_nonzero(np.frombuffer(memoryview(kernel.bytes_at(self._address, self._size)), np.uint8))
            )
        found = at = 0
        while chunk := os.pread(self._descriptor, _CHUNK, at):
            found += int(np.count_nonzero(np.frombuffer(chunk, np.uint8)))
            at += len(chunk)
        return found

    def close(self) -> None:
        """Give it back."""
        if self._address:
            kernel.unmap_guarded(self._address, self._size)
        if self._descriptor:
            os.close(self._descriptor)
        self._descriptor = self._address = 0


class Witness:
    """Follows one request. Made when it is open, asked when it is over.

    Args:
        request: entered.

    Attributes:
        views: arrays that the worker was shown and kept; they must read zeros.
        faces: the handle that the worker kept; it must refuse.
    """

    def __init__(self, request: Request) -> None:
        custody: Custody = request._custody  # type: ignore[assignment]
        self.request = request
        self.views: list[Any] = []
        self.faces: FaceSet | None = None
        child: Any = custody._child
        self.child: Process | None = identify(child.pid)
        self._custody = weakref.ref(custody)
        self._looks = [_Look(child.arena)]
        self._spy(custody)

    def _spy(self, custody: Custody) -> None:
        """See every region that the request takes over."""
        hold, looks = custody.hold, self._looks
        regions = weakref.WeakSet[Any]()

        def held(region: Any, used: int | None = None) -> Any:
            if region not in regions:
                regions.add(region)
                looks.append(_Look(region))
            return hold(region, used)

        custody.hold = held  # type: ignore[method-assign]

    def child_waits(self) -> bool:
        """Whether the child is in its stage and stays there."""
        return bool(self._looks[0].last_byte())

    def receipt_missing(self) -> bool:
        """Whether there is no receipt that verifies and says how the request ended."""
        try:
            return self.request.receipt is None or verify(self.request.receipt).outcome is None
        except InvalidReceiptError:
            return True

    def complaints(self, ends: Sequence[End]) -> list[str]:
        """What is wrong, now that it is over: fixed sentences, with no value of the person's in them."""
        return [*self._of_receipt(ends), *self._of_memory(), *self._of_handles()]

    def _of_receipt(self, ends: Sequence[End]) -> list[str]:
        if self.receipt_missing():
            return ["no receipt that verifies and says how the request ended"]
        seen = verify(self.request.receipt)  # type: ignore[arg-type]
        wrong = []
        if not any(end.fits(seen) for end in ends):
            found = " / ".join(filter(None, (seen.outcome, seen.error, seen.child_end)))
            wrong.append(f"it ended as {found} and not as {' or '.join(map(str, ends))}")
        purge = seen.purge
        if purge is None or purge.bytes_nonzero or not purge.bytes_wiped == purge.bytes_reread >= ARENA_BYTES:
            wrong.append("the receipt does not say that all was wiped and read back")
        return wrong

    def _of_memory(self) -> list[str]:
        wrong = [f"the {look.name} was not closed" for look in self._looks if not look.owner_closed]
        wrong += [f"the {look.name} was not zero" for look in self._looks if look.nonzero()]
        wrong += ["a view that was kept still shows what it did"] * any(view.any() for view in self.views)
        wrong += ["a view that was kept is still a map of the request's memory"] * _mapped(self.views)
        wrong += ["the child outlived its request"] * (self.child is not None and self.child.alive)
        return list(dict.fromkeys(wrong))

    def _of_handles(self) -> list[str]:
        if self.faces is None:
            return []
        try:
            with self.faces.expose("boxes"):
                return ["a handle that was kept still shows what it did"]
        except RequestClosedError:
            return []
        except (FacegateError, OSError, ValueError, TypeError) as error:
            return [f"a handle that was kept did not refuse, but raised {type(error).__name__}"]

    def look_away(self) -> None:
        """Give our own ways to its memory back, so that nothing is mapped that the request let go of."""
        for look in self._looks:
            look.close()
        self._looks.clear()

    def let_go(self) -> None:
        """Forget the request; what is still there of it afterwards, somebody else keeps."""
        self.look_away()
        self.views.clear()
        self.faces = None
        self.request = None  # type: ignore[assignment]

    def kept_alive(self) -> bool:
        """Whether somebody keeps the request's state, after `let_go` and a collection."""
        return self._custody() is not None


def _mapped(views: Sequence[Any]) -> bool:
    """Whether one of the arrays lies in a map of shared memory, and not in what took its place."""
    addresses = [view.__array_interface__["data"][0] for view in views]
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines() if views else []:
        if "memfd:facegate" in line or "secretmem" in line:
            start, _, end = line.split()[0].partition("-")
            if any(int(start, 16) <= address < int(end, 16) for address in addresses):
                return True
    return False


def collect() -> None:
    """Let cycles go: errors that were kept refer to their frames."""
    gc.collect()
