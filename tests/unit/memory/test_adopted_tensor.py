"""Adopted torch tensors. Where there is no torch these tests are skipped by its name, those of CUDA by CUDA's."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from facegate.errors import AdoptionError
from facegate.memory.adopted import Adoptions

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.frameworks
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


def wiped(value: object) -> tuple[int, int, int]:
    adoptions = Adoptions()
    adoptions.take(value)
    (done,) = adoptions.wipe()
    assert done.name == "adopted tensor 1"
    return done.bytes_wiped, done.bytes_reread, done.bytes_nonzero


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "make",
    [
        lambda device: torch.ones(478, 3, device=device),
        lambda device: torch.ones(478, 3, device=device)[::2, 1:],
        lambda device: torch.ones(4, 5, device=device).T,
        lambda device: torch.ones(4, 5, device=device, dtype=torch.bfloat16),
        lambda device: torch.ones(4, 5, device=device, dtype=torch.bool)[:, ::2],
        lambda device: torch.ones(4, 5, device=device, dtype=torch.complex128)[::3],
        lambda device: torch.full((4, 5), 3, device=device, dtype=torch.int64),
        lambda device: torch.ones(4, 5, device=device, requires_grad=True),
        lambda device: torch.nn.Parameter(torch.ones(4, 5, device=device)),
        lambda device: torch.ones(4, 5, device=device, requires_grad=True) * 2,
        lambda device: torch.ones((), device=device),
        lambda device: torch.ones(0, 3, device=device),
    ],
)
def test_every_byte_is_zero_and_was_read_back(make: Callable, device: str) -> None:
    tensor = make(device)
    size = tensor.numel() * tensor.element_size()
    assert wiped(tensor) == (size, size, 0)
    assert not tensor.detach().any()


@pytest.mark.parametrize("device", DEVICES)
def test_tensors_of_inference_mode(device: str) -> None:
    """What a pipeline makes; outside that mode they cannot be changed in place."""
    with torch.inference_mode():
        tensor = torch.ones(7, device=device)
    assert wiped(tensor) == (28, 28, 0)
    assert not tensor.any()


@pytest.mark.parametrize("device", DEVICES)
def test_an_expanded_tensor_is_zeroed_once(device: str) -> None:
    tensor = torch.ones(3, 1, device=device).expand(3, 1000)
    assert wiped(tensor) == (12, 12, 0)
    assert not tensor.any()


@pytest.mark.parametrize("device", DEVICES)
def test_other_data_in_the_tensors_place_does_not_hide_the_first(device: str) -> None:
    tensor = torch.ones(9, device=device)
    first = tensor.detach()
    adoptions = Adoptions()
    adoptions.take(tensor)
    tensor.data = torch.zeros(2, device=device)
    (done,) = adoptions.wipe()
    assert done.bytes_nonzero == 0
    assert not first.any()


@pytest.mark.parametrize("device", DEVICES)
def test_a_resized_storage_is_a_residual(device: str) -> None:
    tensor = torch.ones(9, device=device)
    adoptions = Adoptions()
    adoptions.take(tensor)
    tensor.untyped_storage().resize_(0)
    (done,) = adoptions.wipe()
    assert (done.bytes_wiped, done.bytes_reread, done.bytes_nonzero) == (36, 0, 36)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_kernels_that_are_queued_do_not_write_it_again() -> None:
    stream = torch.cuda.Stream()
    tensor = torch.zeros(1 << 20, device="cuda")
    adoptions = Adoptions()
    adoptions.take(tensor)
    with torch.cuda.stream(stream):
        torch.cuda._sleep(500_000_000)
        tensor.add_(1)
    (done,) = adoptions.wipe()
    stream.synchronize()
    assert done.bytes_nonzero == 0
    assert not tensor.any()


def test_tensors_that_zeros_would_not_erase_are_refused() -> None:
    for tensor in (
        torch.eye(3).to_sparse(),
        torch.ones(3, device="meta"),
        torch.ones(3, dtype=torch.complex64).conj(),
    ):
        with pytest.raises(AdoptionError):
            Adoptions().take(tensor)


def test_an_array_and_the_tensor_on_its_memory_cannot_be_of_two_requests() -> None:
    array = np.ones(8, np.float32)
    first, second = Adoptions(), Adoptions()
    first.take(array)
    with pytest.raises(AdoptionError, match="another request"):
        second.take(torch.from_numpy(array[3:5]))
    first.wipe()


def test_torch_is_not_imported_by_us() -> None:
    import subprocess
    import sys

    code = "import sys, facegate, facegate.memory.adopted; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "False"
