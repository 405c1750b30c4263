"""deface's own video loop, as its command runs it with the settings given. See `video_loop` for the arguments."""

from __future__ import annotations

import json
import sys
import time

from deface.centerface import CenterFace
from deface.deface import video_detect
from video_loop import answer, ffmpeg_arguments

source, target, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
scale = settings["scale"]
centerface = CenterFace(in_shape=None if scale is None else tuple(map(int, scale.split("x"))), backend="auto")
if centerface.backend != "onnxrt":
    raise SystemExit("deface fell back to OpenCV: the packages onnx and onnxruntime have to be there.")
begun = time.perf_counter()
video_detect(
    ipath=source,
    opath=target,
    centerface=centerface,
    threshold=0.2,  # its default, as are mask_scale and ellipse
    enable_preview=False,
    cam=False,
    nested=False,
    replacewith=settings["replacewith"],
    mask_scale=1.3,
    ellipse=True,
    draw_scores=False,
    # macro_block_size: its default scales 1080 lines to 1088, which no other row does.
    ffmpeg_config={
        "codec": "libx264",
        "quality": None,
        "macro_block_size": 1,
        "output_params": ffmpeg_arguments(settings),
    },
    keep_audio=settings["audio"],
)
answer(time.perf_counter() - begun)
