"""Nodes for ComfyUI: put this file into ``custom_nodes`` of an installation whose Python has facegate.

ComfyUI keeps what a node returns, to use it again, and hands it to whoever asks. So no node here returns boxes, masks
or landmarks: pictures go in and pictures come out, and each request is over when the node is. Pictures are ComfyUI's:
(B, H, W, 3) float32, RGB, 0 to 1.
"""

from __future__ import annotations

import functools
import json
import secrets
import struct
from typing import Any, ClassVar

import numpy as np
import torch

import facegate


@functools.cache
def gate() -> facegate.Gate:
    """One for the process, closed when it exits."""
    return facegate.Gate()


class RedactFaces:
    """Covers faces: everyone's, or everyone's but the largest."""

    CATEGORY: ClassVar[str] = "facegate"
    RETURN_TYPES: ClassVar[tuple[str, ...]] = ("IMAGE", "STRING")
    RETURN_NAMES: ClassVar[tuple[str, ...]] = ("image", "receipts")
    FUNCTION: ClassVar[str] = "redact"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """What ComfyUI shows."""
        return {
            "required": {
                "image": ("IMAGE",),
                "keep": (["nobody", "largest"],),
                "style": (["solid", "pixelate", "blur"],),
                "margin": ("FLOAT", {"default": 0.25, "min": 0.0, "max": 2.0, "step": 0.05}),
            }
        }

    def redact(self, image: torch.Tensor, keep: str, style: Any, margin: float) -> tuple[torch.Tensor, str]:
        """The pictures with faces covered, and the receipts: a JSON list of their texts."""
        made, receipts = [], []
        for pixels in to_bytes(image):
            with gate().open_request(new_id(), purpose="safety") as request:
                upload = request.admit(bitmap(pixels), "image")
                face = request.analyze(upload).subject if keep == "largest" else None
                covered = request.redact(upload, keep=face, style=style, margin=margin)
                with covered.expose() as shown:
                    made.append(torch.from_numpy(shown.copy()))
                request.finish(covered)
            receipts.append(receipt_of(request))
        return torch.stack(made).float() / 255, json.dumps(receipts)


class PutFaceBack:
    """Takes the largest face of one picture and puts it, softly, where it was, into one that was generated from it."""

    CATEGORY: ClassVar[str] = "facegate"
    RETURN_TYPES: ClassVar[tuple[str, ...]] = ("IMAGE", "STRING")
    RETURN_NAMES: ClassVar[tuple[str, ...]] = ("image", "receipts")
    FUNCTION: ClassVar[str] = "put_back"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """What ComfyUI shows."""
        feather = ("FLOAT", {"default": 0.3, "min": 0.01, "max": 1.0, "step": 0.01})
        return {"required": {"original": ("IMAGE",), "generated": ("IMAGE",), "feather": feather}}

    def put_back(self, original: torch.Tensor, generated: torch.Tensor, feather: float) -> tuple[torch.Tensor, str]:
        """The generated pictures with the face of the original; as they are where nobody is in the original."""
        if original.shape != generated.shape:
            raise ValueError(f"Both must be of one size, not {tuple(original.shape)} and {tuple(generated.shape)}.")
        made, receipts = [], []
        for before, after in zip(to_bytes(original), to_bytes(generated), strict=True):
            with gate().open_request(new_id(), purpose="generation") as request:
                face = request.analyze(request.admit(bitmap(before), "image")).subject
                mixed = after
                if face is not None:
                    mask = request.adopt(soft_ellipse(face, before.shape[:2], feather))
                    mixed = np.rint(after + (before - after.astype(np.float32)) * mask).astype(np.uint8)
                request.finish(mixed)
            made.append(torch.from_numpy(mixed))
            receipts.append(receipt_of(request))
        return torch.stack(made).float() / 255, json.dumps(receipts)


def soft_ellipse(face: facegate.Face, size: tuple[int, int], feather: float) -> np.ndarray[Any, Any]:
    """(H, W, 1) float32: 1 inside the box's ellipse, 0 from `feather` of its radius on outside."""
    y, x = np.ogrid[: size[0], : size[1]]
    with face.expose("box") as box:
        left, top, right, bottom = box
        radius = np.hypot(
            (2 * x - left - right) / (right - left), (2 * y - top - bottom) / (bottom - top), dtype=np.float32
        )
    return np.clip((1 + feather - radius) / feather, 0, 1)[..., None]


def to_bytes(images: torch.Tensor) -> np.ndarray[Any, Any]:
    """ComfyUI's pictures as uint8, on the processor."""
    images = images.detach().float().clamp(0, 1)
    return np.rint(images.cpu().numpy()[..., :3] * 255).astype(np.uint8)


def bitmap(pixels: np.ndarray[Any, Any]) -> bytes:
    """A BMP file, because a request takes files and this one takes no compression: nothing is lost."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, -(-width * 3 // 4) * 4), np.uint8)  # each a multiple of four bytes
    rows[:, : width * 3] = pixels[..., ::-1].reshape(height, -1)
    head = struct.pack("<2sIII", b"BM", 54 + rows.nbytes, 0, 54)
    # A negative height: the first row is the top one.
    return head + struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, rows.nbytes, 0, 0, 0, 0) + rows.tobytes()


def new_id() -> str:
    """A request ID that says nothing of anybody."""
    return f"comfyui-{secrets.token_hex(8)}"


def receipt_of(request: facegate.Request) -> str:
    """The receipt of a request that is over, in the form in which `facegate verify` takes it."""
    assert request.receipt is not None  # noqa: S101 (a request that was entered has one)
    return request.receipt.to_json()


NODE_CLASS_MAPPINGS = {"FacegateRedactFaces": RedactFaces, "FacegatePutFaceBack": PutFaceBack}
NODE_DISPLAY_NAME_MAPPINGS = {"FacegateRedactFaces": "Redact faces", "FacegatePutFaceBack": "Put the face back"}
