"""Master keys: what wraps each person's key. They never leave where they are kept, so a key service fits, too."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from facegate.errors import MasterKeyError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class MasterKeys(Protocol):
    """Where master keys are: a file, the environment, or a key service, for which an adapter has these three."""

    @property
    def current(self) -> str:
        """ID of the key that wraps what is new; at most 64 characters."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """A key of 32 bytes, encrypted and authenticated with the current master key.

        Args:
            key: of a person.
            context: must be given again to unwrap it; not secret.
        """
        ...

    def unwrap(self, master: str, wrapped: bytes, context: bytes) -> bytes:
        """The key again.

        Raises:
            MasterKeyError: there is no master key of that ID, or it did not wrap this.
        """
        ...


# What an adapter of a key service implements: the same three.
KeyService = MasterKeys


def wrap(key: bytes, with_key: bytes, context: bytes) -> bytes:
    """A key, encrypted with another by AES-256-GCM: nonce, ciphertext, tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(with_key).encrypt(nonce, key, context)


def unwrap(wrapped: bytes, with_key: bytes, context: bytes) -> bytes:
    """The key again.

    Raises:
        InvalidTag: it was not wrapped with that key, or for another context.
    """
    return AESGCM(with_key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context)


class _LocalKeys:
    """Keys in this process's memory, the first of which wraps."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = {_id_of(key): key for key in keys}
        self.current = _id_of(keys[0])

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrap(key, self._keys[self.current], context)

    def unwrap(self, master: str, wrapped: bytes, context: bytes) -> bytes:
        key = self._keys.get(master)
        if key is None:
            raise MasterKeyError(
                f"The store was written with the master key {master}, which is not among those given: "
                f"{', '.join(self._keys)}."
            )
        try:
            return unwrap(wrapped, key, context)
        except InvalidTag:
            raise MasterKeyError(f"A key that the master key {master} should have wrapped was changed.") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._keys)})"

    def __reduce__(self) -> Any:
        raise MasterKeyError("Master keys cannot be pickled.")


class FileKeys(_LocalKeys):
    """Master keys from a file, one a line, 32 bytes in base64. The first wraps; the others are for what they wrapped.

    Args:
        path: of the file, which nobody but its owner may read.

    Raises:
        MasterKeyError: it is missing, holds no key, or others may read it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        file = Path(path)
        try:
            mode, text = file.stat().st_mode, file.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "it is not ASCII"
            raise MasterKeyError(f"The file of master keys {file.name} cannot be read: {reason}.") from None
        if stat.S_IMODE(mode) & 0o077:
            raise MasterKeyError(f"The file of master keys {file.name} may be read by others: chmod 600 mends that.")
        super().__init__([_decode(line, file.name) for line in text.split()] or _none(file.name))

    @staticmethod
    def create(path: str | os.PathLike[str]) -> FileKeys:
        """A file with one new key, which must not be there yet.

        Raises:
            MasterKeyError: something is there, or it cannot be written.
        """
        _write(Path(path), [new_master_key()], os.O_EXCL)
        return FileKeys(path)

    @staticmethod
    def add(path: str | os.PathLike[str]) -> FileKeys:
        """Put a new key before those in a file, so that it wraps from now on; what the others wrapped can be rotated.

        Raises:
            MasterKeyError: it cannot be read or written.
        """
        file = Path(path)
        FileKeys(file)
        beside = file.with_name(f"{file.name}.new")
        beside.unlink(missing_ok=True)
        _write(beside, [new_master_key(), *file.read_text("ascii").split()], os.O_EXCL)
        with _written(file):
            beside.replace(file)
            _sync_folder(file)
        return FileKeys(file)


class EnvironmentKey(_LocalKeys):
    """Master keys from an environment variable, in base64, separated by spaces or commas; the first wraps.

    Args:
        name: of the variable.

    Raises:
        MasterKeyError: it is not set, or holds no key.

    Does not protect against: whoever can read the environment of this process, its children included.
    """

    def __init__(self, name: str = "FACEGATE_MASTER_KEY") -> None:
        keys = os.environ.get(name, "").replace(",", " ").split()
        super().__init__([_decode(each, f"${name}") for each in keys] or _none(f"${name}"))


def new_master_key() -> str:
    """32 random bytes in base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _write(file: Path, keys: list[str], flags: int) -> None:
    with _written(file):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | flags, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write("\n".join(keys) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        _sync_folder(file)


@contextlib.contextmanager
def _written(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MasterKeyError(f"The file of master keys {file.name} cannot be written: {error.strerror}.") from None


def _sync_folder(file: Path) -> None:
    # Or a loss of power may take the name, and with it the only copy of a key that has wrapped others already.
    folder = os.open(file.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _none(source: str) -> list[bytes]:
    raise MasterKeyError(f"There is no master key in {source}: `facegate retention new-key FILE` makes one.")


def _decode(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"A master key in {source} is not 32 bytes in base64.")
    return key


def _id_of(key: bytes) -> str:
    """What names a key without telling it."""
    return hashlib.sha256(b"facegate master key\0" + key).hexdigest()[:16]
