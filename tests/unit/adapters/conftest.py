"""Golden numbers of the references, and a face to adapt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import facegate
from fixtures.networks import small
from tests.conftest import encode

Golden = dict[str, NDArray[np.generic]]


@pytest.fixture(scope="session")
def golden() -> Golden:
    """See `tests.golden.make_adapters_golden`."""
    with np.load(Path(__file__).parents[2] / "golden" / "adapters.npz", allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


@pytest.fixture
def opened(gate: facegate.Gate, astronaut: bytes, new_id: Callable[[], str]) -> Iterator[tuple]:
    """An open request, its upload, and the subject."""
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        yield request, upload, request.analyze(upload).subject
