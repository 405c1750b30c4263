"""Every adapter: what was handed out reads zeros after the request, and asking again fails."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import facegate
from facegate.adapters import controlnet_mediapipe, instantid, ip_adapter, liveportrait, pulid, sadtalker
from facegate.adapters.lent import Scratch
from facegate.errors import AnalysisError, RequestClosedError, SealedError, ShapeError
from fixtures.collection import two_people
from tests.conftest import encode
from tests.unit.adapters.conftest import Opened

NewId = Callable[[], str]

ADAPTERS: dict[str, Callable[[facegate.Face], Any]] = {
    "instantid.key_points_image": instantid.key_points_image,
    "instantid.embedding": instantid.embedding,
    "controlnet_mediapipe.face_image": controlnet_mediapipe.face_image,
    "ip_adapter.faceid_embeds": ip_adapter.faceid_embeds,
    "ip_adapter.diffusers_embeds": ip_adapter.diffusers_embeds,
    "ip_adapter.face_image": ip_adapter.face_image,
    "pulid.embedding": pulid.embedding,
    "pulid.face_features": pulid.face_features,
    "liveportrait.cut": liveportrait.cut,
    "liveportrait.crop_image": liveportrait.crop_image,
    "sadtalker.source": sadtalker.source,
}


def arrays(made: Any) -> list[np.ndarray]:
    return [made] if isinstance(made, np.ndarray) else [getattr(made, name) for name in made.__dataclass_fields__]


def every(face: facegate.Face | None) -> dict[str, list[np.ndarray]]:
    """All that adapters make of a face."""
    return {name: arrays(adapt(face)) for name, adapt in ADAPTERS.items()}  # type: ignore[arg-type]


def left(made: dict[str, list[np.ndarray]]) -> list[str]:
    """Whose arrays have content."""
    return [name for name, each in made.items() if any(array.any() for array in each)]


def test_purge_zeroes_what_was_handed_out_and_then_nothing_is(known: Opened) -> None:
    made = every(known.face)
    parts = {name: [array[..., :1] for array in each] for name, each in made.items()}
    assert left(made) == left(parts) == list(ADAPTERS)
    known.request.finish(np.zeros((4, 4, 3), np.uint8))
    assert left(made) == left(parts) == []
    assert known.request.purge_error is None
    for adapt in ADAPTERS.values():
        with pytest.raises(RequestClosedError):
            adapt(known.face)


def test_an_exception_in_the_request_purges_too(knowing: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with pytest.raises(ZeroDivisionError), knowing.open_request(new_id(), purpose="generation") as request:
        made = every(request.analyze(request.admit(astronaut)).subject)
        raise ZeroDivisionError
    assert left(made) == []


def test_what_is_on_the_way_from_geometry_to_a_product_is_zeroed(
    known: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what numpy makes, all that has a name."""
    seen: list[np.ndarray] = []
    take = Scratch.__call__
    monkeypatch.setattr(Scratch, "__call__", lambda self, array: seen.append(array) or take(self, array))
    every(known.face)
    assert len(seen) > 10
    assert not any(array.any() for array in seen)


def test_bystanders_are_not_adapted(knowing: facegate.Gate, new_id: NewId) -> None:
    with knowing.open_request(new_id(), purpose="generation") as request:
        faces = request.analyze(request.admit(encode(two_people().rgb, "PNG")))
        for adapt in ADAPTERS.values():
            with pytest.raises(AnalysisError, match="bystander") as caught:
                adapt(faces.bystanders[0])
            trace = caught.value.__traceback__
            while trace is not None:
                if str(trace.tb_frame.f_globals.get("__name__")).startswith("facegate"):
                    kept = [value for value in trace.tb_frame.f_locals.values() if not callable(value)]
                    assert not kept, "locals of facegate in a traceback"
                trace = trace.tb_next


@pytest.mark.parametrize("adapt", ADAPTERS.values(), ids=ADAPTERS)
def test_what_is_no_face_is_refused(adapt: Callable[..., Any]) -> None:
    with pytest.raises(AnalysisError, match="takes a face of facegate"):
        adapt(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [liveportrait.cut, sadtalker.source])
def test_products_of_several_arrays_are_sealed(opened: Opened, made: Callable[..., Any]) -> None:
    product = made(opened.face)
    assert repr(product) == f"[sealed {type(product).__name__}]"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, np.array):
        with pytest.raises(SealedError):
            leak(product)


@pytest.mark.parametrize("draw", [instantid.key_points_image, controlnet_mediapipe.face_image])
def test_a_canvas_of_no_size_is_refused(opened: Opened, draw: Callable[..., Any]) -> None:
    for size_wh in [(0, 5), (5, -1), (1.5, 2), (True, 4), (20_000, 4)]:
        with pytest.raises(ShapeError, match="size_wh"):
            draw(opened.face, size_wh=size_wh)
