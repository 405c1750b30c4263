"""What must be true of a store after a process that worked on it was killed, before a sweep and after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from facegate import verify_ledger
from facegate.errors import FacegateError, HeldError, NotKeptError
from facegate.receipt.ledger import acts
from facegate.retention import RetentionStore, rotating, schema
from tests.fault.retention.agreement import consistent, ids_of, rows_of
from tests.fault.retention.place import LEASE, Opened, Place
from tests.fault.retention.scenes import Facts, Scene, content, put

# Well after every lease of the killed one.
_LATER = int(LEASE.total_seconds() * 1000) + 60_000


@dataclass
class Case:
    """One kill, to be judged.

    Attributes:
        place: of the store.
        scene: what was done.
        facts: of what was prepared.
        acknowledged: whether the act returned.
        answer: what it returned.
    """

    place: Place
    scene: Scene
    facts: Facts
    acknowledged: bool
    answer: Any

    @property
    def later(self) -> int:
        return self.scene.at + _LATER

    def problems(self) -> list[str]:
        """All that is wrong; nothing may be."""
        keys = "both" if self.scene.keys == "both" else "old"
        try:
            with Opened(self.place, self.later, keys, hasty=True) as store:
                found = [f"before the sweep: {each}" for each in self._before(store)]
                if self.scene.damaged:
                    store.check(who="judge", repair=True)
                store.sweep(who="judge")
                found += [f"after the sweep: {each}" for each in self._after(store)]
                found += self._on_ledger(store)
            if self.scene.keys == "both":
                with Opened(self.place, self.later, "new", hasty=True) as store:
                    found += [f"with the new master key alone: {each}" for each in self._readable(store)]
        except FacegateError as error:
            return [f"the store cannot be used: {error!r}"]
        return found

    def _before(self, store: RetentionStore) -> list[str]:
        rows = rows_of(store)
        found = self._fates(rows, store)
        found += self._readable(store)
        if self.scene.name.startswith("hold"):
            found += self._hold(store)
        if self.scene.name == "release":
            found += self._release(store)
        return found

    def _fates(self, rows: dict[str, Any], store: RetentionStore) -> list[str]:
        """Whether each asset is where it must be."""
        scene, found = self.scene, []
        kept = {row.label for row in rows.values() if row.state == schema.KEPT and row.due > self.later}
        names = {name for name in self.facts if name != "hold"}
        states = {row.label: row.state for row in rows.values()}
        if lost := [name for name in scene.hidden if states.get(name) != schema.KEPT]:
            found.append(f"a hold kept {lost}, which are not kept")
        may_go = {*scene.goes, *scene.gone, *scene.hidden, *scene.damaged}
        if missing := names - kept - may_go:
            found.append(f"{sorted(missing)} were kept, and are not")
        if there := set(scene.gone) & kept:
            found.append(f"{sorted(there)} were deleted, and are there")
        if self.acknowledged:
            if there := {*scene.goes, *scene.hidden} & kept:
                found.append(f"{sorted(there)} are there after a deletion that was acknowledged")
            if missing := set(scene.comes) - kept:
                found.append(f"{sorted(missing)} are not there after a put that was acknowledged")
            gone = {self.facts[name] for name in scene.goes}
            if left := gone & ids_of(store, schema.asset_keys.c.asset):
                found.append(f"keys of {len(left)} assets are there after a deletion that was acknowledged")
        if strangers := kept - names - set(scene.comes):
            found.append(f"{sorted(strangers)} are kept, though nobody was told so")
        return found

    def _readable(self, store: RetentionStore) -> list[str]:
        """Whether what is kept can be read as it was put, and nothing else can be, nor has a key."""
        found = []
        with_key = ids_of(store, schema.asset_keys.c.asset)
        for row in rows_of(store).values():
            if row.state not in {schema.KEPT, schema.WRITING} and row.id in with_key:
                found.append(f"an asset in state {row.state} has a key")
            if row.state == schema.KEPT and row.label in self.scene.damaged:
                continue
            purpose = row.purpose or "generation"
            try:
                read = store.get(row.id, purpose=purpose, who="judge").read()
            except NotKeptError:
                if row.state == schema.KEPT and row.due > self.later:
                    found.append(f"{row.label} is kept, and cannot be read")
            except FacegateError as error:
                found.append(f"{row.label} in state {row.state}: {error!r}")
            else:
                if row.state != schema.KEPT or row.due <= self.later:
                    found.append(f"{row.label} in state {row.state} can be read")
                elif read != content(row.label, row.bytes):
                    found.append(f"{row.label} is not as it was put")
        return found

    def _hold(self, store: RetentionStore) -> list[str]:
        """Wholly in force, or not at all."""
        placed = [each for each in store.holds() if each.why == "case-4"]
        if self.acknowledged and [each.hold for each in placed] != [self.answer]:
            return ["a hold that was acknowledged is not in force"]
        found = []
        for each in placed:
            if each.assets != self.scene.holds:
                found.append(f"a hold keeps {each.assets} of {self.scene.holds}")
            for asset in ids_of(store, schema.held.c.asset, schema.held.c.hold == each.hold):
                try:
                    store.delete(asset, who="judge", why="try")
                    found.append("what a hold keeps was deleted")
                except HeldError:
                    pass
        return found

    def _release(self, store: RetentionStore) -> list[str]:
        row = rows_of(store)[self.facts["held"]]
        in_force = self.facts["hold"] in [each.hold for each in store.holds()]
        if in_force and self.acknowledged:
            return ["a hold that was released is in force"]
        return [] if row.holds == in_force else [f"{row.holds} holds are counted, {in_force:d} in force"]

    def _after(self, store: RetentionStore) -> list[str]:
        found = []
        if self.scene.name == "sweep" and (
            left := set(self.scene.goes) & {row.label for row in rows_of(store).values()}
        ):
            found.append(f"{sorted(left)} are due, and there")
        if self.scene.keys == "both":
            store.rotate(who="judge")
            if (masters := rotating.masters(store._parts)).keys() != {store._parts.keys.current}:
                found.append(f"not all keys are rotated: {masters}")
        found += self._fates(rows_of(store), store)
        found += consistent(store, self.place)
        found += self._readable(store)
        put(store, "afterwards", "ann", "r9")
        checked = store.check(who="judge")
        if checked.orphans or checked.lost:
            found.append(f"{checked}")
        return found

    def _on_ledger(self, store: RetentionStore) -> list[str]:
        """Whether it verifies and has what counts: puts of what is kept, deletions of what is not, holds, releases."""
        path, found, deleted = self.place.path / "ledger", [], 0
        verify_ledger(path, trusted_key=self.place.signer().public_key_pem(), processes=1)
        put_, words = set(), Counter[tuple[str, str]]()
        for _, act in acts(path):
            words[act.act, act.why] += 1
            if act.act == "put":
                put_.add(act.asset)
            if act.act in {"deleted", "swept", "repaired"} and act.why != "orphans":
                deleted += act.count
        rows = rows_of(store).values()
        if any(row.id not in put_ for row in rows if row.state == schema.KEPT):
            found.append("something is kept of which no put is on the ledger")
        # Nobody was told of what was not finished.
        tombstones = sum(row.state == schema.DELETED and row.why != "unfinished" for row in rows)
        if deleted < tombstones:
            found.append(f"{deleted} deletions are on the ledger, {tombstones} tombstones in the database")
        in_force = {each.hold: each.why for each in store.holds()}
        if "case-4" in in_force.values() and not words["held", "case-4"]:
            found.append("a hold is in force that is not on the ledger")
        if self.facts["hold"] not in in_force and not words["released", "over"]:
            found.append("a hold was released, which is not on the ledger")
        return found
