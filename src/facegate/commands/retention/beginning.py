"""``facegate retention init | new-key``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from facegate.commands.retention.place import Place, need_extra
from facegate.errors import RetentionError


@click.command()
@click.pass_obj
def init(place: Place) -> None:
    """Make a store, or bring one of an older version of facegate to this one."""
    need_extra()
    from facegate.receipt.ledger import Ledger
    from facegate.retention import RetentionStore

    rules = place.rules()
    if place.folder is not None:
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with place.connected() as database:
        database.check()
        # Keys are made with the store alone: a new one would be of no use to what another has wrapped or signed.
        if database.is_new:
            _make_keys(place)
        keys, signer = place.keys(), place.signer()
        database.upgrade()
    with (
        Ledger(place.ledger_file, signer) as ledger,
        RetentionStore(rules, database=place.database_url, blobs=place.blobs_place, keys=keys, ledger=ledger) as store,
    ):
        number = store.id
    file = place.master_keys_file
    click.echo(f"store {number}, policy {rules.name}, version {rules.version}")
    for name, where in (
        ("database", _without_password(place.database_url)),
        ("blobs", place.blobs_place),
        ("master keys", "the environment" if file is None else file),
        ("ledger", place.ledger_file),
        ("ledger key", place.ledger_key_file),
    ):
        click.echo(f"{name + ':':13}{where}")
    click.echo(
        "Keep a copy of the master keys somewhere else: who loses them loses all that is kept, and nobody can help."
    )


@click.command("new-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new_key(file: Path) -> None:
    """Make a file with a new master key, which must not be there yet."""
    need_extra()
    from facegate.retention import FileKeys

    click.echo(f"master key {FileKeys.create(file).current} is in {file}")
    click.echo("Keep a copy somewhere else: who loses it loses all that it will wrap.")


def _make_keys(place: Place) -> None:
    from facegate.retention import FileKeys

    file = place.master_keys_file
    if file is not None and not file.exists():
        FileKeys.create(file)
    if not place.ledger_key_file.exists():
        if place.ledger_file.exists():
            raise RetentionError(f"The ledger {place.ledger_file} is there, and its key is not: say --ledger-key.")
        _make_ledger_key(place.ledger_key_file)


def _make_ledger_key(file: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)
        opened.flush()
        os.fsync(opened.fileno())


def _without_password(url: str) -> str:
    import sqlalchemy

    return sqlalchemy.make_url(url).render_as_string(hide_password=True)
