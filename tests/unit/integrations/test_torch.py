"""Tensors on what `expose` shows. Skipped by torch's name where it is missing, by CUDA's where there is no device."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import facegate
from facegate.errors import AdoptionError, AnalysisError, ReadOnlyError, SealedError

torch = pytest.importorskip("torch", reason="torch is not installed")

from facegate.integrations.torch import SealedTensor, adopt, sealed, tensor  # noqa: E402 (after the skip)

pytestmark = pytest.mark.frameworks
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture
def request_(gate: facegate.Gate, new_id: Callable[[], str]) -> Iterator[facegate.Request]:
    with gate.open_request(new_id(), purpose="generation") as request:
        yield request


@pytest.fixture
def face(request_: facegate.Request, astronaut: bytes) -> facegate.Face:
    face = request_.analyze(request_.admit(astronaut, "image")).subject
    assert face is not None
    return face


@pytest.fixture
def points(face: facegate.Face) -> Iterator[SealedTensor]:
    with tensor(face, "landmarks") as shown:
        yield shown


def test_it_is_the_memory_that_expose_shows(face: facegate.Face) -> None:
    with face.expose("landmarks") as array, tensor(face, "landmarks") as shown:
        assert (shown.shape, shown.dtype) == ((478, 3), torch.float32)
        assert sealed(array).data_ptr() == array.__array_interface__["data"][0]
        # Another window of the same pages: equal, to the last bit.
        assert torch.equal(shown, torch.from_numpy(array.copy()))


def test_all_faces_and_pictures_too(request_: facegate.Request, astronaut: bytes) -> None:
    upload = request_.admit(astronaut, "image")
    faces = request_.analyze(upload)
    with tensor(faces, "boxes") as boxes, faces.expose("boxes") as array:
        assert boxes.shape == (len(faces), 4)
        assert np.array_equal(boxes.clone().numpy(), array)
    with tensor(upload) as pixels, upload.expose() as array:
        assert pixels.dtype == torch.uint8
        assert np.array_equal(pixels.clone().numpy(), array)
    assert not pixels.any()
    with pytest.raises(AnalysisError), tensor(faces, "nothing"):
        pass


def test_no_faces_at_all(request_: facegate.Request, nobody: bytes) -> None:
    with tensor(request_.analyze(request_.admit(nobody, "image")), "boxes") as boxes:
        assert boxes.shape == (0, 4)


def test_it_and_every_view_read_zeros_after_the_block(face: facegate.Face) -> None:
    with tensor(face, "landmarks") as shown:
        kept = [shown, shown[3:9], shown.T, shown.view(-1), shown.detach(), shown.data, *shown.unbind(1), shown[0, 0]]
        assert all(type(each) is SealedTensor for each in kept)
        assert all(each.any() for each in kept)
    assert not any(each.any() for each in kept)


def test_it_reads_zeros_after_the_purge_and_its_memory_goes_with_it(
    gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        face = request.analyze(request.admit(astronaut, "image")).subject
        assert face is not None
        with tensor(face, "landmarks") as shown:
            request.cancel()
            assert not shown.any()
            with pytest.raises(ReadOnlyError):
                shown.zero_()
    del shown
    gc.collect()


WRITES = {
    "add_": lambda t: t.add_(1),
    "+=": lambda t: t.__iadd__(1),
    "[]=": lambda t: t.__setitem__((0, 0), 1),
    "a view's": lambda t: t[1:].view(-1).zero_(),
    "data's": lambda t: t.data.zero_(),
    "out=": lambda t: torch.add(t, 1, out=t),
    "one of a list": lambda t: torch._foreach_add_([torch.zeros(2), t], 1),
    "inplace=True": lambda t: torch.nn.functional.relu(t, inplace=True),
    "random": lambda t: torch.nn.init.normal_(t),
    "copy_": lambda t: t.copy_(torch.zeros(478, 3)),
    "indices": lambda t: t.index_fill_(0, torch.tensor([0]), 0),
    "resize_": lambda t: t.resize_(2),
    "a module in C++": lambda t: torch.nn.ReLU6(inplace=True)(t),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
@pytest.mark.parametrize("inference", [False, True])
def test_a_write_raises_before_it_is_done(points: SealedTensor, write: Callable, inference: bool) -> None:
    before = points.clone()
    with torch.inference_mode(inference), pytest.raises(ReadOnlyError, match="cannot be written to"):
        write(points)
    assert torch.equal(points, before)


def test_without_the_guard_a_write_would_end_the_worker(astronaut: bytes) -> None:
    """The control of the test above: a plain tensor on the same memory."""
    code = """
        import sys, warnings, torch, facegate
        from facegate.integrations.torch import sealed
        warnings.simplefilter("ignore")
        with facegate.Gate() as gate, gate.open_request("r", purpose="generation") as request:
            face = request.analyze(request.admit(sys.stdin.buffer.read(), "image")).subject
            with face.expose("landmarks") as array:
                if sys.argv[1] == "plain":
                    torch.from_numpy(array).zero_()
                try:
                    sealed(array).zero_()
                except ValueError as error:
                    print(type(error).__name__)
    """
    for kind, expected in (("plain", -11), ("sealed", 0)):
        command = [sys.executable, "-c", textwrap.dedent(code), kind]
        done = subprocess.run(command, input=astronaut, capture_output=True, check=False, timeout=120)
        assert done.returncode == expected, done.stderr
    assert done.stdout == b"ReadOnlyError\n"


@pytest.mark.parametrize(
    "give",
    [
        lambda t: t.numpy(),
        lambda t: t.detach().numpy(force=True),
        np.asarray,
        np.from_dlpack,
        torch.from_dlpack,
        lambda t: t.untyped_storage(),
        lambda t: t.storage(),
        lambda t: t.share_memory_(),
        lambda t: t.apply_(abs),
        lambda t: t.map_(t, max),
        lambda t: t.tolist(),
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        lambda t: torch.save(t, io.BytesIO()),
    ],
)
def test_nothing_gives_its_memory_or_values_away(points: SealedTensor, give: Callable) -> None:
    for each in (points, points[3:]):
        with pytest.raises(SealedError):
            give(each)


def test_it_is_not_printed(points: SealedTensor) -> None:
    number = f"{points[0, 0].item():.2f}"
    for text in (repr(points), str(points), f"{points}", repr([points[:3]]), f"{points[0, 0]}"):
        assert "sealed" in text
        assert number not in text


def test_a_model_takes_it_and_gives_plain_tensors(points: SealedTensor) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(inplace=True), torch.nn.Linear(8, 1))
    out = model(points)
    assert type(out) is torch.Tensor
    assert torch.equal(out, model(points.clone()))
    out.sum().backward()
    for plain in (points + 1, points.half(), points.clone(), torch.cat([points, points]), points.mean(0)):
        assert type(plain) is torch.Tensor
        plain.zero_()
    assert type(points.to(torch.float32)) is SealedTensor
    assert points.any()


def test_adopted_structures_are_zeroed_with_the_request(
    gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        face = request.analyze(request.admit(astronaut, "image")).subject
        assert face is not None
        with tensor(face, "landmarks") as shown:
            whole = torch.stack([shown.clone(), shown.clone()])
            made = {"half": shown.bfloat16(), "list": [shown.T.contiguous().T[::2], (shown.double().numpy(),)], "n": 1}
            learnt = shown.clone().requires_grad_()
        (learnt * 2).sum().backward()
        part = adopt(request, whole[1, 5:9], storage=True)
        assert adopt(request, made) is made
        adopt(request, learnt)
        assert part.any()
        assert learnt.grad.any()
        kept = learnt.grad
    assert not any(each.any() for each in (whole, made["half"], *made["list"][:1], *made["list"][1], kept))
    assert not learnt.detach().any()
    assert request.receipt is not None
    assert request.purge_error is None


def test_only_the_elements_of_a_view_are_adopted_unless_asked(gate: facegate.Gate, new_id: Callable[[], str]) -> None:
    whole = torch.ones(4, 4)
    with gate.open_request(new_id(), purpose="generation") as request:
        adopt(request, whole[:, 1])
    assert whole.sum() == 12
    assert not whole[:, 1].any()


def test_what_expose_shows_is_not_for_adoption(request_: facegate.Request, points: SealedTensor) -> None:
    for value in (points, points[3:], {"deep": [points]}, "text", {"n": 1}):
        with pytest.raises(AdoptionError):
            adopt(request_, value)


@CUDA
def test_a_copy_on_the_device_is_zeroed_behind_what_is_queued(
    gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes
) -> None:
    stream = torch.cuda.Stream()
    with gate.open_request(new_id(), purpose="generation") as request:
        face = request.analyze(request.admit(astronaut, "image")).subject
        assert face is not None
        with tensor(face, "landmarks") as shown:
            there = adopt(request, shown.to("cuda"))
            assert torch.equal(there.cpu(), shown.clone())
        with torch.cuda.stream(stream):
            torch.cuda._sleep(500_000_000)
            there.add_(1)
    stream.synchronize()
    assert not there.any()
