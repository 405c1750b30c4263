"""IP-Adapter FaceID: the embedding of unit length, and the aligned crop that the plus models look at.

Conventions of tencent-ailab/IP-Adapter's FaceID examples and of diffusers' guide to them (both Apache-2.0):
insightface's `normed_embedding`, and its `norm_crop` with ``image_size=224``.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from facegate.adapters.lent import copied, empty, request_of
from facegate.errors import ShapeError
from facegate.faces import Face
from facegate.quiet import quiet

SIZE: Final = 224


@quiet
def faceid_embeds(face: Face) -> NDArray[np.float32]:
    """What `IPAdapterFaceID.generate` takes as ``faceid_embeds``, once through `torch.from_numpy`.

    Args:
        face: the subject, analyzed under a policy with a recognizer. The published models were trained on buffalo_l's.

    Returns:
        (1, 512) float32, of unit length, writable, of the request: zeros after purge.

    Raises:
        AnalysisError: there is no recognizer, or the face is a bystander.
        RequestClosedError: the request is over.
    """
    return copied(face, "identity_normed", (1, 512))


@quiet
def diffusers_embeds(face: Face) -> NDArray[np.float32]:
    """What diffusers takes as ``ip_adapter_image_embeds=[...]`` with guidance: that of nobody, then the face's.

    Args:
        face: as for `faceid_embeds`.

    Returns:
        (2, 1, 1, 512) float32: zeros, and the embedding of unit length; writable, of the request.

    Raises:
        AnalysisError: there is no recognizer, or the face is a bystander.
        RequestClosedError: the request is over.
    """
    made = empty(face, (2, 1, 1, 512), np.float32)
    with face.expose("identity_normed") as shown:
        made[1, 0, 0] = shown
    return made


@quiet
def face_image(face: Face, *, size: int = SIZE, order: Literal["bgr", "rgb"] = "bgr") -> NDArray[np.uint8]:
    """What the FaceID plus models take as ``face_image``: the face by ArcFace's template.

    Args:
        face: the subject.
        size: edge, pixels, a multiple of 112 or 128.
        order: of the channels. The published examples cut it out of what OpenCV read, so the image encoder gets blue
            first, although it was trained on red first; ``"bgr"`` is what they do.

    Returns:
        (size, size, 3) uint8, writable, of the request: zeros after purge.

    Raises:
        AnalysisError: the face is a bystander, or the size is none of these.
        RequestClosedError: the request is over.
    """
    if order not in {"bgr", "rgb"}:
        raise ShapeError("order must be 'bgr' or 'rgb'.")
    request_of(face)
    with face.crop("arcface", size=size) as crop:
        made = empty(face, crop.pixels.shape, np.uint8)
        made[...] = crop.pixels[..., ::-1] if order == "bgr" else crop.pixels
    return made
