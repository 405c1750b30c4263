"""A leaky facegate on purpose, for the tests of the matrix alone: each leak is a habit that a change could bring in."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import queue
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facegate import custody, gate
from facegate.custody import Custody
from facegate.gate import Gate
from facegate.memory import window
from facegate.memory.region import Region
from facegate.memory.window import Window
from facegate.memory.wiped import Wiped
from facegate.receipt import Receipt
from facegate.request import Request
from facegate.sandbox.child import Child

Patch = pytest.MonkeyPatch
KEPT: list[Any] = []
STARTED: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Leak:
    """One leak.

    Attributes:
        make: brings it in.
        told: what the matrix must say of it.
        cell: in which it shows.
    """

    make: Callable[[Patch, Path], None]
    told: str
    cell: tuple[str, str] = ("consume", "exception")


def on_look(patch: Patch, step: Callable[[np.ndarray, str], None]) -> None:
    """Have `step` see whatever is exposed of a subject, as a careless line in facegate would."""
    expose = Request.expose_product

    @contextlib.contextmanager
    def leaky(self: Request, faces: Any, name: str, rows: Any) -> Any:
        with expose(self, faces, name, rows) as array:
            step(array, name)
            yield array

    patch.setattr(Request, "expose_product", leaky)


def skip_wipe(patch: Patch, _: Path) -> None:
    def claims(self: Region, used: int | None = None) -> Wiped:
        size = self.size if used is None else used
        return Wiped(self.name, size, size, 0)

    patch.setattr(Region, "wipe", claims)


def keep_windows(patch: Patch, _: Path) -> None:
    patch.setattr(Window, "revoke", lambda _: None)


def spare_child(patch: Patch, _: Path) -> None:
    patch.setattr(Child, "close", lambda _: "killed at purge")
    patch.setattr(Child, "kill", lambda _: None)


def keep_upload_open(patch: Patch, _: Path) -> None:
    close = Region.close
    patch.setattr(Region, "close", lambda self: KEPT.append(self) if self.name == "upload" else close(self))


def keep_pixels(patch: Patch, _: Path) -> None:
    expose = Request.expose_pixels

    @contextlib.contextmanager
    def leaky(self: Request, picture: Any) -> Any:
        with expose(self, picture) as rgb:
            KEPT.append(rgb.copy())
            yield rgb

    patch.setattr(Request, "expose_pixels", leaky)


def write_file(patch: Patch, folder: Path) -> None:
    on_look(patch, lambda array, name: array.tofile(folder / name))


def log(patch: Patch, _: Path) -> None:
    on_look(patch, lambda array, _: logging.getLogger("facegate").debug("%s", array))


def keep_half_floats(patch: Patch, _: Path) -> None:
    on_look(patch, lambda array, _: KEPT.append(array.astype(np.float16)))


def keep_text(patch: Patch, _: Path) -> None:
    on_look(patch, lambda array, _: KEPT.append(json.dumps(array.tolist())))


def keep_base64(patch: Patch, _: Path) -> None:
    on_look(patch, lambda array, _: KEPT.append(base64.b64encode(array.tobytes())))


def cache_in_a_thread(patch: Patch, _: Path) -> None:
    handed: queue.SimpleQueue[Any] = queue.SimpleQueue()
    analyze = Request.analyze

    def cache() -> None:
        mine = []
        while (handle := handed.get()) is not None:
            mine.append(handle)

    def leaky(self: Request, *given: Any, **options: Any) -> Any:
        faces = analyze(self, *given, **options)
        handed.put(faces)
        return faces

    threading.Thread(target=cache, daemon=True).start()
    KEPT.append(contextlib.ExitStack())
    KEPT[-1].callback(handed.put, None)
    patch.setattr(Request, "analyze", leaky)


def leave_descriptor(patch: Patch, _: Path) -> None:
    close = Region.close

    def leaky(self: Region) -> None:
        if not self.closed and self.name == "output":
            KEPT.append(os.fdopen(os.dup(self.fd), "rb"))
        close(self)

    patch.setattr(Region, "close", leaky)


def sign_nothing(patch: Patch, _: Path) -> None:
    def leaky(self: Gate, request: Request, *_: Any) -> None:
        self._open.pop(request.request_id, None)
        request.turn.give_back()

    patch.setattr(Gate, "_ended", leaky)


def sign_wrongly(patch: Patch, _: Path) -> None:
    close = Receipt.close

    def leaky(self: Receipt, closed: Any, signer: Any) -> Receipt:
        return _broken(close(self, closed, signer))

    patch.setattr(Receipt, "close", leaky)


def _broken(receipt: Receipt) -> Receipt:
    told = json.loads(receipt.text)
    signature = told["envelopes"][1]["signatures"][0]
    signature["sig"] = ("B" if signature["sig"][0] == "A" else "A") + signature["sig"][1:]
    return type(receipt)(json.dumps(told))


def let_handles_live(patch: Patch, _: Path) -> None:
    patch.setattr(Custody, "check_open", lambda _: None)


def say_finished(patch: Patch, _: Path) -> None:
    patch.setattr(custody, "_outcome_of", lambda _: "abandoned")


def share_with_forks(patch: Patch, _: Path) -> None:
    keep_apart, seen = window.keep_apart, []

    def leaky(*given: Any) -> None:
        # The first is the gate's own look at what it has, which would refuse to open.
        if not seen:
            keep_apart(*given)
        seen.append(True)

    patch.setattr(window, "keep_apart", leaky)
    patch.setattr(Window, "_after_fork", lambda _: None)  # the second line of defence


def trust_the_dead(patch: Patch, _: Path) -> None:
    patch.setattr(Region, "_touched", lambda _, least: least)


def leave_process(patch: Patch, _: Path) -> None:
    end = gate.Gate._ended

    def leaky(self: Gate, *given: Any) -> None:
        if len(STARTED) < 4:
            STARTED.append(subprocess.Popen(["sleep", "60"]))
        end(self, *given)

    patch.setattr(Gate, "_ended", leaky)


LEAKS: dict[str, Leak] = {
    "the wipe is skipped, and claimed": Leak(skip_wipe, "was not zero"),
    "windows are not revoked": Leak(keep_windows, "still a map"),
    "the child is not killed": Leak(spare_child, "outlived its request"),
    "the upload's region is not closed": Leak(keep_upload_open, "the upload was not closed", ("decode", "SIGKILL")),
    "pixels are kept in a global": Leak(keep_pixels, "bytes of the person"),
    "landmarks are written to a file": Leak(write_file, "bytes to a file"),
    "landmarks are logged": Leak(log, "logged something"),
    "geometry is kept as half floats": Leak(keep_half_floats, "bytes of the person"),
    "geometry is kept as JSON": Leak(keep_text, "bytes of the person"),
    "geometry is kept as base64": Leak(keep_base64, "bytes of the person"),
    "a thread caches handles": Leak(cache_in_a_thread, "keeps a request"),
    "a descriptor is left": Leak(leave_descriptor, "descriptors", ("purge", "cancel")),
    "no receipt is signed": Leak(sign_nothing, "no receipt that verifies"),
    "the signature is another's": Leak(sign_wrongly, "no receipt that verifies"),
    "a handle works after the end": Leak(let_handles_live, "did not refuse"),
    "the receipt tells another end": Leak(say_finished, "it ended as", ("mesh", "SIGSEGV")),
    "forks inherit what is exposed": Leak(share_with_forks, "a fork of the worker", ("consume", "fork")),
    "what a dead child wrote is not wiped": Leak(trust_the_dead, "the output was not zero", ("encode", "SIGBUS")),
    "a process is left": Leak(leave_process, "processes were left"),
}


def clean_up() -> None:
    """Let go of what the leaks kept."""
    for each in KEPT:
        if hasattr(each, "close"):
            each.close()
    KEPT.clear()
    for process in STARTED:
        process.kill()
        process.wait()
    STARTED.clear()
