"""``facegate retention``: what is kept, by hand. One file for each group of commands."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from facegate.commands.retention import beginning, contents, deleting, holding, log, rights, upkeep, wishes
from facegate.commands.retention.place import Place
from facegate.errors import ConsentError, HeldError, NotKeptError, RestrictedError

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Group(click.Group):
    """Where the answer is no, that is exit code 1."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (HeldError, NotKeptError, RestrictedError, ConsentError) as error:
            click.echo(f"facegate: {error.reason}", err=True)
            context.exit(1)


def _option(name: str, **settings: Any) -> Callable[[_Command], _Command]:
    variable = "FACEGATE_RETENTION_" + name.strip("-").replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=True, **settings)


_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=_Group)
@_option("--folder", type=click.Path(file_okay=False, path_type=Path), help="All in one folder, for one machine.")
@_option("--database", metavar="URL", help="As sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.")
@_option("--blobs", metavar="FOLDER|URL", help="A folder, or as s3://BUCKET/PREFIX.")
@_option("--master-keys", type=_FILE, help="File of master keys; without it $FACEGATE_MASTER_KEY, if that is set.")
@_option("--ledger", type=_FILE, help="Where every act is written down.")
@_option("--ledger-key", type=_FILE, help="PEM of the key that signs the ledger.")
@_option("--policy", default="default", show_default=True, help="TOML file, or the name of a policy that is shipped.")
@_option("--who", metavar="NAME", help="Who does it, for the ledger; by default the login name.")
@click.pass_context
def retention(context: click.Context, /, **options: Any) -> None:
    """Keep uploads, outputs and logs as a policy says: encrypted, for a purpose, until their time is over.

    Say where the store is, before the command or after it: --folder DIR has all of it, or each part has an option of
    its own. What is asked for and cannot be, because of a hold, a restriction, or since nothing of that ID is kept, is
    exit code 1.
    """
    context.obj = Place(**options)


def _afterwards(option: click.Parameter) -> click.Option:
    """The same for a command, where one is used to write it, too; what is said there wins."""

    def note(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None:
            context.obj = dataclasses.replace(context.obj, **{str(option.name): value})

    return click.Option(option.opts, type=option.type, hidden=True, expose_value=False, callback=note)


for each in (
    *(beginning.init, beginning.new_key),
    *(contents.put, contents.list_, contents.get),
    *(deleting.delete, deleting.sweep),
    *(holding.hold, holding.release, holding.holds),
    *(upkeep.rotate_key, upkeep.check, upkeep.report),
    log.log,
    *(rights.access, rights.correct, rights.setting, rights.export, rights.restrict, rights.unrestrict),
    *(rights.object_, rights.withdraw, rights.consent_again, rights.forget),
    *(wishes.wish, wishes.wishes),
):
    each.params += [_afterwards(option) for option in retention.params]
    retention.add_command(each)
