"""A pipeline inside a request. Any callable is one, so all but the tensors is tried without torch and diffusers."""

from __future__ import annotations

import gc
import io
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import facegate
from facegate.errors import (
    AdoptionError,
    AnalysisError,
    GenerationError,
    OutputError,
    PurgeError,
    RequestClosedError,
    UploadError,
)
from facegate.integrations.diffusers import Made, SealedPipeline
from tests.conftest import eventually

try:
    import torch
except ImportError:
    torch = None

TORCH = pytest.mark.skipif(torch is None, reason="torch is not installed")


def controls(_: facegate.Request, upload: facegate.ImageUpload, face: facegate.Face | None) -> dict[str, Any]:
    """The upload, and the landmarks as a picture of points."""
    assert face is not None
    with upload.expose() as pixels, face.expose("landmarks") as points:
        control = np.zeros(pixels.shape, np.uint8)
        x, y = np.clip(points[:, :2].astype(int), 0, np.array(pixels.shape[1::-1]) - 1).T
        control[y, x] = 255
        return {"image": pixels.copy(), "control_image": control}


def inverted(**keywords: Any) -> NDArray[np.uint8]:
    """A pipeline that does next to nothing."""
    return 255 - keywords["image"]


@pytest.fixture
def run(gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes) -> Callable[..., Made]:
    def run(pipeline: Callable[..., Any], controls: Any = controls, settings: Any = None, **keywords: Any) -> Made:
        return SealedPipeline(pipeline, gate, controls, **(settings or {}))(astronaut, request_id=new_id(), **keywords)

    return run


def test_an_upload_goes_in_and_a_sealed_output_comes_out(run: Callable[..., Made], astronaut: bytes) -> None:
    seen = {}

    def pipeline(**keywords: Any) -> NDArray[np.uint8]:
        seen.update(keywords)
        assert keywords["control_image"].any()
        return inverted(**keywords)

    made = run(pipeline, prompt="in oil")
    assert seen["prompt"] == "in oil"
    picture = Image.open(io.BytesIO(made.output.data))
    assert (picture.format, picture.info) == ("PNG", {})
    assert np.array_equal(picture, 255 - np.asarray(Image.open(io.BytesIO(astronaut))))
    verified = facegate.verify(made.receipt.to_json())
    assert (verified.outcome, verified.purge.residuals) == ("finished", ())
    assert not seen["control_image"].any()
    assert not seen["image"].any()


def test_its_file_says_nothing_but_the_picture(run: Callable[..., Made]) -> None:
    def pipeline(**keywords: Any) -> Image.Image:
        picture = Image.fromarray(inverted(**keywords))
        picture.info["parameters"] = "a photo of Eileen"
        picture.getexif()[0x010E] = "Eileen"
        return picture

    for form in ("png", "jpeg", "webp"):
        made = run(pipeline, settings={"format": form})
        assert b"Eileen" not in made.output.data
        assert made.output.format == form


