"""What adapters made in the worker is in its memory while the request is open, and nowhere in it afterwards."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

import facegate
from facegate.adapters import controlnet_mediapipe, insightface, instantid, ip_adapter, liveportrait, pulid, sadtalker
from facegate.audit.residue import Markers, scan
from fixtures.networks import recognizer, written
from fixtures.portraits import portrait
from tests.conftest import encode

PRODUCTS = ("landmarks", "points_68", "points_106", "identity")


def found(markers: Markers) -> set[str]:
    """Kinds of what is in this process."""
    (worker,) = (each for each in scan([os.getpid()], markers).processes if each.pid == os.getpid())
    return {hit.kind for hit in worker.hits}


def adapted(face: facegate.Face) -> list[object]:
    """Everything that there is, kept."""
    kept: list[object] = [
        instantid.key_points_image(face, size_wh=(640, 640)),
        instantid.embedding(face),
        controlnet_mediapipe.face_image(face, size_wh=(640, 640)),
        ip_adapter.faceid_embeds(face),
        ip_adapter.diffusers_embeds(face),
        ip_adapter.face_image(face),
        pulid.embedding(face),
        pulid.face_features(face),
        liveportrait.cut(face),
        liveportrait.crop_image(face),
        sadtalker.source(face),
    ]
    with insightface.lent(face) as lent:
        kept += [*lent.values(), lent.normed_embedding]
    return kept


def test_nothing_of_a_face_is_left_in_the_worker(tmp_path: Path) -> None:
    data = recognizer(seed=7)
    named = facegate.Recognizer(written(tmp_path, data), hashlib.sha256(data).hexdigest())
    # Mirrored: a face that no other test of this process has looked at.
    upload = encode(np.ascontiguousarray(portrait("hopper")[:, ::-1]), "PNG")
    with facegate.Gate(facegate.Policy(recognizer=named)) as gate:
        with gate.open_request("residue-adapters", purpose="generation") as request:
            face = request.analyze(request.admit(upload)).subject
            with (
                face.expose("landmarks") as landmarks,
                face.expose("points_68") as points_68,
                face.expose("points_106") as points_106,
                face.expose("identity") as identity,
            ):
                given = dict(zip(PRODUCTS, (landmarks, points_68, points_106, identity), strict=True))
                markers = Markers.of(windows=8, **given)
            with markers:
                kept = adapted(face)
                assert "identity" in found(markers), "or the scan would show nothing"
                request.finish(np.zeros((4, 4, 3), np.uint8))
                assert kept
                assert not found(markers)
