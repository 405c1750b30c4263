"""The right to take along: one ZIP, whole or none, that others can read."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

from facegate import verify_act
from facegate.errors import LedgerError, OutputError, StoreUnavailableError
from facegate.retention import destination, exporting, people, schema
from facegate.retention.blobs import Blobs
from facegate.retention.cipher import CHUNK, seal, sealed_size
from facegate.retention.parts import Parts, new_id
from tests.unit.retention.conftest import PNG, Opened

MP4 = b"\0\0\0\x18ftypmp42" + bytes(100)


def unpacked(path: Path, folder: Path) -> dict[str, bytes]:
    """What Info-ZIP takes out of it, once its checksums and those within are right."""
    if shutil.which("unzip") is None:
        pytest.skip("needs Info-ZIP's unzip (Debian: unzip)")
    for command in (["unzip", "-tqq", path], ["unzip", "-qq", path, "-d", folder]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        assert found.namelist()[-2:] == ["manifest.json", "SHA256SUMS"]
        names = set(found.namelist())
    files = {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    assert set(files) == names
    listed = {line.split("  ")[1] for line in files["SHA256SUMS"].decode().splitlines()}
    assert listed == names - {"SHA256SUMS"}
    return files


def exported(opened: Opened, **said: Any) -> tuple[Any, dict[str, bytes], dict[str, Any]]:
    """An export of a person, what is in it, and its manifest."""
    target = opened.folder / "export.zip"
    done = opened.store.rights.export("person-1", target, who="support", **said)
    assert done.size == target.stat().st_size
    folder = opened.folder / f"unpacked-{len(list(opened.folder.iterdir()))}"
    files = unpacked(target, folder)
    return done, files, json.loads(files["manifest.json"])


def test_all_of_it_is_in_one_zip(opened: Opened) -> None:
    long = PNG[:16] + os.urandom(2 * CHUNK + 17)
    rights = opened.store.rights
    mine = [
        opened.put(long, label='Ünï "code"'),
        opened.put(MP4, kind="output", media_type="video/mp4"),
        opened.put({"status": "done"}, kept_as="operation", kind="log", purpose="safety", media_type=None),
    ]
    held = opened.put(kept_as="draft")
    opened.store.hold("asset", held.asset, who="legal", why="case-7")
    opened.put(person="person-2")
    rights.setting("person-1", "history", timedelta(days=9), who="support")
    rights.object("person-1", "generation", who="support")
    # What nobody else may read is the person's all the same.
    rights.restrict("person-1", who="support")
    opened.clock.pass_(timedelta(days=2))
    before = len(opened.acts())
    done, files, manifest = exported(opened)
    sizes = len(long) + len(MP4) + len(b'{"status":"done"}') + len(PNG)
    assert (done.count, done.bytes, done.missing) == (4, sizes, 0)
    names = [
        f"uploads/{mine[0].asset}.png",
        f"outputs/{mine[1].asset}.mp4",
        f"logs/{mine[2].asset}.json",
        f"uploads/{held.asset}.png",
    ]
    contents = [long, MP4, b'{"status":"done"}', PNG]
    assert [files[each] for each in names] == contents
    told = [each.as_dict() for each in opened.store.kept(person="person-1")]
    assert manifest["kept"] == [
        {**each, "name": name, "sha256": sha256(content).hexdigest()}
        for each, name, content in zip(told, names, contents, strict=True)
    ]
    assert manifest["kept"][0]["label"] == 'Ünï "code"'
    rules = opened.store.rules
    assert manifest["policy"] == {"name": "default", "version": 1, "sha256": rules.digest()}
    assert (manifest["store"], manifest["facegate"]) == (opened.store.id, version("facegate"))
    assert (manifest["generated"], manifest["demand"]) == ("2027-01-17T08:00:00.005Z", done.demand)
    assert manifest["missing"] == []
    summary = rights.access("person-1", who="support").summary()
    assert {name: manifest[name] for name in summary} == summary
    # One act for all, which is no reading of each.
    assert [each.act for each in opened.acts()[before:]] == ["exported", "accessed"]
    act = verify_act(done.receipt)
    assert (act.count, act.bytes, act.demand) == (4, sizes, done.demand)


def test_a_file_is_for_its_owner_alone_and_nothing_is_beside_it(local: Opened) -> None:
    local.put()
    target = local.folder / "out" / "export.zip"
    target.parent.mkdir()
    target.write_bytes(b"of before")
    local.store.rights.export("person-1", str(target), who="support")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target]
    assert zipfile.ZipFile(target).testzip() is None


def test_where_files_need_a_name_from_the_beginning(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    local.put()
    target = local.folder / "out" / "export.zip"
    target.parent.mkdir()
    local.store.rights.export("person-1", target, who="support")
    assert (stat.S_IMODE(target.stat().st_mode), list(target.parent.iterdir())) == (0o600, [target])
    with monkeypatch.context() as broken:
        broken.setattr(Blobs, "get", _down)
        with pytest.raises(StoreUnavailableError):
            local.store.rights.export("person-1", target.with_name("other.zip"), who="support")
    assert list(target.parent.iterdir()) == [target]


def test_somebody_unknown_gets_an_empty_one(local: Opened) -> None:
    done, files, manifest = exported(local)
    assert (done.count, done.bytes, set(files)) == (0, 0, {"manifest.json", "SHA256SUMS"})
    assert (manifest["kept"], manifest["missing"]) == ([], [])


@pytest.mark.parametrize("kind", ["pipe", "raw pipe", "socket", "memory"])
def test_to_a_stream(local: Opened, kind: str) -> None:
    content = PNG[:16] + os.urandom(CHUNK + 1)
    kept = local.put(content)
    if kind == "memory":
        memory = io.BytesIO()
        local.store.rights.export("person-1", memory, who="support")
        whole = memory.getvalue()
    else:
        near, far = socket.socketpair() if kind == "socket" else (None, None)
        ends = (near.detach(), far.detach()) if near and far else tuple(reversed(os.pipe()))
        pieces: list[bytes] = []
        with os.fdopen(ends[1], "rb") as reading:
            reader = threading.Thread(target=lambda: pieces.append(reading.read()))
            reader.start()
            with os.fdopen(ends[0], "wb", buffering=0 if kind == "raw pipe" else -1) as writing:
                done = local.store.rights.export("person-1", writing, who="support")
                assert not writing.closed
            reader.join(20)
        (whole,) = pieces
        assert done.size == len(whole)
    target = local.folder / "received.zip"
    target.write_bytes(whole)
    assert unpacked(target, local.folder / "unpacked")[f"uploads/{kept.asset}.png"] == content


def test_what_nobody_can_read_is_listed_and_spoils_nothing(opened: Opened) -> None:
    begun = PNG[:16] + os.urandom(2 * CHUNK)
    kept = [opened.put(begun if number == 2 else PNG) for number in range(4)]
    over = opened.put(kept_as="draft")
    opened.clock.pass_(timedelta(days=1))
    blobs = opened.store._parts.blobs
    blobs.delete([kept[0].asset])
    opened.execute(delete(schema.asset_keys).where(schema.asset_keys.c.asset == kept[1].asset))
    # Its last piece is changed, so that the first is out before anybody knows.
    blob = b"".join(blobs.get(kept[2].asset, sealed_size(len(begun))))
    blobs.put(kept[2].asset, iter([blob[:-1] + bytes([blob[-1] ^ 1])]))
    done, files, manifest = exported(opened)
    assert (done.count, done.missing, done.bytes) == (1, 4, len(PNG))
    assert set(files) == {f"uploads/{kept[3].asset}.png", "manifest.json", "SHA256SUMS"}
    assert [each["asset"] for each in manifest["kept"]] == [kept[3].asset]
    assert [(each["asset"], each["reason"]) for each in manifest["missing"]] == [
        (kept[0].asset, "The blob of an asset that is kept is gone, or a part of it."),
        (kept[1].asset, "The key of an asset that is kept is gone, so nobody can read it."),
        (kept[2].asset, "A blob was changed or cut off outside of the store, or its key is another's."),
        (over.asset, "Its time is over."),
    ]
    assert verify_act(done.receipt).count == 1
    # Nor does a part of what is broken spoil one that cannot be changed any more.
    stream = io.BytesIO()
    opened.store.rights.export("person-1", stream, who="support")
    (opened.folder / "stream.zip").write_bytes(stream.getvalue())
    assert set(unpacked(opened.folder / "stream.zip", opened.folder / "of-stream")) == set(files)


def test_what_is_deleted_meanwhile_is_said_to_be(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, other = local.put(), local.put()
    get = Blobs.get

    def deleted_first(blobs: Blobs, asset: str, size: int) -> Iterator[memoryview]:
        if asset == kept.asset:
            local.store.delete(asset, who="support", why="asked")
        return get(blobs, asset, size)

    monkeypatch.setattr(Blobs, "get", deleted_first)
    done, files, manifest = exported(local)
    assert (done.count, done.missing) == (1, 1)
    assert f"uploads/{other.asset}.png" in files
    assert manifest["missing"][0]["reason"] == "It was deleted meanwhile."


def test_a_person_without_a_key_gets_the_list(local: Opened) -> None:
    local.put()
    local.execute(delete(schema.person_keys))
    done, _, manifest = exported(local)
    assert (done.count, done.missing, len(manifest["missing"])) == (0, 1, 1)


def _down(*_: Any) -> Any:
    raise StoreUnavailableError("A blob could not be read: no route.")


def test_a_store_that_cannot_be_reached_gives_nothing_out(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    local.put()
    target, stream = local.folder / "export.zip", io.BytesIO()
    before = set(local.folder.iterdir())
    with monkeypatch.context() as broken:
        broken.setattr(Blobs, "get", _down)
        for to in (target, stream):
            with pytest.raises(StoreUnavailableError):
                local.store.rights.export("person-1", to, who="support")
    assert not zipfile.is_zipfile(stream)
    assert set(local.folder.iterdir()) == before
    assert [each.act for each in local.acts()] == ["put"]
    (waits,) = local.store.rights.waiting()
    # The next one answers it.
    assert local.store.rights.export("person-1", target, who="support").demand == waits.demand
    assert local.store.rights.waiting() == []


def test_what_is_not_on_the_ledger_is_not_handed_out(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    local.put()
    target = local.folder / "export.zip"

    def full(*_: Any, **__: Any) -> Any:
        assert target.exists()  # it is done before it is written down
        raise LedgerError("The ledger's disk is full.")

    monkeypatch.setattr(Parts, "record", full)
    before = set(local.folder.iterdir())
    with pytest.raises(LedgerError):
        local.store.rights.export("person-1", target, who="support")
    assert set(local.folder.iterdir()) == before
    assert len(local.store.rights.waiting()) == 1


def test_a_full_disk(local: Opened) -> None:
    local.put(PNG[:16] + os.urandom(3 << 20))
    target = local.folder / "export.zip"
    before = set(local.folder.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OutputError, match=r"^The export could not be written: File too large\.$"):
            local.store.rights.export("person-1", target, who="support")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        with pytest.raises(OutputError, match=r"^The export could not be written: No space left on device\.$"):
            local.store.rights.export("person-1", full, who="support")
    assert set(local.folder.iterdir()) == before
    assert [each.act for each in local.acts()] == ["put"]
    assert [each.wish for each in local.store.rights.waiting()] == ["export"]


def test_a_reader_that_goes_away(local: Opened) -> None:
    local.put(PNG[:16] + os.urandom(1 << 20))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as file:
        with pytest.raises(OutputError, match="Broken pipe"):
            local.store.rights.export("person-1", file, who="support")
    assert len(local.store.rights.waiting()) == 1


def test_what_is_no_place_for_it(local: Opened) -> None:
    closed = io.BytesIO()
    closed.close()
    for to, sentence in (
        (local.folder / "no" / "export.zip", "does not exist"),
        (local.folder, "is no plain file"),
        ("/dev/null", "is no plain file"),
        (io.StringIO(), "to a binary file that is open for writing"),
        (7, "to a binary file that is open for writing"),
        (closed, "the file is closed"),
    ):
        with pytest.raises(OutputError, match=sentence):
            local.store.rights.export("person-1", to, who="support")  # type: ignore[arg-type]
    assert (local.rows(schema.demands), local.acts()) == ([], [])


KILLED = """
import os, signal, sys
from facegate import Ledger, Signer, rules
from facegate.retention import FileKeys, RetentionStore, exporting
folder = sys.argv[1]
ledger = Ledger(f"{folder}/other-ledger", Signer.generate())
store = RetentionStore(rules.shipped(), database=f"sqlite:///{folder}/store.sqlite", blobs=f"{folder}/blobs",
    keys=FileKeys(f"{folder}/master-keys"), ledger=ledger, clock=lambda: 1_800_000_000_010)
