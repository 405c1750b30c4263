"""How Swift is configured for tests: one device, one copy of everything, four servers of one process each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SERVERS = ("account", "container", "object", "proxy")
ACCOUNT, USER, SECRET = "facegate", "tests", "correct-horse"
REGION = "eu-central-1"

_COMMON = """\
[swift-hash]
swift_hash_path_prefix = facegate
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
"""

_DEFAULT = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
bind_timeout = 1
workers = 0
user = {user}
swift_dir = {folder}
log_level = WARNING
"""

# A listing has what was put before, since the object server waits for the container's answer as long as it must.
_STORAGE = """\
devices = {disks}
mount_check = false
[pipeline:main]
pipeline = {server}-server
[app:{server}-server]
use = egg:swift#{server}
container_update_timeout = 30
"""

# slo: a delete of what came in parts deletes these before it returns; otherwise a daemon does, which does not run here.
_PROXY = f"""\
[pipeline:main]
pipeline = catch_errors healthcheck s3api tempauth slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
max_bucket_listing = {{page}}
[filter:tempauth]
use = egg:swift#tempauth
user_{ACCOUNT}_{USER} = {SECRET} .admin
[filter:slo]
use = egg:swift#slo
allow_async_delete = false
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


def configure(folder: Path, disks: Path, ports: dict[str, int], user: str, page: int) -> None:
    """Write what the four servers read.

    Args:
        folder: where.
        disks: a folder with a folder ``disk``, where everything that is stored goes.
        ports: of 127.0.0.1, one for each of `SERVERS`.
        user: the name of whom they run as.
        page: how many keys a listing has at most.
    """
    (folder / "swift.conf").write_text(_COMMON)
    for server in SERVERS:
        default = _DEFAULT.format(port=ports[server], user=user, folder=folder)
        rest = _PROXY.format(page=page) if server == "proxy" else _STORAGE.format(server=server, disks=disks)
        (folder / f"{server}.conf").write_text(default + rest)
    rings = [
        sys.executable,
        "-I",
        Path(__file__).with_name("rings.py"),
        folder,
        *(str(ports[kind]) for kind in SERVERS[:3]),
    ]
    subprocess.run(rings, check=True, cwd="/")