def floats(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return image.astype(np.float32) / 255


class Images:
    """As a pipeline's output object."""

    def __init__(self, images: Any) -> None:
        self.images = images


FORMS: dict[str, Callable[[NDArray[np.uint8]], Any]] = {
    "PIL": Image.fromarray,
    "PIL, RGBA": lambda image: Image.fromarray(image).convert("RGBA"),
    "list of PIL": lambda image: [Image.fromarray(image)],
    "object": lambda image: Images([Image.fromarray(image)]),
    "dict": lambda image: {"images": floats(image)[None]},
    "tuple": lambda image: ([Image.fromarray(image)], [False]),
    "array": lambda image: image,
    "array of floats": floats,
    "half floats": lambda image: floats(image).astype(np.float16),
    "batch": lambda image: floats(image)[None],
    "object of batch": lambda image: Images(floats(image)[None]),
    "read-only": lambda image: np.frombuffer(image.tobytes(), np.uint8).reshape(image.shape),
}
TENSORS: dict[str, Callable[[NDArray[np.uint8]], Any]] = {
    "tensor": lambda image: torch.from_numpy(floats(image)).permute(2, 0, 1),
    "batch of tensors": lambda image: Images(torch.from_numpy(floats(image)).permute(2, 0, 1)[None]),
    "channels last": lambda image: torch.from_numpy(floats(image)),
    "bytes": lambda image: torch.from_numpy(image),
    "with gradient": lambda image: torch.from_numpy(floats(image)).requires_grad_() * 1,
    "bfloat16": lambda image: torch.from_numpy(floats(image)).bfloat16(),
}


@pytest.mark.parametrize(
    "form",
    [pytest.param(make, id=name) for name, make in FORMS.items()]
    + [pytest.param(make, id=name, marks=(TORCH, pytest.mark.frameworks)) for name, make in TENSORS.items()],
)
def test_every_form_of_a_picture_is_taken(run: Callable[..., Made], form: Callable[..., Any]) -> None:
    expected = np.arange(12 * 20 * 3, dtype=np.uint8).reshape(12, 20, 3)
    made = run(lambda **_: form(expected))
    difference = np.asarray(Image.open(io.BytesIO(made.output.data)).convert("RGB")).astype(int) - expected
    assert abs(difference).max() <= (1 if form is TENSORS["bfloat16"] else 0)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (None, "must return"),
        ("picture.png", "must return"),
        ([], "0 pictures"),
        ([np.zeros((4, 4, 3), np.uint8)] * 2, "2 pictures"),
        (np.zeros((2, 4, 4, 3), np.uint8), "2 pictures"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.full((4, 4, 3), -1.0), "from 0 to 1"),
        (np.full((4, 4, 3), 255.0), "from 0 to 1"),
        (np.full((4, 4, 3), np.nan), "from 0 to 1"),
    ],
)
def test_what_is_no_single_picture_is_refused(run: Callable[..., Made], result: Any, sentence: str) -> None:
    with pytest.raises(OutputError, match=sentence):
        run(lambda **_: result)


def test_one_of_several_is_picked(run: Callable[..., Made]) -> None:
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in (1, 2)]
    made = run(lambda **_: Images(pictures), settings={"pick": lambda result: result.images[1]})
    assert np.asarray(Image.open(io.BytesIO(made.output.data))).max() == 2


def test_whatever_controls_makes_is_zeroed(run: Callable[..., Made]) -> None:
    made: dict[str, Any] = {}

    def several(*arguments: Any) -> dict[str, Any]:
        image = controls(*arguments)["image"]
        made.update(image=image, nested={"a": [image[::2].copy()], "b": (bytearray(image.tobytes()),)})
        made.update(picture=Image.fromarray(image), strength=0.5)
        return made

    run(lambda **keywords: inverted(image=np.array(keywords["picture"])), several)
    assert not made["image"].any()
    assert not made["nested"]["a"][0].any()
    assert not any(made["nested"]["b"][0])
    assert made["picture"].getbbox() is None


def test_what_the_call_brings_is_not_the_faces_and_stays(run: Callable[..., Made]) -> None:
    embedding = np.ones(8, np.float32)
    run(inverted, prompt_embeds=embedding)
    assert embedding.all()


def test_what_expose_shows_is_no_control_input(run: Callable[..., Made]) -> None:
    def shown(_: Any, upload: facegate.ImageUpload, __: Any) -> dict[str, Any]:
        with upload.expose() as pixels:
            return {"image": pixels}

    with pytest.raises(AdoptionError, match="return a copy"):
        run(inverted, shown)
    with pytest.raises(AdoptionError, match="facegate's own"):
        run(inverted, lambda *arguments: {"image": arguments[2]})


def test_keywords_are_named_once_and_controls_gives_a_dict(run: Callable[..., Made]) -> None:
    with pytest.raises(AnalysisError, match="same argument: image"):
        run(inverted, image=1)
    with pytest.raises(AnalysisError, match="must return a dict"):
        run(inverted, lambda *_: [1])


