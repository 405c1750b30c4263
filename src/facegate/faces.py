"""Faces as the worker holds them: handles without content. `expose` shows the content while its block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facegate.errors import AnalysisError
from facegate.geometry import Crop, CropKind, MaskKind, crop_wish, mask_wish
from facegate.memory.arena import LAYOUT
from facegate.memory.sealed import Sealed

if TYPE_CHECKING:
    from facegate.media import ImageUpload, VideoUpload
    from facegate.request import Request

_NO_BLENDSHAPES = (
    "Blendshapes are made by the engine mediapipe alone, with a face_landmarker.task that has the network for them: "
    "Policy(engine='mediapipe', landmarker=...)."
)
SUBJECT_PRODUCTS = tuple(name for name, product in LAYOUT.items() if not product.per_face)

IDENTITY_PRODUCTS = ("identity", "identity_normed")
NAME_ONE = "name one in the policy, Policy(recognizer=facegate.Recognizer(path, sha256)); docs/recognizer.md says how."


class FaceSet(Sealed):
    """The faces of one upload, largest first.

    A later `Request.analyze` takes its place in the arena; from then on this one raises `RequestClosedError`.

    Attributes:
        subject: the face that was meshed, or None.
        upload: where they were found.
        has_blendshapes: whether the engine made them of the subject.
    """

    __slots__ = ("_count", "_request", "analysis", "has_blendshapes", "subject", "upload")

    def __init__(
        self,
        request: Request,
        upload: ImageUpload | VideoUpload,
        analysis: int,
        count: int,
        subject: int | None,
        *,
        has_blendshapes: bool = False,
    ) -> None:
        self._request = request
        self._count = count
        self.upload = upload
        self.analysis = analysis
        self.has_blendshapes = has_blendshapes
        self.subject: Face | None = None
        if subject is not None:
            self.subject = Face(self, subject, is_subject=True)

    @property
    def upload_id(self) -> int:
        """Of the upload."""
        return self.upload.upload_id

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upload, pixels, upright."""
        return self.upload.size_wh

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Face:
        if not -self._count <= index < self._count:
            raise IndexError("There is no face with that index.")
        index %= self._count
        return self.subject if self.subject is not None and self.subject.index == index else Face(self, index)

    def __iter__(self) -> Iterator[Face]:
        return (self[index] for index in range(self._count))

    @property
    def bystanders(self) -> list[Face]:
        """All faces but the subject's."""
        return [face for face in self if face is not self.subject]

    def expose(self, name: str) -> AbstractContextManager[NDArray[np.float32]]:
        """Look at what is known of every face; read-only, zeros after the block.

        Args:
            name: ``"boxes"``, (N, 4) float32, xyxy, pixels of the upright upload; or ``"confidence"``, (N,) float32,
                0 to 1.

        Raises:
            AnalysisError: there is no such product of all faces.
            RequestClosedError: the request is over, or another analysis took the arena.
        """
        if name not in LAYOUT or not LAYOUT[name].per_face:
            raise AnalysisError("A FaceSet exposes 'boxes' and 'confidence'; the rest is the subject's alone.")
        return self._request.expose_product(self, name, slice(0, self._count))

    @property
    def recognized(self) -> bool:
        """Whether a recognizer makes identity embeddings."""
        return self._request.recognizer is not None

    def belongs_to(self, request: Request) -> bool:
        """Whether this came from that request."""
        return self._request is request

    def _row(self, name: str, index: int) -> AbstractContextManager[NDArray[np.float32]]:
        return self._request.expose_product(self, name, slice(index, index + 1) if name == "confidence" else index)

    def _whole(self, name: str) -> AbstractContextManager[NDArray[np.float32]]:
        return self._request.expose_product(self, name, slice(None))

    def __repr__(self) -> str:
        return f"[sealed FaceSet of {self._count}]"


class Face(Sealed):
    """One face of a `FaceSet`.

    Attributes:
        faces: the set.
        index: place in the set.
        is_subject: whether it was meshed.
    """

    __slots__ = ("faces", "index", "is_subject")

    def __init__(self, faces: FaceSet, index: int, *, is_subject: bool = False) -> None:
        self.faces = faces
        self.index = index
        self.is_subject = is_subject

    def expose(self, name: str) -> AbstractContextManager[NDArray[np.float32]]:
        """Look at one product; read-only float32, zeros after the block and after the request.

        Args:
            name: of every face ``"box"`` (4,), xyxy, pixels, and ``"confidence"`` (1,), 0-1. Of the subject also
                ``"landmarks"`` (478, 3), x and y in pixels, z on the scale of x, in mediapipe's order;
                ``"five_points"`` (5, 2), pixels; ``"pose"`` (3,), yaw, pitch, roll in degrees; ``"rotation"`` (3, 3);
                ``"embedding"`` (1404,), unit length, for linking frames of one request; ``"points_68"`` (68, 3), iBUG's
                points, and ``"points_106"`` (106, 2), insightface's, pixels; ``"transform"`` (4, 4), from mediapipe's
                canonical face in centimetres to pixels. `docs/geometry.md` has their tables and axes. With the engine
                mediapipe also ``"blendshapes"`` (52,), 0 to 1, in mediapipe's order. Where the policy names a
                recognizer also ``"identity"`` (512,), as that gives it, and ``"identity_normed"``, at length 1.

        Raises:
            AnalysisError: there is no such product, the policy names no recognizer for it, or this is a bystander, of
                whom there is a box only.
            RequestClosedError: the request is over, or another analysis took the arena.
        """
        if name == "box":
            return self.faces._row("boxes", self.index)
        if name == "confidence":
            return self.faces._row("confidence", self.index)
        if name not in SUBJECT_PRODUCTS:
            raise AnalysisError(f"A face exposes 'box', 'confidence' and {', '.join(map(repr, SUBJECT_PRODUCTS))}.")
        self.check_subject()
        if name == "blendshapes" and not self.faces.has_blendshapes:
            raise AnalysisError(_NO_BLENDSHAPES)
        if name in IDENTITY_PRODUCTS and not self.faces.recognized:
            raise AnalysisError(f"Identity embeddings need a network of yours: {NAME_ONE} 'embedding' is there always.")
        return self.faces._whole(name)

    def crop(
        self, kind: CropKind = "arcface", *, size: int | None = None, template: ArrayLike | None = None
    ) -> AbstractContextManager[Crop]:
        """Look at the subject cut out and aligned by its five points; zeros after the block and after the request.

        Args:
            kind: ``"arcface"``, as insightface's `norm_crop`; ``"ffhq"``, as facexlib's; or ``"similarity"``, the best
                fit to a template of yours.
            size: edge of the crop, pixels. Of ``"arcface"`` a multiple of 112, which is the default, or of 128, whose
                faces are moved 8 pixels in 128 to the right; of ``"ffhq"`` 512, the default, or 1024.
            template: (5, 2), of ``"similarity"`` only: where in the crop the points of ``"five_points"`` are wanted,
                pixels.

        Returns:
            A context manager that gives a `Crop`: ``pixels``, ``matrix`` and ``inverse``.

        Raises:
            AnalysisError: there is no such kind or size, or this is a bystander.
            ShapeError: the template is none.
            RequestClosedError: the request is over, or another analysis took the arena.
        """
        self.check_subject()
        return self.faces._request.expose_crop(self, crop_wish(kind, size, template))

    def mask(self, kind: MaskKind = "oval", *, feather: float = 0.0) -> AbstractContextManager[NDArray[np.float32]]:
        """Look at a mask of the subject; zeros after the block and after the request.

        Args:
            kind: ``"oval"``, the face with its forehead; ``"skin"``, that without eyes, brows and mouth; ``"eyes"``;
                ``"lips"``, without what is between them; ``"hairless"``, the face below its brows, where no fringe
                reaches. All are the mesh's: what covers the face in the picture, a beard too, is not left out.
            feather: width of the soft edge, as a share of the face's size, 0 to 1; its middle is the outline.

        Returns:
            A context manager that gives (H, W) float32, of the upload's size, 0 to 1, read-only.

        Raises:
            AnalysisError: there is no such kind or feather, or this is a bystander.
            RequestClosedError: the request is over, or another analysis took the arena.
        """
        self.check_subject()
        return self.faces._request.expose_mask(self, mask_wish(kind, feather))

    def check_subject(self) -> None:
        """Raise unless this is the subject.

        Raises:
            AnalysisError: it is a bystander.
        """
        if not self.is_subject:
            raise AnalysisError("This face is a bystander, of whom only 'box' and 'confidence' are ever computed.")

    def __repr__(self) -> str:
        return f"[sealed Face {self.index}{', the subject' if self.is_subject else ''}]"
