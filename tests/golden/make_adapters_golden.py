"""Make ``adapters.npz``: what the reference code of other projects says, for the tests of `facegate.adapters`.

    python -m tests.golden.make_adapters_golden --liveportrait crop.py --sadtalker croper.py

It builds an environment of its own (``.venv-adapters``, git-ignored) with controlnet_aux, mediapipe and insightface,
and takes from them single files: their packages want torch, onnxruntime and models. LivePortrait and SadTalker are no
packages: the two files are those of their repositories, KwaiVGI/LivePortrait's src/utils/crop.py (at 293cb9e) and
OpenTalker/SadTalker's src/utils/croper.py (at 002631b); only the functions named below are run.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "adapters.npz"
ENVIRONMENT = HERE.parents[1] / ".venv-adapters"
PACKAGES = ("numpy<2", "protobuf>=4.25,<5", "absl-py", "attrs", "flatbuffers", "matplotlib<3.10", "scikit-image")
PACKAGES += ("opencv-contrib-python-headless", "sentencepiece", "pillow")
ALONE = ("mediapipe==0.10.21", "controlnet-aux==0.0.10", "insightface==2.1", "jax", "jaxlib")
# Width and height of the picture, and the stretch of the points: a face inside, one at the edges, one to be shrunk.
SIZES = ((640, 480, 1), (440, 300, 1), (4100, 4060, 8))
CUTS = ((512, 2.3, -0.125, True), (256, 1.5, -0.1, False))


def main() -> None:
    """Build the environment, make the pictures, run the references there, write the golden file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT, help="where the environment is or shall be")
    parser.add_argument("--liveportrait", type=Path, required=True, help="its src/utils/crop.py")
    parser.add_argument("--sadtalker", type=Path, required=True, help="its src/utils/croper.py")
    arguments = parser.parse_args()
    from fixtures.portraits import PORTRAITS, portrait

    python = _environment(arguments.environment)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "pictures.npz")
        np.savez(source, **{name: portrait(name) for name in PORTRAITS})
        files = [arguments.liveportrait, arguments.sadtalker]
        subprocess.run([python, Path(__file__), "--inside", source, GOLDEN, *files], check=True)
    print(f"{GOLDEN.name}: {GOLDEN.stat().st_size} bytes")


def _environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        for packages in (PACKAGES, ("--no-deps", *ALONE)):
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python


def _inside(source: Path, target: Path, liveportrait: Path, sadtalker: Path) -> None:
    """In the environment of the references. The arrays are described where they are made."""
    with np.load(source) as pictures:
        found = _controlnet({name: pictures[name] for name in pictures.files})
    found |= _pose() | _liveportrait(liveportrait) | _sadtalker(sadtalker)
    np.savez_compressed(target, **found)


def _file(package: str, path: str) -> Any:
    """One file of an installed package, without the package."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    spec = importlib.util.spec_from_file_location("reference", Path(found.submodule_search_locations[0], path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _functions(path: Path, names: dict[str, Any]) -> SimpleNamespace:
    """The functions and methods of a file whose imports are not to be had."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            exec(compile(ast.Module([node], []), str(path), "exec"), names)  # noqa: S102 (what this is for)
    return SimpleNamespace(**names)


def _controlnet(pictures: dict[str, Any]) -> dict[str, Any]:
    """``mesh|NAME`` (478, 2) float32, 0 to 1, and ``annotation|NAME`` (H, W, 3) uint8, RGB, drawn of it."""
    import mediapipe

    reference = _file("controlnet_aux", "mediapipe_face/mediapipe_face_common.py")
    seen: list[Any] = []

    class Watched(mediapipe.solutions.face_mesh.FaceMesh):
        def process(self, image: Any) -> Any:
            seen.append(super().process(image))
            return seen[-1]

    reference.mp_face_mesh.FaceMesh = Watched
    found = {}
    for name, rgb in pictures.items():
        annotation = reference.generate_annotation(rgb, 1, 0.5)
        points = seen[-1].multi_face_landmarks[0].landmark
        found[f"mesh|{name}"] = np.array([(p.x, p.y) for p in points], np.float32)
        found[f"annotation|{name}"] = annotation
    return found


