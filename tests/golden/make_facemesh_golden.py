"""Make ``facemesh_0_10_21.npz``: what mediapipe 0.10.21 says about the pictures of `variants`.

    python -m tests.golden.make_facemesh_golden

It builds an environment of its own (``.venv-facemesh``, git-ignored): mediapipe 0.10.21 needs numpy 1 and must not be
beside the opencv-python that facegate uses. The pictures are made here, in facegate's environment, and handed over as
an .npz in a temporary directory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "facemesh_0_10_21.npz"
ENVIRONMENT = HERE.parents[1] / ".venv-facemesh"
PACKAGES = ("mediapipe==0.10.21", "numpy<2")
MAX_FACES = 4
# Repetitions after which its points move by less than 0.3 % of the distance between the eyes (mean over all pictures).
SETTLED = 24


def main() -> None:
    """Build the environment, make the pictures, run mediapipe there, write the golden file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT, help="where the environment is or shall be")
    arguments = parser.parse_args()
    from tests.golden.variants import digest, variants

    python = _environment(arguments.environment)
    pictures = dict(variants())
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "pictures.npz"), Path(folder, "found.npz")
        np.savez(source, **{name.replace("/", "|"): rgb for name, rgb in pictures.items()})
        subprocess.run([python, Path(__file__), "--inside", source, target], check=True)
        with np.load(target) as found:
            arrays = {name: found[name] for name in found.files}
    digests = json.dumps({name: digest(rgb) for name, rgb in pictures.items()})
    np.savez_compressed(GOLDEN, digests=np.array(digests), **arrays)
    print(f"{GOLDEN.name}: {len(pictures)} pictures, {GOLDEN.stat().st_size} bytes")


def _environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def _inside(source: Path, target: Path) -> None:
    """In mediapipe's environment: run its solutions over every picture.

    Per picture NAME the output has, float32, in pixels of the picture, z in the same unit:
    ``NAME|mesh`` (faces, 468, 3): refine_landmarks=False.
    ``NAME|settled`` (faces, 468, 3): the same without static_image_mode, after it has seen the picture many times.
    ``NAME|refined`` (faces, 478, 3): refine_landmarks=True, which is another network, the one with attention.
    ``NAME|boxes`` (faces, 4) xyxy, ``NAME|keypoints`` (faces, 6, 2): of the face detection that FaceMesh starts from.
    """
    import mediapipe

    face_mesh = mediapipe.solutions.face_mesh.FaceMesh
    found: dict[str, Any] = {}
    with (
        face_mesh(static_image_mode=True, max_num_faces=MAX_FACES, refine_landmarks=False) as plain,
        face_mesh(static_image_mode=True, max_num_faces=MAX_FACES, refine_landmarks=True) as refined,
        mediapipe.solutions.face_detection.FaceDetection(model_selection=0, min_detection_confidence=0.5) as detection,
        np.load(source) as pictures,
    ):
        for name in pictures.files:
            rgb = pictures[name]
            height, width = rgb.shape[:2]
            for what, network, times in (("mesh", plain, 1), ("refined", refined, 1), ("settled", None, SETTLED)):
                with contextlib.ExitStack() as stack:
                    # What it tracks must not come from the picture before.
                    solution = network or stack.enter_context(face_mesh(max_num_faces=1))
                    faces = [solution.process(rgb).multi_face_landmarks or [] for _ in range(times)][-1]
                points = [[(p.x * width, p.y * height, p.z * width) for p in face.landmark] for face in faces]
                count = 478 if what == "refined" else 468
                found[f"{name}|{what}"] = np.array(points, np.float32).reshape(-1, count, 3)
            boxes, keypoints = [], []
            for face in detection.process(rgb).detections or []:
                box = face.location_data.relative_bounding_box
                left, top = box.xmin * width, box.ymin * height
                boxes.append((left, top, left + box.width * width, top + box.height * height))
                keypoints.append([(p.x * width, p.y * height) for p in face.location_data.relative_keypoints])
            found[f"{name}|boxes"] = np.array(boxes, np.float32).reshape(-1, 4)
            found[f"{name}|keypoints"] = np.array(keypoints, np.float32).reshape(-1, 6, 2)
    np.savez(target, **found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        _inside(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
