"""Find the files of a batch: in which order, under which names, and which are left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from facegate.commands.batch.kinds import HEAD, Kind, is_heif, kind_of

OTHER: Final = "no picture or video that facegate reads"
HEIF: Final = "HEIF or AVIF, which facegate does not read"
HIDDEN: Final = "hidden"
SPECIAL: Final = "no plain file"
OUTSIDE: Final = "link out of the folder"
FOLDER_LINK: Final = "link to a folder"
BROKEN: Final = "link to nothing"


@dataclass(frozen=True, slots=True)
class Item:
    """A file to work on.

    Attributes:
        name: where its result goes, below the output folder, as a path with slashes; also its name in the manifest.
        path: of the file itself, no link.
        kind: what it is.
        size: bytes, when it was found.
    """

    name: str
    path: Path
    kind: Kind
    size: int


@dataclass(slots=True)
class Found:
    """What a walk found, sorted by name.

    Attributes:
        items: to work on.
        skipped: name and reason of what is not.
        failed: name and sentence of what could not be looked at.
    """

    items: list[Item] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def sort(self) -> None:
        """By name, folder by folder."""
        self.items.sort(key=lambda item: item.name.split("/"))
        self.skipped.sort()
        self.failed.sort()


def find(sources: Collection[Path], *, leave_out: Collection[Path] = ()) -> Found:
    """All files of the sources.

    One folder's files keep their paths below it. Where there are several sources, each keeps its own name in front. A
    file that is named is taken whatever its name is; in a folder, what begins with a dot is skipped. A link to a file
    is taken if that lies in the same folder tree; a link to a folder never is.

    Args:
        sources: files and folders that exist.
        leave_out: folders that hold results, and are not looked into.
    """
    found = Found()
    for source in sources:
        if source.is_dir():
            root = Path(os.path.realpath(source))
            closed = {Path(os.path.realpath(each)) for each in leave_out}
            # The name is the real one, as "." and ".." are none.
            _walk(root, "" if len(sources) == 1 else root.name + "/", closed - {root, *root.parents}, found)
        else:
            _take(source.name, Path(os.path.realpath(source)), found)
    found.sort()
    return found


def _walk(root: Path, prefix: str, closed: Collection[Path], found: Found) -> None:
    waiting = [(root, prefix)]
    while waiting:
        folder, before = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError as error:
            found.failed.append((before or ".", f"The folder cannot be read: {error.strerror}."))
            continue
        for entry in listed:
            name = before + entry.name
            if entry.is_symlink():
                _follow(name, Path(entry.path), root, closed, found)
            elif entry.is_dir():
                if Path(entry.path) in closed:
                    continue  # our own results
                if entry.name.startswith("."):
                    found.skipped.append((name + "/", HIDDEN))
                else:
                    waiting.append((Path(entry.path), name + "/"))
            elif entry.name.startswith("."):
                found.skipped.append((name, HIDDEN))
            else:
                _take(name, Path(entry.path), found)


def _follow(name: str, link: Path, root: Path, closed: Collection[Path], found: Found) -> None:
    target = Path(os.path.realpath(link))
    if link.name.startswith("."):
        found.skipped.append((name, HIDDEN))
    elif not target.exists():
        found.skipped.append((name, BROKEN))
    elif target.is_dir():
        found.skipped.append((name, FOLDER_LINK))
    elif not target.is_relative_to(root) or any(target.is_relative_to(each) for each in closed):
        found.skipped.append((name, OUTSIDE))
    else:
        _take(name, target, found)


def _take(name: str, path: Path, found: Found) -> None:
    try:
        # A pipe would wait for somebody to write, so it is opened without waiting and then looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        found.failed.append((name, f"The file cannot be read: {error.strerror}."))
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            found.skipped.append((name, SPECIAL))
            return
        head = os.pread(descriptor, HEAD, 0)
    except OSError as error:
        found.failed.append((name, f"The file cannot be read: {error.strerror}."))
        return
    finally:
        os.close(descriptor)
    kind = kind_of(head, name)
    if kind is None:
        found.skipped.append((name, HEIF if is_heif(head) else OTHER))
    else:
        found.items.append(Item(name, path, kind, status.st_size))
