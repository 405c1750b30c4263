"""A generation pipeline, of diffusers or any other callable, run inside a request.

```python
from facegate.integrations.diffusers import SealedPipeline

def controls(request, upload, face):                       # called once for each picture
    return {"image": ..., "mask_image": ..., "control_image": ...}

sealed = SealedPipeline(pipeline, gate, controls)
made = sealed(data, request_id="req-7f3a", prompt="a portrait in oil", num_inference_steps=20)
made.output.save("portrait.png")
```
Imports neither diffusers nor torch nor PIL: whoever hands tensors or pictures over has them already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from facegate.errors import AdoptionError, AnalysisError
from facegate.integrations._errors import calling
from facegate.integrations._pixels import one_picture
from facegate.integrations._steps import chained
from facegate.memory.nested import nested
from facegate.quiet import quiet

if TYPE_CHECKING:
    from facegate.arguments import Subject
    from facegate.faces import Face
    from facegate.gate import Gate
    from facegate.incoming import Source
    from facegate.media import ImageUpload, Output
    from facegate.receipt import Receipt
    from facegate.request import Request
    from facegate.rules.door import Said

    Controls = Callable[[Request, ImageUpload, Face | None], Mapping[str, Any]]

_OWN: Final = "What controls returns and the keywords of the call name the same argument: {}."


@dataclass(frozen=True, slots=True)
class Made:
    """What is left when the request is over.

    Attributes:
        output: the picture, encoded, without metadata.
        receipt: CLOSE.
    """

    output: Output
    receipt: Receipt


class SealedPipeline:
    """Takes an upload, gives an output and a receipt; what is between is purged, however it ends.

    The pipeline runs in the worker, in the thread of the call, while the request is open. `controls` makes of the face
    what the pipeline is to be controlled with. **All arrays, tensors, PIL images and buffers in what it returns are
    adopted**: zeroed when the request ends, so it must make them anew each time. What is not of this person, such as a
    cached prompt embedding or a generator, belongs into the keywords of the call, which nobody adopts.

    Only the picture itself is taken out of what the pipeline returns. All else in there is dropped at once, since
    pipelines may hand back what controlled them.

    Args:
        pipeline: called with keywords; returns the picture: a PIL image, an array or a tensor, or an object with
            ``images``, a dict with ``"images"`` or a list or tuple whose first element is that. Arrays are (H, W),
            (H, W, 3) or (H, W, 4), with or without a batch axis before, uint8 or float from 0 to 1; tensors also with
            channels before height.
        gate: opens the requests.
        controls: called with the request, the upload and its subject, None if nobody was found; returns keywords for
            the pipeline.
        pick: takes the picture out of what the pipeline returned, if it is something else or several.
        subject: whose face, as for `Request.analyze`.
        purpose: of the requests.
        format: of the output: ``"png"``, ``"jpeg"`` or ``"webp"``.
        quality: of the output, 1 to 100, for the last two.
        passes: exceptions of the pipeline that are to come out as they are, with their messages, such as
            ``torch.OutOfMemoryError``. Name none whose messages have values of what was computed.

    Does not protect against: what the pipeline keeps in itself or its modules, on disk or in logs; what the allocators
    of torch and CUDA keep of freed intermediate tensors, which are copies nobody knows of; the output, which shows
    whom it shows.
    """

    def __init__(
        self,
        pipeline: Callable[..., Any],
        gate: Gate,
        controls: Controls,
        *,
        pick: Callable[[Any], Any] | None = None,
        subject: Subject = "largest",
        purpose: str = "generation",
        format: Literal["jpeg", "png", "webp"] = "png",
        quality: int | None = None,
        passes: tuple[type[Exception], ...] = (),
    ) -> None:
        self._pipeline = pipeline
        self._gate = gate
        self._controls = controls
        self._pick = pick
        self._subject = subject
        self._purpose = purpose
        self._output: dict[str, Any] = {"format": format, "quality": quality}
        self._passes = passes

    @quiet
    def __call__(self, source: Source, *, request_id: str, said: Said | None = None, **keywords: Any) -> Made:
        """Run the pipeline on one upload.

        Args:
            source: the encoded picture, as for `Request.admit`.
            request_id: of the request, new.
            said: of the person, as for `Gate.open_request`: ``person``, ``consent``, ``age``, ``region``.
            keywords: for the pipeline as they are, but for ``callback_on_step_end``: it is called as diffusers would,
                after the one that `controls` returned, if any, and its answer is passed on. A pipeline that takes this
                argument is also stopped at the next step once the request is over, by its time to live for one.

        Raises:
            GenerationError: the pipeline, `controls`, `pick` or a callback raised; what it was is named, not linked.
            RequestClosedError: the request ended while the pipeline ran.
            AnalysisError: an argument is named twice.
            AdoptionError: a control input cannot be zeroed, for one because it is what `expose` shows.
            OutputError: what the pipeline made is no single picture.
            UploadError: as `Request.admit`; and whatever else a request raises.
        """
        request = self._gate.open_request(request_id, purpose=self._purpose, **(said or {}))
        with request:
            output = self._run(request, source, keywords)
        assert request.receipt is not None  # noqa: S101 (a request that was entered has one)
        return Made(output, request.receipt)

    def _run(self, request: Request, source: Source, keywords: dict[str, Any]) -> Output:
        upload = request.admit(source, "image")
        face = request.analyze(upload, subject=self._subject).subject
        code = calling(request, self._passes)
        made = code(self._controls, request, upload, face)
        if not isinstance(made, Mapping):
            raise AnalysisError(
                "controls must return a dict of the pipeline's keywords.", request_id=request.request_id
            )
        _adopt(request, made)
        given, asked = dict(made), dict(keywords)
        steps = chained(self._pipeline, request, given, asked)
        if twice := given.keys() & asked.keys():
            raise AnalysisError(_OWN.format(", ".join(sorted(twice))), request_id=request.request_id)
        result = code(self._pipeline, **given, **asked, **steps)
        if self._pick is not None:
            result = code(self._pick, result)
        pixels = request.adopt(one_picture(result))
        del result, made, given
        return request.finish(pixels, **self._output)


def _adopt(request: Request, made: Mapping[str, Any]) -> None:
    """Everything in it, but for what is shown and not the worker's to keep."""
    for each in nested(made):
        flags = getattr(each, "flags", None)
        if flags is not None and not flags.writeable:
            raise AdoptionError(
                "A control input is a read-only array: if expose gave it, it is zeros by now; return a copy.",
                request_id=request.request_id,
            )
        request.adopt(each)
