"""The one picture in whatever a pipeline returns, as bytes of colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.errors import OutputError
from facegate.memory.nested import is_picture, is_tensor

_WHAT: Final = "The pipeline must return a PIL image, an array or a tensor; for anything else, pass pick."
_CHANNELS: Final = (1, 3, 4)


def one_picture(result: Any) -> NDArray[np.uint8]:
    """The picture as an array of its own.

    Args:
        result: what a pipeline returned, see `facegate.integrations.diffusers.SealedPipeline`.

    Returns:
        (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8, contiguous, no view of the result.

    Raises:
        OutputError: there is none, or more than one, or it is none of the shapes and ranges.
    """
    images = getattr(result, "images", None)
    if images is None and isinstance(result, Mapping):
        images = result.get("images")
    if images is None:
        # A tuple is a pipeline's with return_dict=False: pictures first.
        images = result[0] if isinstance(result, tuple) and result else result
    if isinstance(images, (list, tuple)):
        if len(images) != 1:
            raise OutputError(f"The pipeline made {len(images)} pictures, and an output is one: pass pick.")
        images = images[0]
    return _bytes(_array(images))


def _array(image: Any) -> NDArray[Any]:
    array: NDArray[Any]
    if is_picture(image):
        # Palettes and the like have no colours of their own.
        image = image if image.mode in {"L", "RGB", "RGBA"} else image.convert("RGB")
        return np.array(image)
    if is_tensor(image):
        image = image.detach()
        image = image.float() if image.is_floating_point() else image
        array = image.cpu().numpy()
        if array.ndim in {3, 4} and array.shape[-3] in _CHANNELS and array.shape[-1] not in _CHANNELS:
            array = np.moveaxis(array, -3, -1)
    elif isinstance(image, np.ndarray):
        array = image
    else:
        raise OutputError(_WHAT)
    if array.ndim == 4:
        if len(array) != 1:
            raise OutputError(f"The pipeline made {len(array)} pictures, and an output is one: pass pick.")
        array = array[0]
    return array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[-1] not in _CHANNELS) or not array.size:
        raise OutputError(f"A picture is (H, W), (H, W, 3) or (H, W, 4); the pipeline's is {array.shape}.")
    if array.dtype == np.uint8:
        return np.array(array, np.uint8, order="C")
    if not np.issubdtype(array.dtype, np.floating):
        raise OutputError(f"A picture is uint8 or float from 0 to 1; the pipeline's is {array.dtype}.")
    # Half a step of rounding either way; latents, and pictures from -1 to 1, are far beyond.
    if not (array.min() >= -0.01 and array.max() <= 1.01):
        raise OutputError("A picture of floats is from 0 to 1; the pipeline's is not: latents, or -1 to 1?")
    return np.clip(np.rint(array * 255.0), 0, 255).astype(np.uint8)
