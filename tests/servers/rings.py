"""Program: Swift's three rings, each of one device on this host. A program, since Swift brings eventlet with it.

Its arguments are the folder and the ports of the account, the container and the object server.
"""

from __future__ import annotations

import sys
from pathlib import Path

from swift.common.ring.builder import RingBuilder

if __name__ == "__main__":
    folder, *ports = sys.argv[1:]
    for kind, port in zip(("account", "container", "object"), ports, strict=True):
        ring = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
        ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "disk", "weight": 1})
        ring.rebalance()
        ring.get_ring().save(str(Path(folder) / f"{kind}.ring.gz"))
