"""Which face of an upload is the person of a reference photo. Child side only.

To compare faces they must be embedded, bystanders too. That is done here, one look for each, and nowhere else: nobody
is meshed for it, the vectors are local to one call, never in the arena, and overwritten before it returns.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.memory.arena import IDENTITY
from facegate.vision.detect import Detections
from facegate.vision.recognize import Recognition

# Each candidate takes a run of the network: with a large one, a crowd would outlast the longest time of a command.
MOST_CANDIDATES: Final = 64


def select_alike(
    recognition: Recognition,
    photo: NDArray[np.uint8],
    person: Detections,
    rgb: NDArray[np.uint8],
    faces: Detections,
) -> int:
    """Index of the face that is most like the reference's largest.

    Args:
        recognition: whose entry states a threshold.
        photo: the reference, (H, W, 3) uint8, RGB.
        person: its faces, largest first.
        rgb: the upload.
        faces: its faces.

    Raises:
        Refusal: the reference shows nobody; the upload has more than `MOST_CANDIDATES` faces; or none of them reaches
            the threshold.
    """
    if not len(person.boxes):
        raise Refusal("reference.nobody")
    if len(faces.boxes) > MOST_CANDIDATES:
        raise Refusal("reference.crowd")
    vectors = np.zeros((1 + len(faces.boxes), IDENTITY), np.float32)
    # Not by a product of matrices: its library may copy what it is given to buffers of its own.
    products = np.zeros_like(vectors[1:])
    cosines = np.full(1 + len(faces.boxes), -np.inf, np.float32)
    try:
        _embed_into(vectors[:1], recognition, photo, person)
        _embed_into(vectors[1:], recognition, rgb, faces)
        # The first place stands for nobody: it is beaten by whoever reaches the threshold.
        np.multiply(vectors[1:], vectors[0], out=products)
        products.sum(axis=1, out=cosines[1:])
        best = int(np.argmax(cosines))
        if recognition.threshold is None or not cosines[best] >= recognition.threshold:
            raise Refusal("reference.unlike")
        return best - 1
    finally:
        for each in (vectors, products, cosines):
            each.fill(0)
        recognition.forget()


def _embed_into(rows: NDArray[np.float32], recognition: Recognition, rgb: NDArray[np.uint8], faces: Detections) -> None:
    """Fill the rows with the embeddings of the first faces."""
    for row, keypoints in zip(rows, faces.keypoints, strict=False):
        vector = recognition.of_candidate(rgb, keypoints)
        row[...] = vector
        vector.fill(0)
