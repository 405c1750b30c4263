"""diffusers' ``callback_on_step_end``: kept, chained, and used to stop a pipeline whose request is over."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from facegate.request import Request

_CALLBACK: Final = "callback_on_step_end"
_INPUTS: Final = "callback_on_step_end_tensor_inputs"


def chained(
    pipeline: Callable[..., Any], request: Request, first: dict[str, Any], then: dict[str, Any]
) -> dict[str, Any]:
    """One callback of those in two sets of keywords, which are taken out there.

    Args:
        pipeline: that it is for; nothing is added for one that does not name the argument.
        request: whose end ends the pipeline, at its next step.
        first: keywords whose callback is called first.
        then: those whose is called second, with what the first gave.

    Returns:
        The keywords for the pipeline; the tensors that either callback wants to see are named once each.
    """
    callbacks: list[Callable[..., Any]] = []
    inputs: list[str] = []
    for keywords in (first, then):
        callback = keywords.pop(_CALLBACK, None)
        if callback is not None:
            callbacks.append(callback)
            # diffusers' PipelineCallback says itself what it wants to see.
            inputs += getattr(callback, "tensor_inputs", [])
        inputs += keywords.pop(_INPUTS, [])
    told = {_INPUTS: list(dict.fromkeys(inputs))} if inputs else {}
    if not callbacks and not _takes(pipeline):
        return told

    def each_step(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        request.check_open()
        for callback in callbacks:
            answer = callback(pipe, step, timestep, tensors)
            tensors = tensors if answer is None else answer
        return tensors

    return told | {_CALLBACK: each_step}


def _takes(pipeline: Callable[..., Any]) -> bool:
    try:
        return _CALLBACK in inspect.signature(pipeline).parameters
    except (TypeError, ValueError):  # written in C, or no function that Python can look into
        return False
