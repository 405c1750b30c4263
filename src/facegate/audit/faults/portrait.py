"""Makes a person: draws the portrait and looks at it, in the process that searches."""

from __future__ import annotations

import secrets
from types import TracebackType
from typing import Self

from facegate.audit.faults.course import PURPOSE, digest
from facegate.audit.faults.picture import draw
from facegate.audit.residue import Markers
from facegate.gate import Gate
from facegate.policy import Policy


class Portrait:
    """A gate of the shipped kind, and the markers of the last person.

    Attributes:
        markers: to search for.
    """

    markers: Markers

    def __init__(self) -> None:
        self._gate = Gate(Policy(spares=0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.close()

    def make(self, seed: int) -> tuple[bytes, str]:
        """Draw one: the portrait, JPEG, so that what is drawn is not what is decoded; and its landmarks' digest."""
        with self._gate.open_request(f"draw-{secrets.token_hex(8)}", purpose=PURPOSE) as request:
            data = request.finish(draw(seed), format="jpeg", quality=90).data
        with self._gate.open_request(f"look-{secrets.token_hex(8)}", purpose=PURPOSE) as request:
            upload = request.admit(data, "image")
            subject = request.analyze(upload, scan="large").subject
            if subject is None:
                raise RuntimeError("The drawn portrait shows nobody.")
            with (
                subject.expose("landmarks") as xyz,
                subject.expose("embedding") as vector,
                subject.expose("box") as box,
                upload.expose() as rgb,
            ):
                left, top, right, bottom = (int(max(each, 0)) for each in box)
                self.markers = Markers.of(landmarks=xyz, embedding=vector, pixels=rgb[top:bottom, left:right])
                return data, digest(xyz)