def test_a_picture_of_nobody_is_for_controls_to_decide(
    gate: facegate.Gate, new_id: Callable[[], str], nobody: bytes
) -> None:
    def none(_: Any, upload: facegate.ImageUpload, face: facegate.Face | None) -> dict[str, Any]:
        assert face is None
        with upload.expose() as pixels:
            return {"image": pixels.copy()}

    assert SealedPipeline(inverted, gate, none)(nobody, request_id=new_id()).output.size
    with pytest.raises(UploadError):
        SealedPipeline(inverted, gate, none)(b"no picture", request_id=new_id())


def failing(secret: list[Any], error: type[BaseException] = ValueError) -> Callable[..., Any]:
    """A pipeline whose error holds the control image in its words, its frames and its cause."""

    def pipeline(**keywords: Any) -> Any:
        control = keywords["control_image"]
        secret.append(str(np.argwhere(control[..., 0])[:3].tolist()))
        try:
            raise RuntimeError(secret[0])
        except RuntimeError as cause:
            raise error(f"bad control image {secret[0]}", control.copy()) from cause

    return pipeline


def test_an_error_of_the_pipeline_purges_and_tells_nothing_of_the_face(
    gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes
) -> None:
    secret: list[str] = []
    receipts = []
    gate._on_receipt = receipts.append
    try:
        with pytest.raises(GenerationError) as caught:
            SealedPipeline(failing(secret), gate, controls)(astronaut, request_id=new_id())
    finally:
        gate._on_receipt = None
    error = caught.value
    assert error.error == "ValueError"
    assert "raised ValueError at" in str(error)
    assert [place.rpartition(":")[0] for place in error.where] == [__file__]
    assert error.__cause__ is None
    assert error.__context__ is None
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = [frame for frame in told.stack if "/facegate/" in frame.filename]
    assert len(shown) >= 2
    # "operation" is the method that was called, of which no argument is left.
    assert all(set(frame.locals or {}) <= {"operation"} for frame in shown)
    del told, shown
    assert secret[0] not in "".join(traceback.format_exception(error)) + repr(error.__dict__)
    verified = [facegate.verify(each.to_json(), allow_open=True) for each in receipts]
    assert [each.outcome for each in verified] == [None, "exception"]
    assert (verified[1].error, verified[1].purge.residuals) == ("GenerationError", ())
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is ValueError and len(each.args) == 2]


def test_errors_that_are_named_and_interrupts_come_out_without_frames(run: Callable[..., Made]) -> None:
    for kind, settings in ((OSError, {"passes": (OSError,)}), (KeyboardInterrupt, {})):
        with pytest.raises(kind) as caught:
            run(failing([], kind), settings=settings)
        assert caught.value.__cause__ is None
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
        pipeline = [frame for frame in frames if frame.f_code.co_name == "pipeline"]
        assert len(pipeline) == 1
        assert not pipeline[0].f_locals


@pytest.mark.parametrize("place", ["controls", "pick", "callback"])
def test_errors_of_the_workers_other_code_too(run: Callable[..., Made], place: str) -> None:
    def bad(*_: Any) -> Any:
        raise ZeroDivisionError("secret")

    def stepping(*, callback_on_step_end: Any = None, **keywords: Any) -> Any:
        callback_on_step_end(None, 0, 999, {})
        return inverted(**keywords)

    settings = {"pick": bad} if place == "pick" else {}
    keywords = {"callback_on_step_end": bad} if place == "callback" else {}
    with pytest.raises(GenerationError, match="ZeroDivisionError") as caught:
        run(stepping, bad if place == "controls" else controls, settings, **keywords)
    assert "secret" not in str(caught.value)


