"""Read a ``face_landmarker.task`` before mediapipe does, and refuse what it would take and make garbage of.

A bundle is a zip of networks. mediapipe's FaceLandmarker takes the first output of the one for the mesh to be 478
points of three numbers, whatever it is: given `face_landmark.tflite`, whose output is 468 of them, it gives 478 points
without depth that lie anywhere, and no error. Child side only.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ai_edge_litert import schema_py_generated as schema

from facegate.errors import PolicyError

DETECTOR, MESH, BLENDSHAPES = "face_detector.tflite", "face_landmarks_detector.tflite", "face_blendshapes.tflite"
POINTS: Final = 478
SHAPES: Final = 52
# Bundles of Google's, by SHA-256. The first is what the documentation of FaceLandmarker links to,
# storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task, 3,758,596
# bytes, a digest that many public projects pin; the others are in google-ai-edge/mediapipe,
# third_party/external_files.bzl.
KNOWN: Final = {
    "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff": "Google's float16/1",
    "b261925d4aad812b47a0e8d58c1baa1223270a5d1f663d78338bc881c003879d": "mediapipe's v2 with blendshapes",
    "af23fc7c1ff21d034deaa2b7fc1d56bb670ce69a4cbdc9579b6f1afd680835f4": "mediapipe's v2",
}
# The official one has 3.8 MB.
_MOST_BYTES: Final = 64 << 20
# Damage must not become work: a length is a number out of the file.
_MOST_OUTPUTS, _MOST_AXES = 16, 8
_FLOAT32: Final = schema.TensorType.FLOAT32


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read and found to be one.

    Attributes:
        data: all of it, so that what was checked is what mediapipe gets, whatever becomes of the file.
        sha256: of that, lower-case hex.
        release: which one it is; empty where its digest is not a known one.
        has_blendshapes: whether it has the network for them.
    """

    data: bytes
    sha256: str
    release: str
    has_blendshapes: bool

    @property
    def name(self) -> str:
        """For receipts."""
        return f"face_landmarker.task ({self.release or 'of no known release'})"


def read_bundle(path: Path) -> Bundle:
    """Read it and check that its networks put out what they must.

    Raises:
        PolicyError: it cannot be read, is no bundle, or holds a network of another shape; the message says which.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PolicyError("Policy.landmarker has more bytes than any face_landmarker.task.")
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"Policy.landmarker cannot be read: {error.strerror}.") from None
    networks = _networks(data)
    for name in (DETECTOR, MESH):
        if name not in networks:
            raise PolicyError(f"Policy.landmarker is no face_landmarker.task: it has no {name}.")
    shapes = _outputs(networks[MESH], MESH)
    if shapes[:1] != [3 * POINTS]:
        raise PolicyError(
            f"Policy.landmarker has a {MESH} whose first output is {_told(shapes)} and not the {POINTS} x 3 that "
            "mediapipe takes it for, which would make garbage of every face: use Google's own bundle."
        )
    if BLENDSHAPES in networks and _outputs(networks[BLENDSHAPES], BLENDSHAPES)[:1] != [SHAPES]:
        raise PolicyError(f"Policy.landmarker has a {BLENDSHAPES} that does not put out {SHAPES} numbers.")
    digest = hashlib.sha256(data).hexdigest()
    return Bundle(data, digest, KNOWN.get(digest, ""), BLENDSHAPES in networks)


def _networks(data: bytes) -> dict[str, bytes]:
    """The networks of a bundle, by name.

    Stored and not compressed, and no name twice: which of two mediapipe would take is not to be guessed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if len(set(names)) != len(names):
                raise PolicyError("Policy.landmarker is no face_landmarker.task: it has a name twice.")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise PolicyError("Policy.landmarker is no face_landmarker.task: mediapipe's are not compressed.")
            return {name: archive.read(name) for name in names if name.endswith(".tflite")}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise PolicyError("Policy.landmarker is no face_landmarker.task: those are zip archives.") from None


def _outputs(data: bytes, name: str) -> list[int | None]:
    """How many numbers each output of a .tflite has, in order; None for one that is not float32."""
    try:
        if data[4:8] != b"TFL3":
            raise ValueError
        graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
        if graph.OutputsLength() > _MOST_OUTPUTS:
            raise ValueError
        tensors = [graph.Tensors(graph.Outputs(index)) for index in range(graph.OutputsLength())]
        if any(tensor.ShapeLength() > _MOST_AXES for tensor in tensors):
            raise ValueError
        return [
            math.prod(tensor.Shape(axis) for axis in range(tensor.ShapeLength())) if tensor.Type() == _FLOAT32 else None
            for tensor in tensors
        ]
    # Offsets that lead out of the file, which the reader does not check.
    except (ValueError, IndexError, AttributeError, TypeError, OverflowError, struct.error):
        raise PolicyError(f"Policy.landmarker has a {name} that is no .tflite network.") from None


def _told(shapes: list[int | None]) -> str:
    if not shapes:
        return "missing"
    if shapes[0] is None:
        return "not float32"
    points, rest = divmod(shapes[0], 3)
    return f"{shapes[0]} numbers" if rest else f"{points} x 3"
