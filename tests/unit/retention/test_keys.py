"""Master keys: from a file, from the environment, from a key service; each mistake is one sentence."""

from __future__ import annotations

import base64
import copy
import pickle
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from facegate.errors import MasterKeyError
from facegate.retention import EnvironmentKey, FileKeys, keys
from tests.unit.retention.conftest import PNG, Opened

KEY = base64.b64encode(bytes(range(32))).decode()


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    made = FileKeys.create(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert FileKeys(tmp_path / "keys").current == made.current
    with pytest.raises(MasterKeyError, match="cannot be written: File exists"):
        FileKeys.create(tmp_path / "keys")
    secret = (tmp_path / "keys").read_text().strip()
    assert len(base64.b64decode(secret)) == 32
    assert secret not in repr(made)


def test_what_one_key_wrapped_it_unwraps_for_the_same_context() -> None:
    key = bytes(range(32))
    wrapped = keys.wrap(b"x" * 32, key, b"person-1")
    assert keys.unwrap(wrapped, key, b"person-1") == b"x" * 32
    assert keys.wrap(b"x" * 32, key, b"person-1") != wrapped
    for other, context in ((bytes(32), b"person-1"), (key, b"person-2")):
        with pytest.raises(InvalidTag):
            keys.unwrap(wrapped, other, context)


def test_a_key_that_was_changed_is_noticed(tmp_path: Path) -> None:
    made = FileKeys.create(tmp_path / "keys")
    wrapped = bytearray(made.wrap(b"x" * 32, b"person-1"))
    assert made.unwrap(made.current, bytes(wrapped), b"person-1") == b"x" * 32
    wrapped[20] ^= 1
    with pytest.raises(MasterKeyError, match="should have wrapped was changed"):
        made.unwrap(made.current, bytes(wrapped), b"person-1")


def test_the_first_of_several_wraps(tmp_path: Path) -> None:
    old = FileKeys.create(tmp_path / "keys")
    wrapped = old.wrap(b"x" * 32, b"person-1")
    new = FileKeys.add(tmp_path / "keys")
    assert new.current != old.current
    assert new.unwrap(old.current, wrapped, b"person-1") == b"x" * 32
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("", 0o600, "There is no master key in keys: `facegate retention new-key FILE` makes one"),
        ("not base64!", 0o600, "A master key in keys is not 32 bytes in base64"),
        (KEY[:-4], 0o600, "A master key in keys is not 32 bytes in base64"),
        (f"{KEY}\nshort", 0o600, "A master key in keys is not 32 bytes in base64"),
        (KEY, 0o640, "may be read by others: chmod 600 mends that"),
        ("\N{SNOWMAN}", 0o600, "cannot be read: it is not ASCII"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, mode: int, sentence: str) -> None:
    with pytest.raises(MasterKeyError, match=sentence):
        FileKeys(written(tmp_path / "keys", text, mode))


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="keys cannot be read: No such file or directory"):
        FileKeys(tmp_path / "keys")


def test_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FACEGATE_MASTER_KEY", raising=False)
    with pytest.raises(MasterKeyError, match=r"no master key in \$FACEGATE_MASTER_KEY"):
        EnvironmentKey()
    monkeypatch.setenv("FACEGATE_MASTER_KEY", KEY)
    assert EnvironmentKey().current == FileKeys(written(tmp_path / "keys", KEY)).current
    monkeypatch.setenv("KEYS", f"{base64.b64encode(bytes(32)).decode()},{KEY}")
    both = EnvironmentKey("KEYS")
    wrapped = EnvironmentKey().wrap(b"x" * 32, b"")
    assert both.unwrap(EnvironmentKey().current, wrapped, b"") == b"x" * 32
    monkeypatch.setenv("KEYS", "x")
    with pytest.raises(MasterKeyError, match=r"\$KEYS is not 32 bytes"):
        EnvironmentKey("KEYS")


def test_keys_stay_where_they_are(tmp_path: Path) -> None:
    made = FileKeys.create(tmp_path / "keys")
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(MasterKeyError, match="cannot be pickled"):
            copied(made)


class Service:
    """A key service: keys by name, which it never gives away; what an adapter for a real one looks like."""

    def __init__(self, local: FileKeys) -> None:
        self._local = local
        self.asked = 0

    @property
    def current(self) -> str:
        return "projects/p/keys/k/versions/1"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        self.asked += 1
        return self._local.wrap(key, context)

    def unwrap(self, master: str, wrapped: bytes, context: bytes) -> bytes:
        assert master == self.current
        self.asked += 1
        return self._local.unwrap(self._local.current, wrapped, context)


def test_a_key_service(opened: Opened) -> None:
    service = Service(opened.keys)
    kept = opened.put()
    opened.store.delete(kept.asset, who="support", why="asked")
    store = opened.again(keys=service)
    said = {"person": "p", "request": "r", "kept_as": "history", "kind": "upload", "purpose": "generation"}
    kept = store.put(PNG, media_type="image/png", who="worker", **said)
    assert store.get(kept.asset, purpose="generation", who="worker").read() == PNG
    assert service.asked == 2
