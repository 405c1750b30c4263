"""Who takes part in the comparison of whole videos, and with which settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final, Literal

# Of every row that can be set: x264 with these, and the source's audio copied.
ENCODER: Final = {"preset": "medium", "crf": 23, "audio": True}
# CenterFace's threshold and growth where it is given to a library that has no detector of its own: deface's defaults.
CENTERFACE: Final = {"threshold": 0.2, "grow": 0.3}


@dataclass(frozen=True, slots=True)
class Row:
    """One contender with one setting.

    Attributes:
        name: in the tables.
        script: in ``contenders/``.
        environment: of `benchmarks.peers.environments`; None for facegate's own.
        settings: passed to the script.
        words: of what the settings do not say.
        seen_by: how its coverage is told: by the colour of what covers, ``"grey"`` or ``"black"``, in the output's
            pixels; or by the boxes that it covered, as a ``"box"`` or an ``"ellipse"`` in each; None covers nothing.
    """

    name: str
    script: str
    environment: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    words: str = ""
    seen_by: Literal["grey", "black", "box", "ellipse"] | None = None

    def line(self) -> str:
        """The settings line of the report."""
        settings = json.dumps(self.settings, sort_keys=True)
        return f"{self.environment or 'facegate, this commit'}; {settings}" + (f"; {self.words}" if self.words else "")


def rows() -> list[Row]:
    """In the order of the table."""
    short_range = resources.files("facegate.vision").joinpath("weights", "face_detection_short_range.tflite")
    mine = [
        Row(
            f"facegate {profile}",
            "video_facegate.py",
            None,
            {**ENCODER, "profile": profile, "style": "solid"},
            "public API, confined child",
            "grey",
        )
        for profile in ("fast", "balanced", "thorough")
    ]
    defaces = [
        Row(
            name,
            "video_deface.py",
            "deface-1.5.0",
            {**ENCODER, "replacewith": "solid", "scale": scale},
            "threshold 0.2, mask-scale 1.3 as by default, onnxruntime, --keep-audio, macro_block_size 1",
            "black",
        )
        for name, scale in (("deface, default", None), ("deface --scale 640x360", "640x360"))
    ]
    return [
        Row("decode + encode", "transcode.py", None, ENCODER, "the ceiling: PyAV, audio copied, nothing redacted"),
        *mine,
        *defaces,
        Row(
            "mediapipe FaceDetector loop",
            "video_mediapipe.py",
            "mediapipe-video-1.2.2",
            {**ENCODER, "model": str(short_range), "grow": CENTERFACE["grow"]},
            "BlazeFace short range, video mode, confidence 0.5 as by default, OpenCV reads, ffmpeg writes",
            "black",
        ),
        *(
            Row(
                f"supervision process_video, {annotator}",
                "video_supervision.py",
                "supervision-video-0.31.2",
                {**CENTERFACE, "annotator": annotator, "audio": True},
                "CenterFace at full size; its sink writes MPEG-4 part 2 and cannot be set to x264",
                "box",
            )
            for annotator in ("BlurAnnotator", "PixelateAnnotator")
        ),
        Row(
            "uniface BlurFace, blackout",
            "video_uniface.py",
            "uniface-4.2.1",
            {**ENCODER, **CENTERFACE, "method": "blackout"},
            "CenterFace at full size, since uniface downloads its detectors; OpenCV reads, ffmpeg writes",
            "black",
        ),
        Row(
            "EgoBlur's loop shape",
            "video_egoblur.py",
            "egoblur-shape",
            {**ENCODER, **CENTERFACE, "audio": False},
            "EgoBlur's detector is not to be had: CenterFace at full size in its loop (moviepy, all frames held)",
            "ellipse",
        ),
    ]
