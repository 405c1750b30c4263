"""The channel from a child that an upload has taken over: messages to `wire.receive`, answers to a whole request."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
from typing import Any

import numpy as np

from facegate.custody import Custody
from facegate.errors import FacegateError, ProtocolError
from facegate.media import ImageUpload
from facegate.memory.arena import new_arena
from facegate.metrics import Load
from facegate.policy import MediaLimits, VideoLimits
from facegate.reports import Reports
from facegate.request import Request
from facegate.rules import shipped
from facegate.sandbox import wire
from facegate.sandbox.child import Child
from facegate.turn import Turn
from facegate.turns import Turns
from tests.fuzz.mutate import damaged

Message = tuple[bytes, int]

_SOUND: dict[str, dict[str, Any]] = {
    "ready": {"ready": True, "threads": 1},
    "admitted": {"width": 48, "height": 32, "format": "JPEG"},
    "analyzed": {"faces": 2, "subject": 1},
    "nobody": {"faces": 0, "subject": None},
    "redacted": {"redacted": 3},
    "encoded": {"bytes": 700},
    "refused": {"refused": "decode.damaged"},
    "nothing": {},
}
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.0, 1e999, -0.0, 2**31, 2**63, 10**400, "", "JPEG", "48", "decode.header",
    "\ud800", "\x1b[2J", "A" * 2000, [], {}, [1], {"width": 1}, 1024, 1025, 16_384, 16_385,
)  # fmt: skip
_TURNS = Turns(1, 0, 1.0, Reports(None, "fuzz", lambda: Load(0, 0, 0)))


def _encoded(header: Any) -> bytes:
    return json.dumps(header, separators=(",", ":")).encode()


def _changed(data: bytes, rng: random.Random) -> bytes:
    """An answer with other values, names or types; or damaged bytes; or something deep or large."""
    match rng.randrange(8):
        case 0:
            return damaged(data, rng, b'{"refused":"memory"}')
        case 1:
            return rng.choice((b"[", b'{"a":', b"[[1],")) * rng.choice((10, 900, 3000))
        case 2:
            depth = rng.choice((5, 300, 900, 990, 1200))
            return b'{"refused":' + b"[" * depth + b"]" * depth + b"}"
        case 3 if rng.random() < 0.2:
            return _encoded({"a": "x" * rng.choice((16_300, 16_384, 17_000, 60_000))})
    try:
        header = json.loads(data)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        header = dict(rng.choice(list(_SOUND.values())))
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice([*header, "refused", "width", "subject", "faces", "bytes", "format"])
        if rng.random() < 0.2:
            header.pop(name, None)
        else:
            header[name] = rng.choice(_VALUES)
    return _encoded(header)


class Messages:
    """`wire.receive`: a dictionary and descriptors, or `ProtocolError` or `EOFError`; nothing left open."""

    name = "messages"
    follow = "facegate/sandbox/wire"

    def __init__(self) -> None:
        self._ours, self._theirs = wire.pair()
        self._theirs.settimeout(1)
        self._ours.settimeout(1)
        self._file = os.memfd_create("fuzz")

    def seeds(self) -> dict[str, Message]:
        return {name: (_encoded(header), 0) for name, header in _SOUND.items()}

    def mutate(self, value: Message, rng: random.Random) -> Message:
        return _changed(value[0], rng), rng.choice((0, 0, 0, 1, 4, 5, 9))

    def run(self, value: Message) -> str:
        data, count = value
        socket.send_fds(self._theirs, [data], [self._file] * count)
        # The next descriptor's number tells whether one was left, at the price of two system calls.
        before = os.dup(self._file)
        os.close(before)
        try:
            header, descriptors = wire.receive(self._ours)
        except (ProtocolError, EOFError) as error:
            outcome = type(error).__name__
        else:
            assert type(header) is dict
            assert len(descriptors) == count
            assert not any(map(os.get_inheritable, descriptors))
            wire.close_all(descriptors)
            outcome = "message"
        after = os.dup(self._file)
        os.close(after)
        assert after == before
        return outcome


class Answers:
    """A whole request whose child answers what it likes: documented errors only, and all is let go."""

    name = "answers"
    follow = ""

    def seeds(self) -> dict[str, list[Message]]:
        order = ("admitted", "analyzed", "redacted", "nothing", "encoded")
        return {"story": [(_encoded(_SOUND[name]), 0) for name in order]}

    def mutate(self, value: list[Message], rng: random.Random) -> list[Message]:
        answers = list(value)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(answers))
            answers[at] = (_changed(answers[at][0], rng), rng.choice((0, 0, 0, 0, 0, 1, 4, 9)))
        if rng.random() < 0.05:  # dies in the middle
            del answers[rng.randrange(len(answers)) :]
        return answers

    def run(self, value: list[Message]) -> str:
        children: list[Child] = []

        def begin(_: Request) -> Custody:
            children.append(_hostile(value))
            return Custody(children[0], "fuzz-1", 5.0, lambda *_: request.turn.give_back())

        outcome = "finished"
        request = Request(
            "fuzz-1", shipped().purposes["safety"], MediaLimits(), VideoLimits(), begin, Turn(_TURNS, "fuzz-1")
        )
        request.open()
        try:
            self._use(request)
        except FacegateError as error:
            outcome = type(error).__name__
            assert str(error).isprintable()  # noqa: PT017
            if isinstance(error, ProtocolError):
                # "It was treated as hostile and killed": by the time that the worker hears of it.
                assert children[0].end is not None
        finally:
            request.close()
        assert children[0].end is not None
        assert children[0].arena.closed
        return outcome

    def _use(self, request: Request) -> None:
        upload = request.admit(b"anything")
        assert isinstance(upload, ImageUpload)
        assert upload.format in {"JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"}
        faces = request.analyze(upload)
        assert 0 <= len(faces) <= 1024
        if len(faces):
            with faces.expose("boxes") as boxes:
                assert boxes.shape == (len(faces), 4)
        if faces.subject:
            assert 0 <= faces.subject.index < len(faces)
        safe = request.redact(upload, keep=faces.subject)
        with safe.expose() as rgb:
            assert rgb.shape == (*upload.size_wh[::-1], 3)
        output = request.finish(np.zeros((4, 4, 3), np.uint8), format="png")
        assert 1 <= len(output.data) < 1 << 22


def _hostile(answers: list[Message]) -> Child:
    """A process that sends these answers, one for each command, and then waits for its end."""
    ours, theirs = wire.pair()
    arena = new_arena()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            for data, count in answers:
                theirs.recv(1 << 16)
                socket.send_fds(theirs, [data], [0] * count)
            if len(answers) == 5:
                signal.pause()
        finally:
            os._exit(3)
    theirs.close()
    child = Child(pid, os.pidfd_open(pid), ours, arena, _reap)
    arena.seal()
    return child


def _reap(pid: int) -> str:
    _, status = os.waitpid(pid, 0)
    return f"signal {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else "exit"
