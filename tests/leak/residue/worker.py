"""A worker that serves one request step by step, a line on its standard input for each, and copies nothing itself.

Run as ``python worker.py UPLOAD END``; the end is "finish", "exception" or "cancel".
"""

import sys
from contextlib import suppress

import facegate


def step(name: str) -> None:
    """Say where it is, and wait."""
    print(name, flush=True)
    sys.stdin.readline()


def serve(gate: facegate.Gate, path: str, end: str) -> None:
    """One request."""
    with gate.open_request("residue-1", purpose="generation") as request:
        upload = request.admit(path)
        faces = request.analyze(upload, subject="largest")
        step("analyzed")
        with faces.subject.expose("landmarks") as xyz, faces.subject.expose("embedding") as vector:
            assert xyz.any()
            assert vector.any()
            with upload.expose() as rgb:
                assert rgb.any()
                step("exposed")
        safe = request.redact(upload, keep=faces.subject)
        step("redacted")
        if end == "exception":
            raise KeyError(end)
        if end == "cancel":
            request.cancel()
        else:
            assert request.finish(safe, format="png").data


if __name__ == "__main__":
    with facegate.Gate(facegate.Policy(spares=1)) as gate:
        gate.pool.wait_full(30)
        step("idle")
        with suppress(KeyError):
            serve(gate, *sys.argv[1:])
        step("purged")
        gate.pool.wait_full(30)
        step("refilled")
