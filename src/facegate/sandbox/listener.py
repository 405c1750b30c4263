"""The worker's end of a child's filter: which forbidden calls wait there, and what is said to them.

The kernel's filter is the same for every child. What differs is what the worker says to a call that waits at its end:
by default nothing, for the call is a violation and the child is about to die. An engine whose library makes a forbidden
call that it can do without, such as the lookup of the server that it reports usage to, may have named calls *declined*
instead: they fail with an errno and are counted, and the child lives on. The answer to a call is never to carry it out.

The worker alone holds this end and the list, so a child cannot put anything on it, whatever it runs.
"""

from __future__ import annotations

import errno
import os
import select
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from facegate.sandbox.seccomp import install

# What is declined by default.
NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
# A child that is declined this often is no library that gives up; it keeps the worker busy.
MOST_DECLINED: Final = 256


class Listener:
    """What one child is caught at.

    Not thread-safe: its owner takes turns.

    Args:
        descriptor: of the filter, from the child; owned here.
        declines: calls by name and the errno that each fails with.

    Attributes:
        declined: how often each of those was tried.
        violation: the name of the first call that is not among them; the process hangs in it until it is killed.

    Does not protect against: a child that spends its time in declined calls, up to `MOST_DECLINED`.
    """

    def __init__(self, descriptor: int, declines: Mapping[str, int]) -> None:
        self.declined: Counter[str] = Counter()
        self.violation: str | None = None
        self._descriptor = descriptor
        self._declines = declines

    def fileno(self) -> int:
        """The descriptor, for polling."""
        return self._descriptor

    def look(self) -> bool:
        """Say what there is to say to the calls that wait; returns whether there was a violation, now or earlier."""
        while self.violation is None and self._waits():
            try:
                self._judge(install.receive(self._descriptor))
            except OSError as error:
                # ENOENT: the process, or the thread, is gone meanwhile, and with it the call. Anything else would be
                # said again and again, to a caller who has a child to kill.
                if error.errno != errno.ENOENT:
                    break
        return self.violation is not None

    def _judge(self, call: install.Notification) -> None:
        number = self._declines.get(call.name)
        if number is None or self.declined.total() >= MOST_DECLINED:
            self.violation = call.name
            return
        self.declined[call.name] += 1
        install.decline(self._descriptor, call, number)

    def _waits(self) -> bool:
        if self._descriptor < 0:
            return False
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        return any(events & select.POLLIN for _, events in waiting.poll(0))

    def close(self) -> None:
        """Give the descriptor back; what was caught stays known."""
        os.close(self._descriptor)
        self._descriptor = -1
