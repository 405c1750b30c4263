"""The messages between worker, zygote and child: one small JSON object and a few descriptors each.

SOCK_SEQPACKET keeps message boundaries, so nothing here parses a stream. Never pickle: the receiver may not trust the
sender.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from typing import Any, Final

from facegate.errors import ProtocolError

MAX_HEADER: Final = 16 * 1024
MAX_DESCRIPTORS: Final = 4
_INT: Final = array.array("i").itemsize


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends of a new channel, neither inheritable over exec."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, header: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message; the receiver gets duplicates of the descriptors.

    Raises:
        OSError: the other end is gone, or the channel's timeout passed.
    """
    if len(descriptors) > MAX_DESCRIPTORS:
        raise ValueError("The message is larger than the protocol allows.")
    socket.send_fds(channel, [_encode(header)], list(descriptors))


def answer(channel: socket.socket, header: dict[str, Any]) -> None:
    """Send one message without descriptors, by a system call that could carry none.

    Raises:
        OSError: the other end is gone.
    """
    channel.send(_encode(header))


def _encode(header: dict[str, Any]) -> bytes:
    data = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    if len(data) > MAX_HEADER:
        raise ValueError("The message is larger than the protocol allows.")
    return data


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive one message; the descriptors are the caller's to close.

    Raises:
        EOFError: the other end is gone.
        ProtocolError: the message is no JSON object or is too large; its descriptors were closed.
        OSError: the channel's timeout passed.
    """
    try:
        # Not socket.recv_fds: it drops its flags argument, so what it receives would be inherited by every exec.
        data, ancillary, flags, _ = channel.recvmsg(
            MAX_HEADER + 1, socket.CMSG_LEN(MAX_DESCRIPTORS * _INT), socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionResetError:
        # What a peer that died with our message unread gives on Unix sockets.
        raise EOFError("The other end of the channel is gone.") from None
    received = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            received.frombytes(content[: len(content) // _INT * _INT])
    descriptors = received.tolist()
    if not data and not descriptors:
        raise EOFError("The other end of the channel is gone.")
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(data) > MAX_HEADER:
            raise ProtocolError("A message was larger than the protocol allows.")
        header = json.loads(data)
        if not isinstance(header, dict):
            raise ProtocolError("A message was no JSON object.")
    except (ValueError, RecursionError):
        close_all(descriptors)
        raise ProtocolError("A message was no JSON.") from None
    except ProtocolError:
        close_all(descriptors)
        raise
    return header, descriptors


def close_all(descriptors: Sequence[int]) -> None:
    """Close every descriptor of the sequence."""
    for descriptor in descriptors:
        os.close(descriptor)
