"""A real server under test, and a sender that breaks off, stalls and lies, which no HTTP library does."""

from __future__ import annotations

import json
import socket
import time
from types import TracebackType
from typing import Any, Self

import httpx

from benchmarks.serving import Server
from tests.conftest import eventually


class Service:
    """A server and a client of it.

    Attributes:
        server: that runs.
        client: that asks it.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=120)

    def ends(self) -> list[dict[str, Any]]:
        """How its requests ended, oldest first; outcome None of one that is open."""
        found: list[dict[str, Any]] = self.client.get("/ends").json()
        return found

    def ended(self, before: int, outcome: str, error: str | None, seconds: float = 30.0) -> bool:
        """Whether the requests since the first `before` are one, which ends as given, with nothing left, in time."""

        def found() -> bool:
            (end,) = self.ends()[before:] or [{"outcome": None}]
            return end["outcome"] == outcome and end["error"] == error and end["purge"]["bytesNonzero"] == 0

        return eventually(found, seconds)

    def opens(self, before: int) -> bool:
        """Whether a request more than `before` is open, in time."""
        return eventually(lambda: [each["outcome"] for each in self.ends()[before:]] == [None], 30)


class Sender:
    """A connection that sends what it is told, byte by byte.

    Args:
        port: of the server.
        path: where to.
        headers: lines besides Host.
    """

    def __init__(self, port: int, path: str, *headers: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.sent = 0
        lines = [f"POST {path} HTTP/1.1", "Host: test", *headers]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)
        self.sent += len(data)

    def flood(self, piece: bytes, most: int) -> None:
        """Send a chunked body until there is an answer or `most` bytes are out."""
        framed = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        while self.sent < most:
            try:
                self.send(framed)
            except OSError:
                return  # closed by the server, which has answered
            self.sock.setblocking(False)
            try:
                if self.sock.recv(1, socket.MSG_PEEK):
                    return
            except BlockingIOError:
                pass  # nothing yet
            finally:
                self.sock.settimeout(60)

    def trickle(self, pause: float) -> None:
        """Send a byte, wait, and so on, until the server closes."""
        while True:
            try:
                self.send(b"x")
                time.sleep(pause)
            except OSError:
                return

    def answer(self) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and problem of the answer."""
        content, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            try:
                piece = self.sock.recv(1 << 16)
            except ConnectionResetError:
                piece = b""
            content += piece
            if not piece:
                break
        head, _, body = content.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, json.loads(body)