def steps(*, callback_on_step_end: Any = None, callback_on_step_end_tensor_inputs: Any = ("latents",), **keywords: Any):
    """Three steps, with the callback called as diffusers does."""
    latents = np.zeros(2)
    for step in range(3):
        latents = latents + 1
        if callback_on_step_end is not None:
            named = dict.fromkeys(callback_on_step_end_tensor_inputs, latents)
            latents = callback_on_step_end("pipe", step, 1000 - step, named).pop("latents", latents)
    return np.full_like(keywords["image"], latents[0])


def test_callbacks_are_kept_and_chained(run: Callable[..., Made]) -> None:
    calls: list[Any] = []

    def mine(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        calls.append(("mine", pipe, step, timestep, sorted(tensors), tensors["latents"][0]))
        return {"latents": tensors["latents"] + 100}

    class Theirs:
        """As diffusers' PipelineCallback, which says what it wants to see; this one returns nothing."""

        tensor_inputs = ("latents", "mask")

        def __call__(self, pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> None:
            calls.append(("theirs", step, sorted(tensors), tensors["latents"][0]))

    def with_callback(*arguments: Any) -> dict[str, Any]:
        return controls(*arguments) | {"callback_on_step_end": Theirs()}

    made = run(steps, with_callback, callback_on_step_end=mine, callback_on_step_end_tensor_inputs=["latents"])
    assert calls[:2] == [
        ("theirs", 0, ["latents", "mask"], 1),
        ("mine", "pipe", 0, 1000, ["latents", "mask"], 1),
    ]
    assert len(calls) == 6
    assert np.asarray(Image.open(io.BytesIO(made.output.data))).max() == 303 % 256


def test_a_pipeline_that_knows_no_callback_gets_none(run: Callable[..., Made]) -> None:
    seen: list[str] = []
    run(lambda **keywords: (seen.extend(keywords), inverted(**keywords))[1])
    assert seen == ["image", "control_image"]


def test_a_request_that_is_over_stops_the_pipeline(gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes):
    """Its time to live ran out, here by a cancellation from another thread."""
    reached: list[int] = []
    open_request: list[facegate.Request] = []

    def remember(request: facegate.Request, *others: Any) -> dict[str, Any]:
        open_request.append(request)
        return controls(request, *others)

    def mine(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        reached.append(step)
        if step == 1:
            thread = threading.Thread(target=open_request[0].cancel)
            thread.start()
            thread.join()
        return tensors

    with pytest.raises(RequestClosedError, match="cancelled"):
        SealedPipeline(steps, gate, remember)(astronaut, request_id=new_id(), callback_on_step_end=mine)
    assert reached == [0, 1]

    def blind(**_: Any) -> Any:
        open_request[-1].cancel()
        return np.zeros((4, 4, 3), np.uint8)

    with pytest.raises(RequestClosedError):
        SealedPipeline(blind, gate, remember)(astronaut, request_id=new_id())


def test_a_control_input_that_cannot_be_zeroed_loses_the_output(run: Callable[..., Made]) -> None:
    def pipeline(**keywords: Any) -> Any:
        keywords["control_image"].resize((5, 5, 3), refcheck=False)
        return inverted(**keywords)

    with pytest.raises(PurgeError, match="adopted array"):
        run(pipeline)


def test_nothing_heavy_is_imported_for_it() -> None:
    import subprocess

    code = "import sys, facegate.integrations.diffusers; print({'torch', 'diffusers', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_requests_of_several_threads_do_not_meet(gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes):
    sealed = SealedPipeline(lambda **keywords: np.full_like(keywords["image"], keywords["value"]), gate, controls)
    made: dict[int, int] = {}

    def one(value: int, request_id: str) -> None:
        output = sealed(astronaut, request_id=request_id, value=value).output
        made[value] = int(np.asarray(Image.open(io.BytesIO(output.data))).max())

    threads = [threading.Thread(target=one, args=(value, new_id())) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert eventually(lambda: made == {value: value for value in range(4)})
