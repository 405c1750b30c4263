"""Where a store is, as the options say, and the store itself."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from facegate.errors import RetentionError

if TYPE_CHECKING:
    from facegate.receipt.envelope import Signer
    from facegate.retention import RetentionStore
    from facegate.retention.database import Database
    from facegate.retention.keys import MasterKeys
    from facegate.rules import Rules

_VARIABLE: Final = "FACEGATE_MASTER_KEY"
_INIT: Final = "`facegate retention init` makes one"


@dataclass(frozen=True)
class Place:
    """The options of the group; what is not said is in the folder.

    Raises:
        click.UsageError: by its properties, where neither the option nor a folder says it.
    """

    folder: Path | None
    database: str | None
    blobs: str | None
    master_keys: Path | None
    ledger: Path | None
    ledger_key: Path | None
    policy: str
    who: str | None

    @property
    def database_url(self) -> str:
        """As SQLAlchemy takes it."""
        return self.database or f"sqlite:///{self._in_folder('store.sqlite', '--database')}"

    @property
    def blobs_place(self) -> str:
        """A folder or a URL."""
        return self.blobs or str(self._in_folder("blobs", "--blobs"))

    @property
    def master_keys_file(self) -> Path | None:
        """None where the environment has the keys."""
        if self.master_keys is None and os.environ.get(_VARIABLE):
            return None
        return self.master_keys or self._in_folder("master-keys", "--master-keys")

    @property
    def ledger_file(self) -> Path:
        """Where acts are written down."""
        return self.ledger or self._in_folder("ledger", "--ledger")

    @property
    def ledger_key_file(self) -> Path:
        """PEM of the ledger's key."""
        return self.ledger_key or self._in_folder("ledger-key.pem", "--ledger-key")

    @property
    def actor(self) -> str:
        """Who is at work."""
        if self.who:
            return self.who
        try:
            return getpass.getuser()
        except (OSError, KeyError):  # no account has this number, as in some containers
            raise click.UsageError("Say who does this: --who NAME.") from None

    def rules(self) -> Rules:
        """The policy."""
        from facegate.rules import load

        return load(self.policy)

    def keys(self) -> MasterKeys:
        """The master keys."""
        from facegate.retention import EnvironmentKey, FileKeys

        file = self.master_keys_file
        return EnvironmentKey(_VARIABLE) if file is None else FileKeys(file)

    def signer(self) -> Signer:
        """The ledger's key."""
        from facegate.receipt.envelope import Signer

        return Signer.from_pem(self.ledger_key_file.read_bytes())

    @contextlib.contextmanager
    def opened(self) -> Iterator[RetentionStore]:
        """The store, which must have been made before: a wrong word makes no new one.

        Raises:
            RetentionError: there is none, or the extra is missing.
        """
        need_extra()
        from facegate.receipt.ledger import Ledger
        from facegate.retention import RetentionStore

        url, rules = self.database_url, self.rules()
        for file in (self.ledger_key_file, self.ledger_file):
            if not file.exists():
                raise RetentionError(f"There is no store here, {file} is missing: {_INIT}.")
        keys = self.keys()
        with self.connected() as database:
            if database.is_new:
                raise RetentionError(f"There is no store in the database: {_INIT}.")
        with (
            Ledger(self.ledger_file, self.signer()) as ledger,
            RetentionStore(rules, database=url, blobs=self.blobs_place, keys=keys, ledger=ledger) as store,
        ):
            yield store

    @contextlib.contextmanager
    def connected(self) -> Iterator[Connected]:
        """The database by itself."""
        from facegate.retention.database import Database

        try:
            found = Database(self.database_url)
        except ModuleNotFoundError:
            raise RetentionError(
                "facegate retention needs for this: pip install 'facegate[postgresql]', and a URL that begins with "
                "postgresql+psycopg://."
            ) from None
        with contextlib.closing(found):
            yield Connected(found)

    def _in_folder(self, name: str, option: str) -> Path:
        if self.folder is None:
            raise click.UsageError(f"Say where the store is: --folder DIR, or {option} and the others.")
        return self.folder / name


@dataclass(frozen=True)
class Connected:
    """A database, before anybody knows whether there is a store in it."""

    database: Database

    @property
    def is_new(self) -> bool:
        """Whether there is no table."""
        from facegate.retention import migrate

        return migrate.is_empty(self.database)

    def check(self) -> None:
        """Refuse what is neither empty nor a store's.

        Raises:
            RetentionError: that is what it is.
        """
        from facegate.retention import migrate

        if not self.is_new and migrate.version(self.database) is None:
            raise RetentionError("The database has tables of something else in it; a store wants one of its own.")

    def upgrade(self) -> None:
        """Make the tables, or bring a store's to this version."""
        from facegate.retention import migrate

        migrate.upgrade(self.database)


def need_extra() -> None:
    """Raise unless all that a store takes is installed.

    Raises:
        RetentionError: something is missing.
    """
    try:
        import alembic  # noqa: F401
        import obstore  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise RetentionError("facegate retention needs: pip install 'facegate[retention]'") from None
