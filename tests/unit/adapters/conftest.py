"""Golden numbers of the references, and a face to adapt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import facegate
from fixtures.networks import recognizer, written

Golden = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Opened:
    """An open request, its upload and the subject."""

    request: facegate.Request
    upload: facegate.ImageUpload
    face: facegate.Face


@pytest.fixture(scope="session")
def golden() -> Golden:
    """See `tests.golden.make_adapters_golden`."""
    with np.load(Path(__file__).parents[2] / "golden" / "adapters.npz", allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[facegate.Gate]:
    """A gate whose policy names a recognizer: a small network of noise, which gives 512 numbers all the same."""
    data = recognizer()
    path = written(tmp_path_factory.mktemp("recognizer"), data)
    named = facegate.Recognizer(path, hashlib.sha256(data).hexdigest())
    with facegate.Gate(facegate.Policy(recognizer=named)) as gate:
        yield gate


@pytest.fixture
def opened(gate: facegate.Gate, astronaut: bytes, new_id: Callable[[], str]) -> Iterator[Opened]:
    """Without a recognizer."""
    with gate.open_request(new_id(), purpose="generation") as request:
        yield _analyzed(request, astronaut)


@pytest.fixture
def known(knowing: facegate.Gate, astronaut: bytes, new_id: Callable[[], str]) -> Iterator[Opened]:
    """With a recognizer."""
    with knowing.open_request(new_id(), purpose="generation") as request:
        yield _analyzed(request, astronaut)


def _analyzed(request: facegate.Request, data: bytes) -> Opened:
    upload = request.admit(data, "image")
    face = request.analyze(upload).subject
    assert face is not None
    return Opened(request, upload, face)
