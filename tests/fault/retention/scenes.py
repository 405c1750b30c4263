"""What is prepared, and what is done to it and killed: each scene says what becomes of every asset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from facegate.retention import RetentionStore

T0 = 1_900_000_000_000
HOUR = 3_600_000
LARGE = 2_500_000  # bytes: three pieces of a sealed blob
SMALL = 2_000
_PNG = b"\x89PNG\r\n\x1a\n"
Facts = dict[str, str]


def content(name: str, size: int) -> bytes:
    """What the asset of a name holds."""
    return (_PNG + hashlib.shake_256(name.encode()).digest(size))[:size]


def put(
    store: RetentionStore, name: str, person: str, request: str, kept_as: str = "history", size: int = SMALL
) -> str:
    """Put the asset of a name; its ID. The name is its label, by which whoever judges knows what it should hold."""
    purpose = "safety" if kept_as == "safety" else "generation"
    whole = content(name, size)
    pieces = [whole[start : start + 1_000_000] for start in range(0, size, 1_000_000)]
    return store.put(
        iter(pieces),
        person=person,
        request=request,
        kept_as=kept_as,
        kind="upload",
        purpose=purpose,
        media_type="image/png",
        label=name,
        who="worker",
    ).asset


def prepare(store: RetentionStore) -> Facts:
    """Four people: one of many assets, one of one, one that nothing happens to, one under a hold without an asset."""
    facts = {"other": put(store, "other", "bob", "rb")}
    for name, request in (("a1", "r1"), ("a2", "r1"), ("a3", "r2"), ("held", "r1")):
        facts[name] = put(store, name, "ann", request)
    facts["lawful"] = put(store, "lawful", "ann", "r2", "safety")
    facts["only"] = put(store, "only", "cleo", "rc")
    facts["hold"] = store.hold("asset", facts["held"], who="legal", why="case-1").hold
    store.hold("person", "dora", who="legal", why="case-2")
    return facts


def prepare_due(store: RetentionStore) -> Facts:
    """That, and what is due a day later, what a hold keeps of it, what is to be half deleted, and a wish to delete."""
    facts = prepare(store)
    for name in ("due1", "due2", "due3", "dueheld"):
        facts[name] = put(store, name, "eve", "re", "draft")
    store.hold("asset", facts["dueheld"], who="legal", why="case-3")
    facts["half1"] = put(store, "half1", "gus", "rg")
    facts["half2"] = put(store, "half2", "hal", "rh")
    store.rights.receive("delete", "gus")
    return facts


def prepare_damaged(store: RetentionStore) -> Facts:
    """An asset without its blob, and a blob without its asset."""
    facts = prepare(store)
    blobs = store._parts.blobs
    blobs.delete([facts["a2"]])
    blobs.put(f"{T0:012x}{'5a' * 10}", iter([b"FGK1" + bytes(100)]))
    return facts


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One act that is killed.

    Attributes:
        name: of it.
        act: what is done; what it returns is acknowledged.
        prepare: what is there before.
        remains: scenes that were killed before, each with the name of the step.
        hours: after `T0` at which it is done.
        goes: names of the assets that it deletes.
        comes: what it puts.
        hidden: what nobody may read any more afterwards, though a hold keeps it.
        gone: what those before have deleted, or never finished to put.
        damaged: what cannot be read before, and is given up.
        refused: the act raises by itself; then it is acknowledged that nothing was kept.
        keys: it is done with.
        holds: number of assets of the hold that it places.
    """

    name: str
    act: Callable[[RetentionStore, Facts], Any]
    prepare: Callable[[RetentionStore], Facts] = prepare
    remains: tuple[tuple[str, str], ...] = ()
    hours: int = 1
    goes: tuple[str, ...] = ()
    comes: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    refused: bool = False
    keys: str = "old"
    holds: int | None = None

    @property
    def at(self) -> int:
        """The time of the act, milliseconds since 1970."""
        return T0 + self.hours * HOUR


