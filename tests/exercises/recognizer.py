"""A recognizer of the user's, and a subject who is chosen by a reference photo in the same request."""

from __future__ import annotations

import facegate
from tests.exercises.model import recognizer

GATE = facegate.Gate(facegate.Policy(recognizer=recognizer()))


def run(portrait: bytes) -> None:
    """The person of the reference is found again, and embedded."""
    with GATE.open_request("exercise-recognizer", purpose="generation") as request:
        reference, upload = request.admit(portrait), request.admit(portrait)
        subject = request.analyze(upload, subject=facegate.Reference(reference)).subject
        if subject is None:
            raise RuntimeError("the person of the reference was not found")
        with subject.expose("identity") as raw, subject.expose("identity_normed") as normed:
            raw.max(), normed.max()
        request.finish(request.redact(upload), format="jpeg")
