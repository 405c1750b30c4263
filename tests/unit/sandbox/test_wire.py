"""Messages: whole or refused, and never a descriptor left open."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator

import pytest

from facegate.errors import ProtocolError
from facegate.sandbox import wire


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = wire.pair()
    with left, right:
        yield left, right


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_header_and_descriptors_arrive(ends: tuple[socket.socket, socket.socket]) -> None:
    memory = os.memfd_create("facegate-test")
    os.write(memory, b"hello")
    wire.send(ends[0], {"do": "x", "n": 1}, [memory])
    header, (copy,) = wire.receive(ends[1])
    assert header == {"do": "x", "n": 1}
    assert os.pread(copy, 5, 0) == b"hello"
    assert not os.get_inheritable(copy)
    wire.close_all([memory, copy])


@pytest.mark.parametrize(
    "data",
    [
        b"[1]",
        b"nonsense",
        b'"text"',
        b"\xff\xfe",
        b"[" * 10_000,
        json.dumps({"a": "x" * wire.MAX_HEADER}).encode(),
    ],
)
def test_what_is_no_message_is_refused_and_its_descriptors_closed(
    ends: tuple[socket.socket, socket.socket], data: bytes
) -> None:
    memory = os.memfd_create("facegate-test")
    before = descriptors()
    socket.send_fds(ends[0], [data], [memory])
    with pytest.raises(ProtocolError):
        wire.receive(ends[1])
    assert descriptors() == before
    os.close(memory)


def test_too_many_descriptors_are_refused_and_closed(ends: tuple[socket.socket, socket.socket]) -> None:
    before = descriptors()
    many = [os.memfd_create("facegate-test") for _ in range(wire.MAX_DESCRIPTORS + 8)]
    socket.send_fds(ends[0], [b"{}"], many)
    wire.close_all(many)
    with pytest.raises(ProtocolError):
        wire.receive(ends[1])
    assert descriptors() == before


def test_sender_refuses_what_the_receiver_would(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(ValueError, match="larger"):
        wire.send(ends[0], {"a": "x" * wire.MAX_HEADER})
    with pytest.raises(ValueError, match="Out of range"):
        wire.send(ends[0], {"a": float("nan")})


def test_a_gone_peer_is_an_end_of_file(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()
    with pytest.raises(EOFError):
        wire.receive(ends[1])


def test_a_peer_gone_with_our_message_unread_is_an_end_of_file(ends: tuple[socket.socket, socket.socket]) -> None:
    wire.send(ends[1], {"unread": True})
    ends[0].close()
    with pytest.raises(EOFError):
        wire.receive(ends[1])
