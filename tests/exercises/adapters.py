"""Crops, masks, pasting and what the adapters make of them, with a recognizer that the tests build."""

from __future__ import annotations

import facegate
from facegate.adapters import controlnet_mediapipe, insightface, instantid, ip_adapter
from tests.exercises.model import recognizer

GATE = facegate.Gate(facegate.Policy(recognizer=recognizer()))


def run(portrait: bytes) -> None:
    """Everything that InstantID, IP-Adapter and insightface's users take, then a pasted face."""
    with GATE.open_request("exercise-adapters", purpose="generation") as request:
        upload = request.admit(portrait)
        subject = request.analyze(upload).subject
        if subject is None:
            raise RuntimeError("nobody was found on the portrait")
        instantid.key_points_image(subject)
        instantid.embedding(subject)
        ip_adapter.faceid_embeds(subject)
        ip_adapter.face_image(subject)
        controlnet_mediapipe.face_image(subject)
        with insightface.lent(subject) as face:
            face.kps.max(), face.normed_embedding.max()
        for name in ("points_68", "points_106", "transform", "identity"):
            with subject.expose(name) as shown:
                shown.max()
        with subject.mask("oval", feather=0.1) as mask, subject.crop("ffhq", size=512) as crop:
            mask.max()
            pixels = request.adopt(crop.pixels.copy())
        pixels[:] = 255 - pixels
        pasted = request.paste(subject, pixels, kind="ffhq", size=512, mask="oval")
        request.finish(pasted, format="jpeg")
