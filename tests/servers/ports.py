"""TCP ports of 127.0.0.1 for servers that are stopped and started again."""

from __future__ import annotations

import random
import socket

# Below those that the kernel gives to clients, or one could have a stopped server's port, as its own peer even.
_RANGE = range(15_000, 32_000)


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now; another may before they are used.

    Args:
        number: how many, at least 1.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(_RANGE, len(_RANGE)):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == number:
            return found
    raise RuntimeError(f"127.0.0.1 has no {number} free ports.")
