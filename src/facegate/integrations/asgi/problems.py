"""What goes wrong, as HTTP says it: RFC 9457 problem details, which repeat nothing that the sender sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from facegate import errors

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
# nginx's "client closed request": nobody gets it, but access logs show it.
GONE: Final = 499
# The first that fits. Sentences of the sender's faults are shown, they are fixed; of ours only that it is ours.
_STATUS: Final[tuple[tuple[type[errors.FacegateError], int], ...]] = (
    (errors.DisconnectedError, GONE),
    (errors.StalledUploadError, 408),
    (errors.LimitExceededError, 413),
    (errors.UnsupportedFormatError, 415),
    (errors.DecodeError, 422),
    (errors.UploadError, 400),
    (errors.AnalysisError, 422),
    (errors.OutputError, 422),
    (errors.RequestReusedError, 409),
    (errors.PurposeError, 403),
    (errors.AgeError, 403),
    (errors.ConsentError, 403),
    (errors.BusyError, 503),
    (errors.RequestClosedError, 503),
    (errors.SandboxTimeoutError, 503),
)
_OURS: Final = "The request failed, and everything of it was purged or is named on its receipt."


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem detail and how it is sent.

    Attributes:
        status: of the response.
        kind: the ``type`` of the document, a URN that names the error's class.
        detail: a fixed sentence, with figures of the policy at most.
        request_id: as on the receipt, if there is one.
        headers: besides the content type.
    """

    status: int
    kind: str
    detail: str
    request_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The JSON object."""
        title = "Client Closed Request" if self.status == GONE else HTTPStatus(self.status).phrase
        found: dict[str, Any] = {"type": self.kind, "title": title, "status": self.status, "detail": self.detail}
        return found if self.request_id is None else found | {"request_id": self.request_id}


def problem_of(error: BaseException) -> Problem | None:
    """The problem that an error of facegate is, or a group that has one; None for everybody else's errors."""
    found = next(_ours(error), None)
    if found is None:
        return None
    status = next((status for kind, status in _STATUS if isinstance(found, kind)), 500)
    # The sender may be in the middle of its body: to read on would only be to throw away.
    headers = {"Connection": "close"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(getattr(found, "retry_after", RETRY_SECONDS))
    if found.request_id is not None:
        headers["X-Request-ID"] = found.request_id
    detail = _OURS if status == HTTPStatus.INTERNAL_SERVER_ERROR else found.reason
    return Problem(status, f"urn:facegate:{type(found).__name__}", detail, found.request_id, headers)


def install(app: Starlette) -> None:
    """Have a Starlette or FastAPI application answer facegate's errors with problem details."""
    app.add_exception_handler(errors.FacegateError, respond)
    app.add_exception_handler(ExceptionGroup, respond)


async def respond(_: HttpRequest, error: Exception) -> Response:
    """The response to an error; an exception handler of Starlette's. What is not facegate's is raised again."""
    from starlette.responses import Response  # noqa: PLC0415

    problem = problem_of(error)
    if problem is None:
        raise error
    text = json.dumps(problem.document())
    return Response(text, problem.status, problem.headers, media_type=MEDIA_TYPE)


def _ours(error: BaseException) -> Iterator[errors.FacegateError]:
    """Facegate's errors in it, a failed purge first: whatever else went wrong, that is what must be told."""
    if isinstance(error, BaseExceptionGroup):
        found = [each for member in error.exceptions for each in _ours(member)]
        yield from sorted(found, key=lambda each: not isinstance(each, errors.PurgeError))
    elif isinstance(error, errors.FacegateError):
        yield error
