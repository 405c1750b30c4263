"""Identity embeddings by a network of the user's: of the subject, for the arena. Child side only.

The zygote loads it, so its children share its memory; it never sees a request's data there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.errors import PolicyError
from facegate.memory.arena import IDENTITY
from facegate.vision import align
from facegate.vision.recognize_file import Description, contents, described
from facegate.vision.recognize_run import RUNNERS, tried
from facegate.vision.roi import Floats

_CHANNELS: Final = 3


class Recognition:
    """A loaded network and how faces are handed to it. Single-threaded; may be forked.

    Args:
        entry: `facegate.recognizer.Recognizer.as_dict` of the policy's.

    Attributes:
        sha256: of its file.
        size: edge of its crop, pixels.
        threshold: least cosine of one person, or None if the entry states none.

    Raises:
        PolicyError: the file is missing or another, or no network of this kind; the message says which.
    """

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.sha256: str = entry["sha256"]
        self.size: int = entry["size"]
        self.threshold: float | None = entry["threshold"]
        self._mean, self._std = np.float32(entry["mean"]), np.float32(entry["std"])
        self._turned: bool = entry["colour"] == "bgr"
        self._template = align.arcface_template(self.size)
        # The middle of the mouth is all that a detector knows of it.
        self._four = np.concatenate([self._template[:3], self._template[3:].mean(axis=0, keepdims=True)])
        data = contents(entry["path"], self.sha256)
        description = described(data)
        _check_input(description, self.size)
        output = _output(description, entry["output"])
        self._run = RUNNERS[entry["runner"]](data, description, output)
        length = tried(self._run, entry["runner"], self.size)
        if length != IDENTITY:
            raise PolicyError(f"Policy.recognizer: the model gives {length} numbers for a face; it must be {IDENTITY}.")

    def of_subject(self, rgb: NDArray[np.uint8], five_points: Floats) -> Floats:
        """The embedding of the subject.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            five_points: (5, 2) float32, pixels, from `facegate.vision.pose.five_points`.

        Returns:
            (512,) float32, as the network gives it.

        Raises:
            Refusal: the network gave what is no number.
        """
        return self._embed(rgb, five_points, self._template)

    def of_candidate(self, rgb: NDArray[np.uint8], keypoints: Floats) -> Floats:
        """The embedding of a face that is compared with another; whoever asks overwrites it.

        It is aligned by what the detector saw: nobody is meshed to be compared.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            keypoints: (6, 2) float32, pixels, from `facegate.vision.detect.Detections`.

        Returns:
            (512,) float32, of length 1.

        Raises:
            Refusal: the network gave what is no number.
        """
        numbers = self._embed(rgb, keypoints[:4], self._four)
        numbers /= _length(numbers)
        return numbers

    def forget(self) -> None:
        """Look at a black picture, so that the network's working memory, and the stack below, hold nobody's face."""
        self._run(np.zeros((1, _CHANNELS, self.size, self.size), np.float32)).fill(0)

    def _embed(self, rgb: NDArray[np.uint8], points: Floats, template: align.Doubles) -> Floats:
        (picture,) = align.crops(rgb, align.similarities(points[None], template), self.size)
        planes = np.empty((1, _CHANNELS, self.size, self.size), np.float32)
        planes[0] = picture.transpose(2, 0, 1)[:: -1 if self._turned else 1]
        planes -= self._mean
        planes /= self._std
        numbers = self._run(planes)
        picture.fill(0)
        planes.fill(0)
        if not np.isfinite(numbers).all():
            numbers.fill(0)
            raise Refusal("recognizer.output")
        return numbers


def normed(numbers: Floats) -> Floats:
    """The vector at length 1; zeros stay zeros."""
    return np.asarray(numbers / _length(numbers), np.float32)


def _length(numbers: Floats) -> float:
    return max(float(np.linalg.norm(numbers)), float(np.finfo(np.float32).tiny))


def _check_input(description: Description, size: int) -> None:
    wanted = (1, _CHANNELS, size, size)
    shape = description.shape
    if len(shape) != len(wanted) or any(side not in {None, want} for side, want in zip(shape, wanted, strict=True)):
        said = ", ".join("any" if side is None else str(side) for side in shape)
        raise PolicyError(f"Policy.recognizer: the model takes ({said}); with this size it must be {wanted}.")


def _output(description: Description, wanted: str | None) -> str:
    """Name of the output that is the embedding."""
    if wanted is None:
        if len(description.outputs) != 1:
            raise PolicyError(
                f"Policy.recognizer: the model has {len(description.outputs)} outputs; name one: output=..."
            )
        return description.outputs[0]
    if wanted not in description.outputs:
        raise PolicyError(f"Policy.recognizer: the model has no output named {wanted!r}.")
    return wanted
