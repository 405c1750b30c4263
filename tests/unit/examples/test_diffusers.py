"""The example with a whole diffusers pipeline, which runs here; skipped by name where torch or diffusers is missing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facegate
from facegate.audit.faults.picture import draw
from facegate.errors import GenerationError
from facegate.integrations.diffusers import SealedPipeline
from fixtures.portraits import portrait

torch = pytest.importorskip("torch", reason="torch is not installed")
os.environ["HF_HUB_OFFLINE"] = "1"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("diffusers", reason="diffusers is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from examples import diffusers_inpaint as example
ROOT = Path(__file__).parents[3]
# Of diffusers and transformers themselves.
pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return example.tiny_pipeline()


def keywords(**more: Any) -> dict[str, Any]:
    return {
        "prompt_embeds": torch.zeros(1, 8, example.WORDS),
        "negative_prompt_embeds": torch.zeros(1, 8, example.WORDS),
        "num_inference_steps": 3,
        "height": example.SIDE,
        "width": example.SIDE,
        "generator": torch.Generator().manual_seed(1),
    } | more


def test_it_runs_as_it_stands(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.fromarray(portrait("astronaut")).save(photo)
    command = [sys.executable, str(ROOT / "examples/diffusers_inpaint.py"), photo.name, "out.png"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:4] == [f"step {each}" for each in (1, 2, 3, 4)]
    assert "finished, left behind: []" in done.stdout
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (example.SIDE, example.SIDE)


@pytest.mark.parametrize(("output_type", "return_dict"), [("np", True), ("pil", True), ("pt", False)])
def test_its_parts_see_the_control_inputs_and_all_are_zeroed(
    pipeline: Any,
    gate: facegate.Gate,
    new_id: Callable[[], str],
    astronaut: bytes,
    output_type: str,
    return_dict: bool,
) -> None:
    made: dict[str, Any] = {}
    seen: list[bool] = []

    def controls(*arguments: Any) -> dict[str, Any]:
        made.update(example.controls(*arguments))
        return made

    def look(_: Any, args: Any, kwargs: dict[str, Any]) -> None:
        seen.append(bool(kwargs.get("controlnet_cond", args[3] if len(args) > 3 else None).any()))

    hook = pipeline.controlnet.register_forward_pre_hook(look, with_kwargs=True)
    steps: list[int] = []
    try:
        done = SealedPipeline(pipeline, gate, controls)(
            astronaut,
            request_id=new_id(),
            callback_on_step_end=lambda _, step, __, tensors: (steps.append(step), tensors)[1],
            **keywords(output_type=output_type, return_dict=return_dict),
        )
    finally:
        hook.remove()
    assert (steps, seen) == ([0, 1, 2], [True, True, True])
    assert np.asarray(Image.open(io.BytesIO(done.output.data))).shape == (example.SIDE, example.SIDE, 3)
    assert set(made) == {"image", "mask_image", "control_image"}
    assert not any(each.any() for each in made.values())
    assert facegate.verify(done.receipt.to_json()).outcome == "finished"


def test_an_error_deep_in_the_pipeline_purges(
    pipeline: Any, gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes
) -> None:
    made: dict[str, Any] = {}

    def controls(*arguments: Any) -> dict[str, Any]:
        made.update(example.controls(*arguments))
        return made

    with pytest.raises(GenerationError, match="RuntimeError") as caught:
        SealedPipeline(pipeline, gate, controls)(
            astronaut,
            request_id=new_id(),
            **keywords(**dict.fromkeys(("prompt_embeds", "negative_prompt_embeds"), torch.zeros(1, 8, 5))),
        )
    assert any("diffusers" in place for place in caught.value.where)
    assert not any(each.any() for each in made.values())


@pytest.mark.facegate_sealed
def test_nothing_facial_outlives_it(pipeline: Any, gate: facegate.Gate, new_id: Callable[[], str]) -> None:
    """Under the watchers of the audit: files, words, pickles, globals, network, and a search of memory."""
    # A person of this test's own: what other tests of this process made of another's picture is no leak of it.
    with gate.open_request(new_id(), purpose="generation") as request:
        somebody = request.finish(draw(20261), format="jpeg").data
    SealedPipeline(pipeline, gate, example.controls)(
        somebody, request_id=new_id(), **keywords(output_type="np", num_inference_steps=1)
    )
