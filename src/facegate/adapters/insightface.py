"""insightface: an object like `insightface.app.common.Face`, and one like `FaceAnalysis` that makes them, for one block.

Keys, shapes, dtypes and signs are insightface's (python-package 0.7 to 2.1, MIT). What is not there behaves as there: a
missing attribute is None, a missing key raises KeyError. Gender and age are never there: facegate does not guess them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from facegate.adapters.bitmap import bitmap
from facegate.adapters.lent import Loan, Scratch, request_of
from facegate.arguments import Subject
from facegate.errors import AnalysisError, RequestClosedError
from facegate.faces import Face, FaceSet
from facegate.media import ImageUpload
from facegate.memory.sealed import Sealed
from facegate.quiet import quiet
from facegate.request import Request

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
        pose: (3,), degrees: pitch, yaw, roll; facegate's, in insightface's order. The signs are the same: pitch is positive
            when the face looks up, yaw when it turns to the right of the picture, roll when the head is tilted clockwise.
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


class FaceAnalysis:
    """In the place of `insightface.app.FaceAnalysis`, for the length of a ``with`` block in a request.

    ```python
    with FaceAnalysis(request) as app:
        faces = app.get(bgr)
    ```

    Args:
        request: open.
        subject: who gets points and an embedding; all others get a box and a score.

    Does not protect against: copies that the block makes.
    """

    def __init__(self, request: Request, *, subject: Subject = "largest") -> None:
        self._request = request
        self._subject = subject
        self._loan: Loan | None = None
        self._threshold = 0.0

    def prepare(self, ctx_id: int = 0, det_thresh: float = 0.5, det_size: object = None) -> None:
        """Taken as insightface takes it.

        Args:
            ctx_id: without meaning here: the child has no device.
            det_thresh: faces with a lower score are left out.
            det_size: without meaning here: the detector looks at the picture in the sizes that it needs.
        """
        del ctx_id, det_size
        self._threshold = float(det_thresh)

    def __enter__(self) -> Self:
        if self._loan is not None:
            raise RequestClosedError("A FaceAnalysis is entered once.")
        self._loan = Loan(self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loan is not None:
            self._loan.end()

    @quiet
    def get(self, img: NDArray[np.uint8] | ImageUpload, max_num: int = 0) -> list[LentFace]:
        """Find the faces.

        Args:
            img: (H, W, 3) uint8, BGR as OpenCV reads, which is handed to the child without loss and not kept; or an
                upload of the request, which saves decoding it in the worker.
            max_num: how many at most, 0 for all.

        Returns:
            Largest first, where insightface has the best score first. Whoever calls this again before reading all that is
            wanted of an earlier result finds the arena taken: that raises `RequestClosedError`.

        Raises:
            ShapeError: the array is none such.
            RequestClosedError: the block or the request is over.
        """
        if self._loan is None:
            raise RequestClosedError("A FaceAnalysis works inside its with block.")
        self._loan.check()
        if isinstance(img, ImageUpload):
            upload = img
        else:
            with Scratch() as scratch:
                upload = self._request.admit(memoryview(scratch(bitmap(img))), "image")
        faces = self._request.analyze(upload, subject=self._subject)
        return self._lent(faces, max_num)

    def _lent(self, faces: FaceSet, max_num: int) -> list[LentFace]:
        assert self._loan is not None  # noqa: S101
        with faces.expose("confidence") as confidence:
            wanted = np.flatnonzero(confidence >= self._threshold)
        if max_num > 0:
            wanted = wanted[:max_num]
        return [LentFace(faces[int(index)], self._loan) for index in wanted]


def lent(face: Face) -> AbstractContextManager[LentFace]:
    """One face of facegate as insightface's, for a block.

    Args:
        face: of an analysis.

    Returns:
        A context manager that gives a `LentFace`.

    Raises:
        RequestClosedError: the request is over.
    """
    return _lent(face)


@contextmanager
def _lent(face: Face) -> Iterator[LentFace]:
    loan = Loan(request_of(face))
    try:
        yield LentFace(face, loan)
    finally:
        loan.end()