def _pose() -> dict[str, Any]:
    """``rotations`` (N, 3, 3) float32, by facegate's axes, and ``pose`` (N, 3), pitch, yaw, roll by insightface.

    Its 68 points of a mean face are turned, and its own fit and angles are taken of what comes out.
    """
    import pickle

    transform = _file("insightface", "utils/transform.py")
    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    mean = pickle.loads(Path(spec.submodule_search_locations[0], "data/objects/meanshape_68.pkl").read_bytes())
    away = np.diag([1.0, 1.0, -1.0])  # its z points to the camera, facegate's away from it
    rotations, pose = [], []
    for pitch, yaw, roll in np.radians([(0, 0, 0), (25, 0, 0), (0, 40, 0), (0, 0, -30), (-12, 33, 8), (31, -52, 140)]):
        rotation = _about(2, roll) @ _about(1, -yaw) @ _about(0, -pitch)  # as facegate.vision.pose.angles says
        points = mean @ (away @ rotation @ away).T * 90 + [300, 200, 10]
        fit = transform.estimate_affine_matrix_3d23d(mean, points)
        pose.append(transform.matrix2angle(transform.P2sRt(fit)[1]))
        rotations.append(rotation)
    return {"rotations": np.array(rotations, np.float32), "pose": np.array(pose, np.float32)}


def _about(axis: int, angle: float) -> Any:
    """A right-handed turn about x, y or z."""
    one, other = [(1, 2), (2, 0), (0, 1)][axis]
    made = np.eye(3)
    made[one, one] = made[other, other] = np.cos(angle)
    made[other, one] = np.sin(angle)
    made[one, other] = -np.sin(angle)
    return made


def _clouds(count: int) -> Any:
    """Three sets of points (3, count, 2) float32: of no face, but spread like one."""
    random = np.random.default_rng(count)
    clouds = random.normal((256, 220), (60, 70), (3, count, 2))
    if count == 68:  # eyes beside each other above the mouth, or there is no square
        clouds[:, 36:42] = random.normal((210, 190), 8, (3, 6, 2))
        clouds[:, 42:48] = random.normal((300, 200), 8, (3, 6, 2))
        clouds[:, 48:60] = random.normal((250, 300), 12, (3, 12, 2))
    return clouds.astype(np.float32)


def _liveportrait(path: Path) -> dict[str, Any]:
    """``cut|COUNT`` (3, 2, 2, 3) float32: for each of three sets of so many points and each of `CUTS`, M_o2c."""
    from math import acos, cos, degrees, sin

    names = {"np": np, "DTYPE": np.float32, "sin": sin, "cos": cos, "acos": acos, "degrees": degrees}
    reference = _functions(path, names)
    found = {}
    for count in (5, 68, 101, 106, 203):
        found[f"points|{count}"] = _clouds(count)
        found[f"cut|{count}"] = np.array(
            [
                [
                    reference._estimate_similar_transform_from_pts(
                        points, dsize=size, scale=scale, vy_ratio=up, flag_do_rot=turn
                    )[0]
                    for size, scale, up, turn in CUTS
                ]
                for points in found[f"points|{count}"]
            ]
        )
    return found


def _sadtalker(path: Path) -> dict[str, Any]:
    """``box`` (3, 3, 5) int64: for each set of 68 points and each of `SIZES`, what is cut out, xyxy, and of what width.

    The width is the picture's after it was shrunk, and the rectangle is in pixels of that.
    """
    from PIL import Image

    Image.ANTIALIAS = Image.LANCZOS  # gone since Pillow 10
    reference = _functions(path, {"np": np, "Image": Image})
    boxes = []
    for points in _clouds(68):
        for *size, times in SIZES:
            picture = Image.new("RGB", size)
            (width, height), (x0, y0, x1, y1), quad = reference.align_face(
                None, picture, points * times, output_size=512
            )
            left, top, right, bottom = (int(each) for each in quad)
            # By slices, as `crop` does it: those are cut at the end of what there is.
            index = np.moveaxis(np.mgrid[:height, :width], 0, -1)[y0:y1, x0:x1][top:bottom, left:right]
            boxes.append([index[0, 0, 1], index[0, 0, 0], index[-1, -1, 1] + 1, index[-1, -1, 0] + 1, width])
    return {"box": np.array(boxes).reshape(3, len(SIZES), 5)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        _inside(*(Path(each) for each in sys.argv[2:6]))
    else:
        main()
