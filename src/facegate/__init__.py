"""Facial-geometry analysis of uploads, in memory only: one request, one child process, purged with the output.

Names are imported when first used, so the child, which imports this package too, never loads the worker's side: the
signing key's library, the gate.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facegate.arguments import Reference
    from facegate.faces import Face, FaceSet
    from facegate.frames import Frames
    from facegate.gate import Gate
    from facegate.media import ImageUpload, Output, PastedImage, RedactedImage, RedactedVideo, VideoUpload
    from facegate.policy import MediaLimits, Policy, VideoLimits
    from facegate.receipt import Act, ActReceipt, Receipt, Signer, verify, verify_act
    from facegate.receipt.ledger import Ledger, verify_ledger
    from facegate.recognizer import Recognizer
    from facegate.request import Request
    from facegate.rules.consent import Consent
    from facegate.rules.model import Rules
    from facegate.streaming import Progress

__all__ = [
    "Act",
    "ActReceipt",
    "Consent",
    "Face",
    "FaceSet",
    "Frames",
    "Gate",
    "ImageUpload",
    "Ledger",
    "MediaLimits",
    "Output",
    "PastedImage",
    "Policy",
    "Progress",
    "Receipt",
    "Recognizer",
    "RedactedImage",
    "RedactedVideo",
    "Reference",
    "Request",
    "Rules",
    "Signer",
    "VideoLimits",
    "VideoUpload",
    "verify",
    "verify_act",
    "verify_ledger",
]

_HOME = {
    "Act": "receipt",
    "ActReceipt": "receipt",
    "Consent": "rules.consent",
    "Face": "faces",
    "FaceSet": "faces",
    "Frames": "frames",
    "Gate": "gate",
    "ImageUpload": "media",
    "Ledger": "receipt.ledger",
    "MediaLimits": "policy",
    "Output": "media",
    "PastedImage": "media",
    "Policy": "policy",
    "Progress": "streaming",
    "Receipt": "receipt",
    "Recognizer": "recognizer",
    "RedactedImage": "media",
    "RedactedVideo": "media",
    "Reference": "arguments",
    "Request": "request",
    "Rules": "rules.model",
    "Signer": "receipt",
    "VideoLimits": "policy",
    "VideoUpload": "media",
    "verify": "receipt",
    "verify_act": "receipt",
    "verify_ledger": "receipt.ledger",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'facegate' has no attribute {name!r}")
    value: object = getattr(import_module(f"facegate.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
