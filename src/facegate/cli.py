"""The command ``facegate``. Exit codes: 0 done, 1 the answer is no, 2 bad usage or bad input."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from facegate.commands import audit, demo, doctor, inspect, policy, redact, retention, verify
from facegate.errors import FacegateError, InvalidReceiptError


class _Group(click.Group):
    """Turns expected errors into one sentence and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except click.UsageError as error:
            _stop(error.format_message(), 2)
        except InvalidReceiptError as error:
            _stop(error.reason, 1)
        except FacegateError as error:
            _stop(error.reason, 2)
        except BrokenPipeError:
            raise  # whoever read the output has gone; click ends without a word
        except OSError as error:
            _stop(f"{error.filename or 'A file'}: {error.strerror or type(error).__name__}.", 2)
        except BaseExceptionGroup as group:
            # A request and its purge both failed. Other members are defects, which a traceback must show.
            mine, others = group.split(FacegateError)
            if others is not None or mine is None:
                raise
            _stop(" ".join(str(each) for each in mine.exceptions), 2)
        except KeyboardInterrupt:
            _stop("interrupted.", 130)  # click would say 1, which is the answer no


def _stop(sentence: str, code: int) -> NoReturn:
    click.echo(f"facegate: {sentence}", err=True)
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="facegate")
def main() -> None:
    """Facial-geometry analysis in memory only: one request, one child process, purged with the output."""


for each in (
    audit.audit,
    demo.demo,
    redact.redact,
    inspect.inspect,
    doctor.doctor,
    verify.verify,
    policy.policy,
    retention.retention,
):
    main.add_command(each)
