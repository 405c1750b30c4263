"""A Celery task that passes request IDs and names of objects, never faces.

    celery --app examples.celery_task worker          # FACEGATE_BROKER, FACEGATE_STORE

A broker writes messages down, hands them to other machines and keeps the arguments of what failed. So a message says
*which* object to work on; the upload is fetched in the worker, analyzed there, and what is known of the face is gone
when the task returns. Handles of facegate refuse to be put into a message: they are no JSON, and cannot be pickled.
"""

from __future__ import annotations

import functools
import os
import re
import uuid
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.signals import worker_process_shutdown

import facegate

app = Celery("facegate-example", broker=os.environ.get("FACEGATE_BROKER", "memory://"), backend="cache+memory://")
# JSON both ways: what is not plain data fails where it is sent, and no worker runs a pickle.
app.conf.update(
    task_serializer="json", result_serializer="json", accept_content=["json"], broker_connection_retry=False
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class FacelessTask(Task):  # type: ignore[misc]
    """Takes short plain names, and nothing else: not bytes of a picture, not a list of numbers, not a handle.

    Checked when a task is sent, so that nothing else reaches the broker, and also where it is run at once
    (``task_always_eager``), where nothing is serialized.
    """

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, *others: Any, **options: Any) -> Any:
        """Send it.

        Raises:
            TypeError: an argument is not a name; what it was is not said.
        """
        for each in (*(args or ()), *(kwargs or {}).values()):
            if not isinstance(each, str) or NAME.fullmatch(each) is None:
                raise TypeError(f"{self.name} takes request IDs and names of objects alone.")
        return super().apply_async(args, kwargs, *others, **options)


@functools.cache
def gate() -> facegate.Gate:
    """One for each worker process, made in it: those that inherit one by fork share its zygote and the line to it."""
    return facegate.Gate()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def close_gate(**_: Any) -> None:
    """Purge what is open; Celery's processes end without Python's exit handlers."""
    if gate.cache_info().currsize:
        gate().close()


def store() -> Path:
    """Where objects are; in earnest a bucket."""
    return Path(os.environ["FACEGATE_STORE"])


def submit(object_name: str) -> tuple[str, Any]:
    """Send an object on its way.

    Returns:
        The request ID, by which receipt and output are found, and Celery's result.
    """
    request_id = f"task-{uuid.uuid4().hex}"
    return request_id, redact_bystanders.delay(request_id, object_name)


@app.task(base=FacelessTask, bind=False)  # type: ignore[untyped-decorator]
def redact_bystanders(request_id: str, object_name: str) -> dict[str, str]:
    """Cover everyone but the largest face of an object.

    Args:
        request_id: made by the sender, used once; a task that is delivered twice is refused the second time.
        object_name: of the upload.

    Returns:
        Names: of the request, the output and the receipt.
    """
    with gate().open_request(request_id, purpose="safety") as request:
        upload = request.admit(store() / object_name, "image")
        faces = request.analyze(upload)
        output = request.finish(request.redact(upload, keep=faces.subject))
    assert request.receipt is not None  # noqa: S101 (a request that was entered has one)
    names = {"request": request_id, "output": f"{request_id}.png", "receipt": f"{request_id}.receipt.json"}
    output.save(store() / names["output"])
    (store() / names["receipt"]).write_text(request.receipt.to_json(), encoding="utf-8")
    return names
