"""PuLID: the raw embedding, and the grey face on white that its image encoder looks at.

Conventions of ToTheBeginning/PuLID (pulid/pipeline_flux.py, Apache-2.0): antelopev2's embedding as the network gave it;
facexlib's crop of 512 pixels, grey by 0.299, 0.587 and 0.114, white where BiSeNet sees no face.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from facegate.adapters import raster
from facegate.adapters.controlnet_mediapipe import OVAL
from facegate.adapters.lent import Scratch, copied, empty
from facegate.errors import ShapeError
from facegate.faces import Face
from facegate.quiet import quiet

SIZE: Final = 512
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)


@quiet
def embedding(face: Face) -> NDArray[np.float32]:
    """The identity embedding as PuLID takes it: not of unit length; only the image encoder's is normalized there.

    Args:
        face: the subject, analyzed under a policy with a recognizer. PuLID was trained on antelopev2's glintr100.

    Returns:
        (1, 512) float32, writable, of the request: zeros after purge.

    Raises:
        AnalysisError: there is no recognizer, or the face is a bystander.
        RequestClosedError: the request is over.
    """
    return copied(face, "identity", (1, 512))


@quiet
def face_features(face: Face) -> NDArray[np.float32]:
    """The grey face on white, for EVA-CLIP: resize it to the encoder's side and normalize it, as the reference does.

    What is white differs: the reference keeps what BiSeNet calls skin, features, glasses and hair. The mesh knows the
    face's oval and nothing beyond it, so hair, and glasses that reach past the oval, are white here.

    Args:
        face: the subject.

    Returns:
        (1, 3, 512, 512) float32, 0 to 1, three times the same grey, writable, of the request: zeros after purge.

    Raises:
        AnalysisError: the face is a bystander.
        RequestClosedError: the request is over.
    """
    made = empty(face, (1, 3, SIZE, SIZE), np.float32)
    with Scratch() as scratch, face.crop("ffhq", size=SIZE) as crop, face.expose("landmarks") as landmarks:
        outline = scratch(landmarks[list(OVAL[:-1]), :2] @ crop.matrix[:, :2].T)
        outline += crop.matrix[:, 2]
        compose(made[0], crop.pixels, outline)
    return made


def compose(made: NDArray[np.float32], rgb: NDArray[np.uint8], outline: NDArray[np.float32]) -> None:
    """Put grey within an outline and white outside it, in place.

    Args:
        made: (3, H, W) float32, to be written.
        rgb: (H, W, 3) uint8.
        outline: (N, 2), pixels, in order.

    Raises:
        ShapeError: the sizes differ.
    """
    if made.shape != (3, *rgb.shape[:2]):
        raise ShapeError(f"The picture must be (H, W, 3) and the result (3, H, W), got {rgb.shape} and {made.shape}.")
    with Scratch() as scratch:
        inside = scratch(np.zeros((*rgb.shape[:2], 1), np.uint8))
        raster.convex(inside, scratch(np.rint(outline).astype(np.int64)), [1])
        # As the reference: scaled to 1 first, then summed in the order of the channels.
        channels = scratch(rgb.astype(np.float32))
        channels /= 255
        channels *= _GREY
        grey = scratch(channels[..., 0] + channels[..., 1])
        grey += channels[..., 2]
        grey[inside[..., 0] == 0] = 1
        made[...] = grey