class TornUploadError(Exception):
    """The caller's own: its upload ended early."""


def _torn() -> Iterator[bytes]:
    yield content("torn", LARGE)[:1_200_000]
    raise TornUploadError


def _refused(store: RetentionStore, person: str) -> None:
    named = {"kept_as": "history", "kind": "upload", "purpose": "generation", "media_type": "image/png"}
    try:
        store.put(_torn(), person=person, request="rt", label="torn", who="worker", **named)
    except TornUploadError:
        return
    raise AssertionError("A torn upload was kept.")


def _wish(store: RetentionStore, _: Facts) -> None:
    store.rights.delete("ann", who="service")


_ANN = ("a1", "a2", "a3")
_REMAINS = (
    ("put, a new person's", "piece 2"),
    ("put, under a hold", "before write"),
    ("delete half1", "after COMMIT"),
    ("delete half2", "after unlink"),
)
# Steps that S3 has instead: a small blob goes in one request.
ON_S3 = {"piece 2": "after obstore.put", "after unlink": "after obstore.delete"}
_ALL = (
    Scene(name="put, a new person's", act=lambda store, _: put(store, "new", "zoe", "rz", size=LARGE), comes=("new",)),
    Scene(name="put, a known person's", act=lambda store, _: put(store, "more", "ann", "r3"), comes=("more",)),
    Scene(name="put, under a hold", act=lambda store, _: put(store, "dora1", "dora", "rd"), comes=("dora1",)),
    Scene(name="put, torn", act=lambda store, _: _refused(store, "tom"), refused=True),
    Scene(name="put, torn, under a hold", act=lambda store, _: _refused(store, "dora"), refused=True),
    Scene(
        name="delete, one of many",
        act=lambda store, facts: store.delete(facts["a1"], who="worker", why="asked").count,
        goes=("a1",),
    ),
    Scene(
        name="delete, the last",
        act=lambda store, facts: store.delete(facts["only"], who="worker", why="asked").count,
        goes=("only",),
    ),
    Scene(
        name="delete a request",
        act=lambda store, _: store.delete_request("r1", who="worker", why="asked").count,
        goes=("a1", "a2"),
    ),
    Scene(
        name="delete a person",
        act=lambda store, _: store.delete_person("ann", who="worker", why="too-young").count,
        goes=(*_ANN, "lawful"),
        hidden=("held",),
    ),
    Scene(name="delete as a person wishes", act=_wish, goes=_ANN, hidden=("held",)),
    Scene(name="hold an asset", act=lambda store, facts: _hold(store, "asset", facts["a1"]), holds=1),
    Scene(name="hold a request", act=lambda store, _: _hold(store, "request", "r1"), holds=3),
    Scene(name="hold a person", act=lambda store, _: _hold(store, "person", "ann"), holds=5),
    Scene(name="release", act=lambda store, facts: store.release(facts["hold"], who="legal", why="over")),
    Scene(name="rotate", act=lambda store, _: store.rotate(who="admin"), keys="both"),
    Scene(
        name="check and repair",
        act=lambda store, _: store.check(who="admin", repair=True).orphans,
        prepare=prepare_damaged,
        damaged=("a2",),
    ),
    Scene(
        name="sweep",
        act=lambda store, _: store.sweep(who="cron").count,
        prepare=prepare_due,
        remains=_REMAINS,
        hours=25,
        goes=("due1", "due2", "due3"),
        hidden=("dueheld",),
        gone=("half1", "half2"),
    ),
    # Only to be killed before a sweep.
    Scene(name="delete half1", act=lambda store, facts: store.delete(facts["half1"], who="worker", why="asked").count),
    Scene(name="delete half2", act=lambda store, facts: store.delete(facts["half2"], who="worker", why="asked").count),
)


def _hold(store: RetentionStore, target: Any, value: str) -> str:
    return store.hold(target, value, who="legal", why="case-4").hold


SCENES = {each.name: each for each in _ALL}
MATRIX = tuple(name for name in SCENES if not name.startswith("delete half"))
