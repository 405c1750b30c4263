"""Make ``geometry.npz``: what insightface, facexlib and dlib make of two portraits, each in an environment of its own.

    python -m tests.golden.make_geometry_golden

Five points of the astronaut are given to insightface's `norm_crop2` and facexlib's `align_warp_face`, who answer with a
matrix for each size and, for the smallest, the crop; boxes of both portraits to dlib's predictor of 68 points. The
environments are `benchmarks.peers.environments`'s.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).resolve().with_name("geometry.npz")
# The astronaut's, of 512 by 512: found by facegate, rounded, so that they are the same for ever.
FIVE_POINTS = ((203.43, 100.88), (245.87, 103.36), (222.84, 131.16), (201.01, 139.01), (245.92, 141.69))
# Boxes for dlib, xyxy.
BOXES = {"astronaut": (178, 83, 273, 178), "hopper": (171, 147, 366, 341)}
ARCFACE, FFHQ = (112, 128, 224, 256, 336, 384), (512, 1024)


def main() -> None:
    """Ask all three and write the golden file."""
    from benchmarks.peers.environments import python_of
    from fixtures.portraits import portrait

    made: dict[str, Any] = {"five_points": np.array(FIVE_POINTS, np.float32)}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(source, **{name: portrait(name) for name in BOXES})
        for peer, ask in (("insightface-2.1", "insightface"), ("facexlib-0.3.0", "facexlib"), ("dlib-20.0.1", "dlib")):
            subprocess.run([python_of(peer), Path(__file__), "--inside", ask, source, target], check=True)
            with np.load(target) as found:
                made.update({f"{ask}|{name}": found[name] for name in found.files})
    np.savez_compressed(GOLDEN, **made)
    print(f"{GOLDEN.name}: {GOLDEN.stat().st_size} bytes")


def _insightface(pictures: Any) -> dict[str, Any]:
    from insightface.utils.face_align import norm_crop2

    bgr = np.ascontiguousarray(pictures["astronaut"][..., ::-1])
    made: dict[str, Any] = {}
    for size in ARCFACE:
        crop, made[f"{size}"] = norm_crop2(bgr, np.array(FIVE_POINTS, np.float32), size)
        # Each second pixel of it, to keep the file small.
        if size in {112, 128}:
            made[f"{size}_crop_half"] = crop[::2, ::2, ::-1]
    return made


def _facexlib(pictures: Any) -> dict[str, Any]:
    from facexlib.utils.face_restoration_helper import FaceRestoreHelper

    made: dict[str, Any] = {}
    for size in FFHQ:
        # Its constructor downloads two networks, which aligning does not use.
        helper = FaceRestoreHelper.__new__(FaceRestoreHelper)
        helper.pad_blur, helper.face_size = False, (size, size)
        helper.face_template = _template(FaceRestoreHelper) * (size / 512.0)
        helper.affine_matrices, helper.cropped_faces = [], []
        helper.all_landmarks_5 = [np.array(FIVE_POINTS, np.float32)]
        helper.input_img = np.ascontiguousarray(pictures["astronaut"][..., ::-1])
        helper.align_warp_face()
        made[f"{size}"] = helper.affine_matrices[0]
        # One of many pixels of it: the whole crop would take megabytes.
        made[f"{size}_crop_64"] = helper.cropped_faces[0][:: size // 64, :: size // 64, ::-1]
    return made


def _template(helper: Any) -> Any:
    """The five points of facexlib itself, read from its source: they are set by the constructor that is not run."""
    import ast
    import inspect
    import textwrap

    tree = ast.parse(textwrap.dedent(inspect.getsource(helper.__init__)))
    arrays = [ast.literal_eval(node.args[0]) for node in ast.walk(tree) if _is_array(node)]
    (five,) = [np.array(array) for array in arrays if len(array) == 5]
    return five


def _is_array(node: Any) -> bool:
    import ast

    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "array"


def _dlib(pictures: Any) -> dict[str, Any]:
    import dlib
    import face_recognition_models

    predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
    made: dict[str, Any] = {}
    for name, box in BOXES.items():
        shape = predictor(np.ascontiguousarray(pictures[name]), dlib.rectangle(*box))
        made[name] = np.array([(part.x, part.y) for part in shape.parts()], np.float32)
    return made


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        asked: dict[str, Callable[[Any], dict[str, Any]]]
        asked = {"insightface": _insightface, "facexlib": _facexlib, "dlib": _dlib}
        with np.load(sys.argv[3]) as given:
            np.savez(sys.argv[4], **asked[sys.argv[2]](given))
    else:
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
        main()