class Killed(exporting.Zip):
    def end(self):
        os.kill(os.getpid(), signal.SIGKILL)
exporting.Zip = Killed
store.rights.export("person-1", f"{folder}/out/export.zip", who="support")
"""


def test_killed_it_leaves_no_half_file_and_its_wish_waits(local: Opened) -> None:
    local.put(PNG[:16] + os.urandom(1 << 20))
    out = local.folder / "out"
    out.mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, str(local.folder)], check=False)
    assert done.returncode == -9
    assert list(out.iterdir()) == []
    (waits,) = local.store.rights.waiting()
    assert local.store.rights.export("person-1", out / "export.zip", who="support").demand == waits.demand


def test_the_persons_key_is_asked_for_once(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_PAGE", 3)
    for _ in range(8):
        local.put()
    asked, unwrap = [], people.unwrap_person_key

    def counted(*said: Any) -> bytes:
        asked.append(said)
        return unwrap(*said)

    monkeypatch.setattr(people, "unwrap_person_key", counted)
    assert exported(local)[0].count == 8
    assert len(asked) == 1


def put_many(opened: Opened, number: int) -> None:
    """As so many puts would leave it, in one transaction and without waiting for the disk."""
    parts, blobs = opened.store._parts, opened.store._parts.blobs
    first = opened.row(opened.put().asset)._mapping
    person_key = people.key_of(parts, "person-1").plain
    rows, keys = [], []
    for _ in range(number - 1):
        asset, key = new_id(opened.clock.now), os.urandom(32)
        path = blobs.folder / blobs._name(asset)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(seal([memoryview(PNG)], key, asset.encode())))
        rows.append({**first, "id": asset})
        keys.append({"asset": asset, "wrapped": people.wrap_asset_key(key, person_key, asset)})
    names = {column.name: column.key for column in schema.assets.c}
    with parts.database.writing() as connection:
        connection.execute(insert(schema.assets), [{names[name]: each[name] for name in each} for each in rows])
        connection.execute(insert(schema.asset_keys), keys)


def test_a_thousand(local: Opened) -> None:
    put_many(local, 1000)
    began = time.process_time()
    done = local.store.rights.export("person-1", local.folder / "export.zip", who="support")
    took = time.process_time() - began
    assert (done.count, done.bytes) == (1000, 1000 * len(PNG))
    assert took < 6
    assert len(unpacked(local.folder / "export.zip", local.folder / "unpacked")) == 1002


MEASURED = """
import re, sys
from pathlib import Path
from facegate import Ledger, Signer, rules
from facegate.retention import FileKeys, RetentionStore
folder = sys.argv[1]
ledger = Ledger(f"{folder}/other-ledger", Signer.generate())
store = RetentionStore(rules.shipped(), database=f"sqlite:///{folder}/store.sqlite", blobs=f"{folder}/blobs",
    keys=FileKeys(f"{folder}/master-keys"), ledger=ledger, clock=lambda: 1_800_000_000_010)
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
store.rights.export("small", f"{folder}/small.zip", who="support")
before = peak()
store.rights.export("large", f"{folder}/large.zip", who="support")
print(peak() - before)
"""


def test_memory_does_not_grow_with_what_is_exported(local: Opened) -> None:
    size = 300 if os.environ.get("FACEGATE_RETENTION") == "full" else 100
    piece = os.urandom(1 << 20)
    for _ in range(3):
        local.put((PNG[:8] + piece for _ in range(size // 3)), person="large")
    # Long enough for all that is fetched and decrypted at once.
    local.put((PNG[:8] + piece for _ in range(16)), person="small")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(local.folder)], capture_output=True, text=True, check=True
    )
    assert (local.folder / "large.zip").stat().st_size > (size // 3 * 3) << 20
    # What an allocator keeps; a whole asset would be twice as much.
    assert int(done.stdout) < 16, f"{done.stdout} MiB"


def test_notes_are_not_kept_as_text() -> None:
    noted = exporting.Spool()
    lines = [b'{"class": "history", "number": %d}\n' % number for number in range(20_000)]
    for each in lines:
        noted.add(each)
    assert noted.bytes == sum(map(len, lines))
    assert len(noted._held) < noted.bytes / 4
    assert b"".join(noted) == b"".join(lines)


def test_a_pipe_without_a_buffer_that_takes_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=0) as file:
        out = destination.ToStream(file)
        with pytest.raises(OutputError, match="takes nothing now"):
            for _ in range(1000):
                out.write(bytes(65536))
