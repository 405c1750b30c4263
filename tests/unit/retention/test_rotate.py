"""Rotation of master keys: nothing is encrypted again, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from facegate.errors import MasterKeyError
from facegate.retention import FileKeys, schema
from tests.unit.retention.conftest import PNG, Opened


def test_the_new_key_alone_reads_all(opened: Opened, tmp_path: Path) -> None:
    kept = [opened.put(person=f"person-{number % 3}") for number in range(5)]
    blobs = {each.asset: opened.blob(each) for each in kept}
    assets_keys = opened.rows(schema.asset_keys)
    both = FileKeys.add(tmp_path / "master-keys")
    assert both.current != opened.keys.current
    rotating = opened.again(keys=both)
    # Both are in use until then.
    assert rotating.get(kept[0].asset, purpose="generation", who="worker").read() == PNG
    assert rotating.rotate(who="operator") == 3
    assert rotating.rotate(who="operator") == 0
    new = tmp_path / "new-key"
    new.write_text((tmp_path / "master-keys").read_text().split()[0])
    new.chmod(0o600)
    after = opened.again(keys=FileKeys(new))
    for each in kept:
        assert after.get(each.asset, purpose="generation", who="worker").read() == PNG
        assert opened.blob(each) == blobs[each.asset]
    assert opened.rows(schema.asset_keys) == assets_keys
    with pytest.raises(MasterKeyError, match="which is not among those given"):
        opened.again(keys=opened.keys)


def test_more_than_a_batch(local: Opened, tmp_path: Path) -> None:
    for number in range(205):
        local.put(person=f"person-{number}")
    assert local.again(keys=FileKeys.add(tmp_path / "master-keys")).rotate(who="operator") == 205


def test_without_the_old_key_nothing_is_rotated(opened: Opened, tmp_path: Path) -> None:
    kept = opened.put()
    store = opened.again()
    store._parts.keys.current = "another"  # type: ignore[misc]
    with pytest.raises(KeyError):
        store.rotate(who="operator")
    store._parts.keys.current = opened.rows(schema.person_keys)[0].master  # type: ignore[misc]
    with pytest.raises(MasterKeyError, match="was written with the master key"):
        opened.again(keys=FileKeys.create(tmp_path / "other"))
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG
