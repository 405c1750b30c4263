"""The face that `facegate.adapters.insightface` lends: insightface's attributes and keys over facegate's products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facegate.adapters.lent import Loan
from facegate.errors import AnalysisError
from facegate.faces import Face
from facegate.memory.sealed import Sealed
from facegate.quiet import quiet

# Key -> product of the arena.
_PRODUCTS: Final = {
    "bbox": "box",
    "kps": "five_points",
    "det_score": "confidence",
    "landmark_3d_68": "points_68",
    "pose": "pose",
    "landmark_2d_106": "points_106",
    "embedding": "identity",
}
_OF_EVERYONE: Final = ("bbox", "kps", "det_score")
_OF_BYSTANDERS: Final = ("bbox", "det_score")


class LentFace(Sealed):
    """A face with insightface's attributes and keys, while the block lasts in which it was lent.

    Each array is copied out of the arena when it is first asked for: writable, float32, the same object every time. It
    belongs to the request, and reads zeros after the block; whatever is asked of this object then raises
    `RequestClosedError`.

    Attributes:
        bbox: (4,), xyxy, pixels.
        kps: (5, 2), pixels; None for a bystander, of whom no points are computed.
        det_score: float32, 0 to 1.
        landmark_2d_106: (106, 2), pixels.
        landmark_3d_68: (68, 3), pixels; z towards the camera, as insightface has it, where facegate's is away from it.
        pose: (3,), degrees: pitch, yaw, roll; facegate's, in insightface's order. The signs are the same: pitch is
            positive when the face looks up, yaw when it turns to the right of the picture, roll when the head is tilted
            clockwise.
        embedding: (512,), as the network gave it; with a recognizer only.
        normed_embedding: (512,), of unit length; an attribute, not a key, as there.

    Does not protect against: a number such as `det_score`, which Python cannot wipe; copies that the caller makes.
    """

    __slots__ = ("_face", "_known", "_loan")

    def __init__(self, face: Face, loan: Loan) -> None:
        object.__setattr__(self, "_face", face)
        object.__setattr__(self, "_loan", loan)
        object.__setattr__(self, "_known", {})

    @quiet
    def __getattr__(self, name: str) -> Any:
        # Python's own questions (__array_interface__, __fspath__, ...) want an AttributeError, not None.
        if name.startswith("_"):
            raise AttributeError(f"A lent face has no {name}.")
        return self._value(name)

    @quiet
    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            raise KeyError(key)
        return self._value(key)

    @quiet
    def __setattr__(self, name: str, value: Any) -> None:
        """What insightface's models do: `rec.get(img, face)` sets ``face.embedding``. Arrays go to the request."""
        self._loan.check()
        self._known.pop("normed_embedding", None)
        self._known[name] = self._loan.take(value) if isinstance(value, np.ndarray) else value

    __setitem__ = __setattr__

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        """What is there, in insightface's order."""
        self._loan.check()
        there = list(_PRODUCTS if self._face.is_subject else _OF_EVERYONE)
        if self._face.is_subject and self.embedding is None:
            there.remove("embedding")
        # What the caller's models have set besides.
        return there + [key for key in self._known if key not in (*_PRODUCTS, "normed_embedding")]

    def values(self) -> list[Any]:
        """Of each key."""
        return [self._value(key) for key in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Key and value of each."""
        return [(key, self._value(key)) for key in self.keys()]

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default where there is none."""
        return self._value(key) if key in self else default

    @property
    def embedding_norm(self) -> np.float32 | None:
        """Length of `embedding`."""
        return None if self.embedding is None else np.linalg.norm(self.embedding)

    @property
    def sex(self) -> None:
        """Never there."""
        self._loan.check()

    def _value(self, name: str) -> Any:
        self._loan.check()
        value = self._known.get(name)
        if value is None:
            value = self._made(name)
            if value is not None:
                self._known[name] = value
        return value

    def _made(self, name: str) -> Any:
        if name == "normed_embedding":
            return self._normed()
        if name not in _PRODUCTS or (name not in _OF_BYSTANDERS and not self._face.is_subject):
            return None
        try:
            with self._face.expose(_PRODUCTS[name]) as shown:
                # Of a score a number is wanted, as insightface gives it, not an array.
                made = shown[0] if name == "det_score" else self._loan.copy(shown)
        except AnalysisError:
            if name == "embedding":
                return None  # no recognizer; insightface without its recognition model answers so, too
            raise
        if name == "landmark_3d_68":
            made[:, 2] *= -1
        elif name == "pose":
            made[[0, 1]] = made[[1, 0]]
        return made

    def _normed(self) -> NDArray[np.float32] | None:
        embedding = self.embedding
        if embedding is None:
            return None
        normed: NDArray[np.float32] = self._loan.copy(embedding)
        normed /= np.linalg.norm(normed)
        return normed

    def __repr__(self) -> str:
        return "[sealed insightface Face]"
