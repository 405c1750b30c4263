"""One whole request at the level `sealed`, for trying a deployment: ``python one_request.py PICTURE``.

Prints the level and the protections that are on the receipt, nothing of the picture but how many faces it has. Exits 1
with facegate's sentence where the level is not reached.
"""

from __future__ import annotations

import sys

import facegate
from facegate.errors import FacegateError


def main(path: str) -> None:
    """Admit, analyze, redact, finish, verify."""
    policy = facegate.Policy(level="sealed", spares=1)
    with facegate.Gate(policy) as gate, gate.open_request("deployment-trial", purpose="safety") as request:
        upload = request.admit(path)
        faces = request.analyze(upload, subject="largest")
        landmarks = 0
        if faces.subject:
            with faces.subject.expose("landmarks") as xyz:
                landmarks = len(xyz)
        output = request.finish(request.redact(upload, keep=faces.subject), format="png")
    print(f"{len(faces)} faces, {landmarks} landmarks, output of {len(output.data)} bytes")
    seen = facegate.verify(request.receipt)
    print(f"level {seen.level}; unavailable: {', '.join(p.name for p in seen.protections if p.state != 'achieved')}")
    print(request.receipt)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except FacegateError as error:
        sys.exit(str(error))
