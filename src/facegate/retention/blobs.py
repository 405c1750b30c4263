"""Where blobs are: a folder, or any store that obstore knows, as S3 and what speaks like it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from facegate.errors import StoreUnavailableError
from facegate.retention.cipher import CHUNK, MAGIC, TAG
from facegate.retention.feeding import feed

if TYPE_CHECKING:
    from obstore.store import ObjectStore

# S3 takes parts of 5 MiB or more. obstore holds a few of them; so much memory a put takes, whatever its length.
PART_BYTES: Final = 8 << 20
_PARTS_AT_ONCE: Final = 3
# Whole chunks, so that none has to be joined; one is worked on and one on its way.
_READ_BYTES: Final = 4 * (CHUNK + TAG)


@dataclass(frozen=True, slots=True)
class Listed:
    """A blob that is there.

    Attributes:
        asset: ID that its name says.
        modified: when it was written.
        size: bytes.
    """

    asset: str
    modified: datetime
    size: int


class Blobs:
    """Blobs by the ID of their asset.

    Args:
        store: an obstore store, a path of a folder, which is made, or a URL as ``s3://bucket/prefix``, for which
            obstore takes credentials and endpoint from the environment.
        store_id: 32 hex digits, which the names begin with: a repair with another store's database finds nothing to
            delete here.

    Raises:
        StoreUnavailableError: there is nothing that can be written to.
    """

    def __init__(self, store: ObjectStore | str | os.PathLike[str], store_id: str) -> None:
        from obstore.store import LocalStore, from_url  # noqa: PLC0415

        with _outside("opened"):
            if isinstance(store, str) and "://" in store:
                self._store = from_url(store)
            elif isinstance(store, (str, os.PathLike)):
                folder = Path(store).absolute()
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._store = LocalStore(folder)
            else:
                self._store = store
        self._store_id = store_id
        prefix = self._store.prefix if isinstance(self._store, LocalStore) else None
        self.folder = None if prefix is None else Path(prefix)

    def put(self, asset: str, pieces: Iterator[bytes]) -> None:
        """Write a blob; on the disk when this returns, or as safe as the service says.

        Raises:
            StoreUnavailableError: it could not be written.
        """
        import obstore  # noqa: PLC0415

        name, first = self._name(asset), list[bytes]()
        for piece in pieces:
            first.append(piece)
            if sum(map(len, first)) > PART_BYTES:
                break
        else:
            # One request to S3 instead of three.
            with _outside("written"):
                obstore.put(self._store, name, b"".join(first), use_multipart=False)
                self._sync(name)
            return

        def write(all_pieces: Iterator[bytes]) -> None:
            with _outside("written"):
                obstore.put(
                    self._store,
                    name,
                    all_pieces,
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
                self._sync(name)

        feed(chain(first, pieces), write)

    def get(self, asset: str, size: int) -> Iterator[memoryview]:
        """The pieces of a blob, aligned with its chunks; the next is fetched while one is worked on.

        Args:
            asset: whose it is.
            size: bytes that it must have.

        Raises:
            FileNotFoundError: there is none, or not as much of it.
            StoreUnavailableError: it cannot be read.
        """
        import obstore  # noqa: PLC0415

        name = self._name(asset)

        def fetch(start: int, end: int) -> memoryview:
            with _outside("read"):
                piece = memoryview(obstore.get_range(self._store, name, start=start, end=end))
            if len(piece) != end - start:
                raise FileNotFoundError
            return piece

        # Its first bytes, the format's, belong to the first piece.
        ends = [*range(len(MAGIC) + _READ_BYTES, size, _READ_BYTES), size]
        with ThreadPoolExecutor(1, "facegate-retention-get") as ahead:
            coming = ahead.submit(fetch, 0, ends[0])
            for start, end in pairwise(ends):
                piece, coming = coming.result(), ahead.submit(fetch, start, end)
                yield piece
            yield coming.result()

    def delete(self, assets: Sequence[str]) -> None:
        """Delete blobs, and what a killed put left of them; those that are not there do no harm.

        Raises:
            StoreUnavailableError: one may still be there.
        """
        import obstore  # noqa: PLC0415

        if not assets:
            return
        with _outside("deleted"):
            if self.folder is None:
                try:
                    # One request for up to 1,000 of them; S3 says nothing of those that are not there.
                    obstore.delete(self._store, [self._name(each) for each in assets])
                except FileNotFoundError:
                    # Others do, and may have left the rest: each by itself.
                    for each in assets:
                        with contextlib.suppress(FileNotFoundError):
                            obstore.delete(self._store, self._name(each))
                return
            for each in assets:
                path = self.folder / self._name(each)
                # obstore writes beside the name, with a number after '#', and renames.
                for leftover in path.parent.glob(f"{path.name}#*") if path.parent.is_dir() else ():
                    leftover.unlink(missing_ok=True)
                path.unlink(missing_ok=True)

    def list(self) -> Iterator[Listed]:
        """All blobs, in no order. What killed puts left in a folder is among them.

        Raises:
            StoreUnavailableError: they cannot be listed.
        """
        if self.folder is not None:
            yield from self._list_folder(self.folder)
            return
        import obstore  # noqa: PLC0415

        stream = iter(obstore.list(self._store, prefix=self._store_id))
        while True:
            with _outside("listed"):
                page = next(stream, None)
            if page is None:
                return
            for each in page:
                yield Listed(_asset(each["path"]), each["last_modified"], each["size"])

    def _list_folder(self, folder: Path) -> Iterator[Listed]:
        for path in (folder / self._store_id).glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                found = path.stat()
                yield Listed(_asset(path.name), datetime.fromtimestamp(found.st_mtime).astimezone(), found.st_size)

    def has(self, asset: str) -> bool:
        """Whether a blob is there.

        Raises:
            StoreUnavailableError: that cannot be told.
        """
        import obstore  # noqa: PLC0415

        try:
            with _outside("found"):
                obstore.head(self._store, self._name(asset))
        except FileNotFoundError:
            return False
        return True

    def _name(self, asset: str) -> str:
        # IDs begin with the time, so their ends spread over folders.
        return f"{self._store_id}/{asset[-2:]}/{asset}"

    def _sync(self, name: str) -> None:
        """Have the disk keep it; the file system alone would lose it when the power fails."""
        if self.folder is None:
            return
        path = self.folder / name
        # Every folder on the way may be new.
        for each in (path, *path.parents[: len(Path(name).parents)]):
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _asset(name: str) -> str:
    return name.rpartition("/")[2].partition("#")[0]


@contextlib.contextmanager
def _outside(act: str) -> Iterator[None]:
    """Turn what obstore and the system raise into one sentence."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except (StoreUnavailableError, FileNotFoundError):
        raise
    except (OSError, BaseError) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n", 1)[0]
        raise StoreUnavailableError(f"A blob could not be {act}: {reason.rstrip('.')}.") from None
