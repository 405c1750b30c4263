"""What a child can do with the uploads of its request. The zygote loads it; each child works on its own copy."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facegate.codes import Refusal
from facegate.memory.arena import ARENA_BYTES, MAX_FACES, slot
from facegate.policy import MediaLimits
from facegate.redact.image import redact
from facegate.video.bench import Videos
from facegate.video.preload import preload
from facegate.vision import models, products, video_detector
from facegate.vision.decode import decode
from facegate.vision.detect import Detections, Detector
from facegate.vision.encode import encode
from facegate.vision.engines.parts import FaceFinder, FaceMesher
from facegate.vision.frame import Frame
from facegate.vision.landmarks import Landmarker
from facegate.vision.recognize import Recognition, normed
from facegate.vision.recognize_select import select_alike
from facegate.vision.subject import index_of_same, mesh_input, select

# A face that is not there, at about the places where a face has its eyes, nose, mouth and ears.
_IN_SAMPLE = Detections(
    np.array([[128, 128, 384, 384]], np.float32),
    np.ones(1, np.float32),
    128 + 256 * np.array([[[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.5, 0.8], [0.1, 0.5], [0.9, 0.5]]], np.float32),
)

# What the landmarker finds, by its names in the arena.
_OF_THE_SUBJECT = ("landmarks", "five_points", "pose", "rotation", "embedding", "points_68", "points_106", "transform")


@dataclass(slots=True)
class _Upload:
    frame: Frame
    faces: Detections | None = None
    scan: str = ""
    subject: int | None = None
    redacted: Frame | None = None


@dataclass(slots=True)
class Workbench:
    """The engines, and the state of the one request that this process serves.

    Attributes:
        detector: finds faces; every face of an upload gets a box, which redaction needs.
        landmarker: meshes the subject, and only the subject.
        recognition: the network of the user's that embeds the subject, if the policy names one.
        others: SHA-256 of networks of other engines, by name.
        before_fork: what takes the place of detector and landmarker in warming up, where they would start threads.
    """

    detector: FaceFinder = field(default_factory=Detector)
    landmarker: FaceMesher = field(default_factory=Landmarker)
    recognition: Recognition | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    before_fork: tuple[FaceFinder, FaceMesher] | None = None
    _uploads: dict[int, _Upload] = field(default_factory=dict)
    _videos: Videos = field(default_factory=Videos)
    # Replaced by the request's arena in the child; this one takes what the zygote writes when it warms up.
    _arena: memoryview = field(default_factory=lambda: memoryview(bytearray(ARENA_BYTES)))
    _sample: bytes = b""

    def models(self) -> dict[str, str]:
        """SHA-256 of each network, by name."""
        shipped = {name: model.sha256 for name, model in models.table().items()} | dict(self.others)
        return shipped if self.recognition is None else shipped | {"recognizer": self.recognition.sha256}

    def warm(self) -> None:
        """Take the way of a request on synthetic pixels, so that none meets first-time work or cold pages.

        Measured in a fresh fork (512x512 JPEG, coarse scan): the first request takes 17.5 ms unwarmed, 8.9 ms when the
        engines alone have run, 8.0 ms when the commands themselves have: as long as every later one.
        """
        serving = self.detector, self.landmarker
        self.detector, self.landmarker = self.before_fork or serving
        # Only a zygote and its children warm up, and a thread pool would make the zygote unable to fork.
        cv2.setNumThreads(1)
        preload()
        video_detector.prepare()
        self._sample = self._sample or _sample()
        admit = {"do": "admit", "upload": 0, "bytes": len(self._sample), "limits": MediaLimits().as_dict()}
        self.perform(admit, [memoryview(self._sample)])
        self.detector.detect(self._uploads[0].frame.rgb, scan="everyone")
        for _ in range(2):
            self.perform(admit, [memoryview(self._sample)])
            self.detector.glance(self._uploads[0].frame.rgb)
            self._uploads[0].faces, self._uploads[0].scan = _IN_SAMPLE, "everyone"
            self.perform({"do": "analyze", "upload": 0, "subject": 0, "scan": "everyone"}, [])
        self._uploads.clear()
        np.frombuffer(self._arena, np.uint8)[:] = 0
        self.detector, self.landmarker = serving

    def begin(self, arena: memoryview) -> None:
        """Take the writable map of the request's arena."""
        self._arena = arena

    def end(self) -> None:
        """Overwrite the pixels that are held, and let go of them; where no process ends to do so."""
        self._videos.end()
        for upload in self._uploads.values():
            for frame in (upload.frame, upload.redacted):
                for plane in () if frame is None else (frame.rgb, frame.alpha):
                    if plane is not None:
                        plane[...] = 0
        self._uploads.clear()

    def perform(
        self, command: dict[str, Any], regions: Sequence[memoryview], *files: int | memoryview
    ) -> dict[str, Any]:
        """Carry out one command of the worker, which is trusted; its upload is not.

        Args:
            command: ``do`` names it.
            regions: what the worker shares for it: what to read first, then what to write to.
            files: of a video: what to read piece by piece as long as the request lasts.

        Raises:
            Refusal: the upload or the wish cannot be served.
        """
        steps: dict[str, Callable[[dict[str, Any], Sequence[memoryview]], dict[str, Any]]] = {
            "admit": self._admit,
            "analyze": self._analyze,
            "redact": self._redact,
            "pixels": self._pixels,
            "encode": self._encode,
            "video.analyze": self._analyze_video,
            "video.redact": self._plan_video,
            "face.crop": self._crop,
            "face.mask": self._mask,
            "face.paste": self._paste,
        }
        try:
            if command["do"] not in steps:
                return self._videos.perform(command, regions, *files)
            return steps[command["do"]](command, regions)
        except cv2.error as error:
            # OpenCV's own way of saying that the address space is used up.
            if error.code == cv2.Error.StsNoMem:
                raise MemoryError from None
            raise

    def _admit(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        limits = MediaLimits(**command["limits"])
        if command["bytes"] > limits.bytes:
            raise Refusal("limit.bytes")
        frame = decode(bytes(regions[0][: command["bytes"]]), limits)
        self._uploads[command["upload"]] = _Upload(frame)
        height, width = frame.rgb.shape[:2]
        return {"width": width, "height": height, "format": frame.format}

    def _analyze(self, command: dict[str, Any], _: Sequence[memoryview]) -> dict[str, Any]:
        upload = self._uploads[command["upload"]]
        faces = self._detect(upload, command["scan"])
        count = len(faces.boxes)
        upload.subject = subject = self._subject(upload, faces, command)
        slot(self._arena, "boxes")[:count] = faces.boxes
        slot(self._arena, "confidence")[:count] = faces.confidence
        if subject is not None:
            box, points = faces.boxes[subject : subject + 1], faces.keypoints[subject : subject + 1]
            if upload.scan == "everyone":
                box, points = mesh_input(self.detector, upload.frame.rgb, faces, subject)
            found = self.landmarker.analyze(upload.frame.rgb, box, points)
            for name in _OF_THE_SUBJECT:
                slot(self._arena, name)[...] = getattr(found, name)[0]
            if self.recognition is not None:
                identity = self.recognition.of_subject(upload.frame.rgb, found.five_points[0])
                slot(self._arena, "identity")[...] = identity
                slot(self._arena, "identity_normed")[...] = normed(identity)
            if found.blendshapes is not None:
                slot(self._arena, "blendshapes")[...] = found.blendshapes[0]
                return {"faces": count, "subject": subject, "blendshapes": True}
        return {"faces": count, "subject": subject}

    def _subject(self, upload: _Upload, faces: Detections, command: dict[str, Any]) -> int | None:
        wish = command["subject"]
        if not isinstance(wish, dict):
            return select(faces, wish)
        if self.recognition is None:  # the worker does not ask without one
            raise Refusal("reference.unlike")
        photo = self._uploads[wish["reference"]]
        person = self._detect(photo, command["scan"])
        return select_alike(self.recognition, photo.frame.rgb, person, upload.frame.rgb, faces)

    def _analyze_video(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        # As if the one frame were a picture that was uploaded. It is kept until the next, so that `redact` knows which
        # face is meant.
        rgb = self._videos.frame_at(command["upload"], command["at"])
        self._uploads[command["upload"]] = _Upload(Frame(rgb, None, None, "video"))
        return self._analyze(command, regions)

    def _plan_video(self, command: dict[str, Any], _: Sequence[memoryview]) -> dict[str, Any]:
        keep = command["keep"]
        faces = None if keep is None else self._uploads[command["upload"]].faces
        return self._videos.plan(command, None if faces is None else faces.boxes[keep])

    def _detect(self, upload: _Upload, scan: str) -> Detections:
        if upload.faces is None or (upload.scan not in {scan, "everyone"}):
            upload.faces, upload.scan = self.detector.detect(upload.frame.rgb, scan=scan), scan  # type: ignore[arg-type]
        if len(upload.faces.boxes) > MAX_FACES:
            raise Refusal("limit.faces")
        return upload.faces

    def _redact(self, command: dict[str, Any], _: Sequence[memoryview]) -> dict[str, Any]:
        upload = self._uploads[command["upload"]]
        upload.redacted, count = self._covered(upload, command)
        return {"redacted": count}

    def _covered(self, upload: _Upload, command: dict[str, Any]) -> tuple[Frame, int]:
        """A copy of the picture with every face covered but one, and how many were."""
        before, keep = upload.faces, command["keep"]
        kept_box = None if keep is None or before is None else before.boxes[keep]
        # Whatever scan chose the subject, everyone else must be found before the picture may leave.
        boxes = self._detect(upload, "everyone").boxes
        if kept_box is not None:
            boxes = np.delete(boxes, index_of_same(boxes, kept_box), axis=0)
        frame = upload.frame
        alpha = None if frame.alpha is None else frame.alpha.copy()
        made = Frame(frame.rgb.copy(), alpha, frame.icc_profile, frame.format)
        style, shape, margin = command["style"], command["shape"], command["margin"]
        redact(made.rgb, alpha, boxes, style=style, shape=shape, margin=margin)
        return made, len(boxes)

    def _crop(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        return products.crop(command, regions, self._uploads[command["upload"]].frame, self._arena)

    def _mask(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        return products.mask(command, regions, self._arena)

    def _paste(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        made = products.pasted(command, regions, self._frame(command), self._arena)
        self._uploads[command["pasted"]] = _Upload(made)
        return {}

    def _pixels(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        rgb = self._frame(command).rgb
        np.frombuffer(regions[0], np.uint8, count=rgb.size).reshape(rgb.shape)[...] = rgb
        return {}

    def _encode(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        *sources, target = regions
        frame = _frame_of(sources[0], command["shape"]) if sources else self._frame(command)
        if (cover := command.get("cover")) is not None:
            # Beside what `redact` has left of the same picture, which stays as it is.
            frame, _ = self._covered(_Upload(frame) if sources else self._uploads[command["upload"]], cover)
        written = encode(
            frame.rgb,
            frame.alpha,
            frame.icc_profile,
            format=command["format"],
            quality=command["quality"],
            into=target,
        )
        return {"bytes": written}

    def _frame(self, command: dict[str, Any]) -> Frame:
        upload = self._uploads[command["upload"]]
        return upload.redacted if command["redacted"] and upload.redacted is not None else upload.frame


def _sample() -> bytes:
    """A picture to warm up with, JPEG, 512x512, of nobody."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(noise).resize((512, 512), Image.Resampling.BICUBIC).save(encoded, "JPEG", quality=95)
    return encoded.getvalue()


def _frame_of(data: memoryview, shape: list[int]) -> Frame:
    """The worker's own array: (H, W), (H, W, 3) or (H, W, 4) uint8."""
    pixels: NDArray[np.uint8] = np.frombuffer(data, np.uint8, count=int(np.prod(shape))).reshape(shape)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Frame(np.ascontiguousarray(pixels[..., :3]), alpha, None, "array")
