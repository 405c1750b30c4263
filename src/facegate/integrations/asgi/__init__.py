"""Uploads of an ASGI server straight into shared memory: Starlette, FastAPI, or the bare protocol.

A web framework's own form parser spools what is over 1 MiB to a file. Here each piece of the body is copied into the
request's region as the server hands it over; no file is made, and at no time is the whole upload in the worker's heap.
Needs nothing installed but, for multipart forms, python-multipart: ``pip install 'facegate[asgi]'``.

Does not protect against: the server's own buffers, which hold a piece (uvicorn: 64 KiB and what one read adds) until it
was received, and give it back to the heap unwiped; a proxy in front, which may spool as it likes.
"""

from facegate.integrations.asgi.body import Patience
from facegate.integrations.asgi.problems import Problem, install, problem_of
from facegate.integrations.asgi.visit import Visit

__all__ = ["Patience", "Problem", "Visit", "install", "problem_of"]
