"""facexlib's own alignment and pasting: ``SCRIPT SCENE TASK SIZE``. Its own environment; see `contender`.

Its helper is made without its constructor, which downloads two networks that neither needs.
"""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
from contender import serve
from facexlib.utils.face_restoration_helper import FaceRestoreHelper
from sixteen_faces import CROPS, load

cv2.setNumThreads(1)
scene, task, size = load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
bgr = np.ascontiguousarray(scene["rgb"][..., ::-1])
helper = FaceRestoreHelper.__new__(FaceRestoreHelper)
helper.pad_blur, helper.use_parse, helper.upscale_factor = False, False, 1
helper.face_size, helper.input_img = (size, size), bgr
helper.face_template = scene["ffhq"]


def ffhq(_: bytes) -> int:
    """`align_warp_face` of sixteen faces."""
    helper.affine_matrices, helper.cropped_faces = [], []
    helper.all_landmarks_5 = list(scene["five_points"])
    helper.align_warp_face()
    return len(helper.cropped_faces)


def whole(_: bytes) -> int:
    """One crop back, with its square mask."""
    helper.affine_matrices, helper.cropped_faces, helper.inverse_affine_matrices = [], [], []
    helper.all_landmarks_5 = list(scene["five_points"][:1])
    helper.restored_faces = [scene["crop"][..., ::-1]]
    helper.affine_matrices = [cv2.estimateAffinePartial2D(scene["five_points"][0], helper.face_template)[0]]
    helper.get_inverse_affine()
    return len(helper.paste_faces_to_input_image())


serve({"ffhq": ffhq, "whole": whole}[task], expect=CROPS if task == "ffhq" else len(bgr), clock=time.process_time)
