"""``facegate retention``, as a person would run it: a whole life of what is kept, and every answer that is no."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from facegate.cli import main
from facegate.commands.retention.contents import SUFFIXES
from facegate.commands.retention.wishes import WISHES
from facegate.receipt import verify_act
from facegate.retention import FileKeys, demands, media_types
from facegate.retention.keys import new_master_key

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
ID = re.compile(r"[0-9a-f]{32}")


class Desk:
    """Somebody at the command line, in a folder with a picture and a log."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        (folder / "photo.png").write_bytes(PNG)
        (folder / "log.json").write_text('{"status": "done", "ms": 12}')

    def run(self, *arguments: object, code: int = 0, **environment: str) -> Result:
        """A command, which ends with that code, in one sentence if that is not 0."""
        given = ["retention", *map(str, arguments)]
        done = CliRunner().invoke(
            main, given, env={"FACEGATE_RETENTION_FOLDER": str(self.store), "COLUMNS": "160", **environment}
        )
        assert done.exit_code == code, (arguments, done.output, done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        if code == 2:
            assert done.stdout == ""
            assert done.stderr.count("\n") == 1, done.stderr
        return done

    def json(self, *arguments: object, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def put(self, file: str = "photo.png", **changes: str) -> str:
        said = {"person": "zebra", "request": "ibex-1", "class": "history", "kind": "upload", "purpose": "generation"}
        options = [word for name, value in {**said, **changes}.items() for word in (f"--{name}", value)]
        asset = self.run("put", self.folder / file, *options).stdout.strip()
        assert ID.fullmatch(asset)
        return asset

    def log(self) -> list[str]:
        """What is on the ledger, a word each."""
        return [json.loads(line)["act"] for line in self.run("log", "--json").stdout.splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    found.run("init")
    return found


def test_a_whole_life(desk: Desk) -> None:
    asset = desk.put(label="My [red]photo[/red]")
    desk.put("log.json", **{"class": "operation", "kind": "log", "purpose": "safety"})
    listed = desk.run("list", "--person", "zebra").stdout
    assert asset in listed
    assert "My [red]photo[/red]" in listed, "what the person calls it is no markup"
    assert [json.loads(line)["class"] for line in desk.run("list", "--request", "ibex-1", "--json").stdout.splitlines()]
    desk.run("get", asset, "--purpose", "generation", "--out", desk.folder / "copy.png")
    assert (desk.folder / "copy.png").read_bytes() == PNG
    assert desk.run("get", asset, "--purpose", "safety", "--out", "-").stdout_bytes == PNG

    hold = desk.run("hold", "request", "ibex-1", "--why", "case-17").stdout.strip()
    assert hold in desk.run("holds").stdout
    assert desk.run("delete", "--asset", asset, "--why", "wish", code=1).stderr == "facegate: A legal hold keeps it.\n"
    receipt = desk.folder / "deleted.json"
    refused = desk.run("forget", "zebra", "--receipt", receipt, code=1)
    assert refused.stdout == "deleted: 0 assets, 0 bytes; a legal hold keeps 2 assets\n"
    assert verify_act(receipt.read_bytes()).kept == 2
    assert desk.run("wishes").stdout.count("delete") == 1
    assert desk.run("release", hold, "--why", "over").stdout == "released: 2 assets\n"
    swept = desk.json("sweep")
    assert (swept["expired"], swept["answered"]) == (2, 1)
    assert "delete" not in desk.run("wishes").stdout

    asset = desk.put()
    exported = desk.run("export", "zebra", "--out", desk.folder / "zebra.zip").stdout
    assert exported.startswith("exported: 1 asset, 2.0 KiB, to ")
    with zipfile.ZipFile(desk.folder / "zebra.zip") as file:
        assert [file.read(name) for name in file.namelist() if asset in name] == [PNG]
    done = desk.run("forget", "zebra", "--receipt", receipt)
    assert done.stdout == "deleted: 1 asset, 2.0 KiB\n"
    assert "intact; deleted: 1 asset" in CliRunner().invoke(main, ["verify", str(receipt)]).output
    desk.run("get", asset, "--purpose", "generation", "--out", "-", code=1)
    assert desk.log() == [
        *("put", "put", "read", "read", "held", "deleted", "released", "swept", "deleted", "put", "exported", "deleted")
    ]
    assert CliRunner().invoke(main, ["verify", str(desk.store / "ledger")]).exit_code == 0


def test_init_says_where_everything_is_and_makes_nothing_twice(desk: Desk) -> None:
    said = desk.run("init").stdout
    kept = {
        file.name: file.read_bytes() for file in desk.store.iterdir() if file.suffix == ".pem" or "key" in file.name
    }
    assert set(kept) == {"ledger-key.pem", "master-keys"}
    for name in ("store.sqlite", "blobs", "master-keys", "ledger", "ledger-key.pem"):
        assert str(desk.store / name) in said
        mode = stat.S_IMODE((desk.store / name).stat().st_mode)
        assert not mode & 0o077, f"{name} may be read by others"
    assert "who loses them loses all that is kept" in said
    assert desk.run("init").stdout == said
    assert {name: (desk.store / name).read_bytes() for name in kept} == kept


def test_init_makes_no_key_for_what_another_has_wrapped_or_signed(desk: Desk) -> None:
    desk.put()
    for name, sentence in (("master-keys", "cannot be read"), ("ledger-key.pem", "No such file")):
        (desk.store / name).rename(desk.folder / name)
        assert sentence in desk.run("init", code=2).stderr
        assert not (desk.store / name).exists()
        (desk.folder / name).rename(desk.store / name)
    desk.run("init")
    (desk.store / "ledger-key.pem").unlink()
    (desk.store / "store.sqlite").unlink()
    assert "its key is not" in desk.run("init", code=2).stderr


def test_init_leaves_tables_of_something_else_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE mine (x)")
    desk = Desk(tmp_path)
    assert "tables of something else" in desk.run("--database", f"sqlite:///{file}", "init", code=2).stderr
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_a_wrong_word_makes_no_store(desk: Desk, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert "There is no store here" in desk.run("--folder", nowhere, "list", "--person", "x", code=2).stderr
    assert not nowhere.exists()
    other = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    assert "no store in the database" in desk.run("--database", other, "sweep", code=2).stderr
    for words in (["sweep"], ["--database", other, "--blobs", "b", "sweep"]):
        said = desk.run(*words, code=2, FACEGATE_RETENTION_FOLDER="").stderr
        assert "--folder DIR" in said


def test_each_part_may_be_elsewhere(tmp_path: Path) -> None:
    desk, key = Desk(tmp_path), tmp_path / "keys"
    desk.run("new-key", key)
    assert "cannot be written: File exists" in desk.run("new-key", key, code=2).stderr
    where = {
        "database": f"sqlite:///{tmp_path / 'a.sqlite'}",
        "blobs": str(tmp_path / "b"),
        "master-keys": str(key),
        "ledger": str(tmp_path / "c"),
        "ledger-key": str(tmp_path / "d.pem"),
    }
    options = [word for name, value in where.items() for word in (f"--{name}", value)]
    variables = {f"FACEGATE_RETENTION_{name.upper().replace('-', '_')}": value for name, value in where.items()}
    variables["FACEGATE_RETENTION_FOLDER"] = ""
    desk.run(*options, "init", FACEGATE_RETENTION_FOLDER="")
    desk.run("put", tmp_path / "photo.png", *WORDS, **variables)
    said = desk.run("--who", "desk-2", "--policy", "explicit-consent", "list", "--person", "zebra", **variables).stdout
    assert "history" in said
    assert not desk.store.exists()
    assert {file.name for file in tmp_path.iterdir()} >= {"a.sqlite", "b", "c", "d.pem", "keys"}


def test_where_the_store_is_may_be_said_after_the_command_and_wins_there(desk: Desk, tmp_path: Path) -> None:
    asset = desk.put()
    words = ["list", "--person", "zebra", "--folder", desk.store, "--who", "night-desk"]
    assert asset in desk.run("--folder", tmp_path / "nowhere", *words).stdout
    desk.run("sweep", "--folder", tmp_path / "nowhere", code=2)
    assert "--folder" not in desk.run("sweep", "--help").stdout


WORDS = [
    *("--person", "zebra", "--request", "ibex-1", "--class", "history"),
    *("--kind", "upload", "--purpose", "generation"),
]


def test_master_keys_may_be_in_the_environment(tmp_path: Path) -> None:
    desk, key = Desk(tmp_path), new_master_key()
    assert "the environment" in desk.run("init", FACEGATE_MASTER_KEY=key).stdout
    assert not (desk.store / "master-keys").exists()
    asset = desk.run("put", tmp_path / "photo.png", *WORDS, FACEGATE_MASTER_KEY=key).stdout.strip()
    desk.run("get", asset, "--purpose", "safety", "--out", "-", FACEGATE_MASTER_KEY=key)
    said = desk.run("list", "--person", "zebra", code=2, FACEGATE_MASTER_KEY=new_master_key()).stderr
    assert "was written with the master key" in said
    assert "in the environment" in desk.run("rotate-key", code=2, FACEGATE_MASTER_KEY=key).stderr
    both = f"{new_master_key()},{key}"
    assert "wrapped anew: 1 person" in desk.run("rotate-key", "--no-new-key", FACEGATE_MASTER_KEY=both).stdout


def test_rotation_makes_a_new_key_and_the_old_one_may_go(desk: Desk) -> None:
    asset, file = desk.put(), desk.store / "master-keys"
    old = FileKeys(file).current
    said = desk.run("rotate-key").stdout
    new = FileKeys(file).current
    assert old != new
    assert f"master key {new} wraps what is new; wrapped anew: 1 person" in said
    assert desk.json("report")["masterKeys"] == {new: 1}
    file.write_text(file.read_text().split()[0])
    desk.run("get", asset, "--purpose", "generation", "--out", "-")


def test_another_master_key_is_refused_before_anything_is_done(desk: Desk) -> None:
    desk.put()
    file = desk.store / "master-keys"
    file.rename(desk.folder / "away")
    FileKeys.create(file)
    for words in (["rotate-key"], ["sweep"], ["list", "--person", "zebra"]):
        assert "was written with the master key" in desk.run(*words, code=2).stderr
    assert len(file.read_text().split()) == 1, "no key was added"


def test_check_says_no_with_1_until_it_is_repaired(desk: Desk) -> None:
    asset = desk.put()
    assert desk.run("check").stdout == "looked at: 1 asset; 0 blobs of nothing, 0 assets lost\n"
    (blob,) = (file for file in desk.store.glob("blobs/*/*/*") if file.name == asset)
    orphan = blob.parents[1] / "00" / ("0" * 32)
    orphan.parent.mkdir(exist_ok=True)
    blob.rename(orphan)
    assert desk.run("check", code=1).stdout == "looked at: 1 asset; 1 blob of nothing, 1 asset lost\n"
    assert "is gone" in desk.run("get", asset, "--purpose", "safety", "--out", "-", code=2).stderr
    assert desk.json("check", "--repair")["repaired"] is True
    assert desk.run("check").stdout == "looked at: 0 assets; 0 blobs of nothing, 0 assets lost\n"


def test_what_is_read_is_written_whole_or_not_at_all(desk: Desk, tmp_path: Path) -> None:
    asset = desk.put()
    out = tmp_path / "out" / "copy.png"
    out.parent.mkdir()
    out.write_bytes(b"before")
    (blob,) = (file for file in desk.store.glob("blobs/*/*/*") if file.name == asset)
    sealed = blob.read_bytes()
    blob.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    desk.run("get", asset, "--purpose", "generation", "--out", out, code=2)
    assert out.read_bytes() == b"before"
    blob.write_bytes(sealed)
    desk.run("get", asset, "--purpose", "generation", "--out", out)
    assert out.read_bytes() == PNG
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [file.name for file in out.parent.iterdir()] == ["copy.png"]


def test_what_can_have_no_receipt_is_not_done(desk: Desk) -> None:
    asset, nowhere = desk.put(), desk.folder / "no" / "receipt.json"
    for words in (["delete", "--asset", asset, "--why", "x"], ["forget", "zebra"]):
        assert "does not exist" in desk.run(*words, "--receipt", nowhere, code=2).stderr
    assert asset in desk.run("list", "--person", "zebra").stdout
    assert desk.log() == ["put"]


def test_the_rights(desk: Desk) -> None:
    asset = desk.put()
    kept = desk.put(**{"class": "legal", "purpose": "terms"})
    receipt = desk.folder / "receipt.json"
    wish = desk.run("wish", "access", "zebra").stdout.strip()
    found = desk.json("access", "zebra", "--wish", wish, "--receipt", receipt)
    assert [each["asset"] for each in found["kept"]] == [asset, kept]
    act = verify_act(receipt.read_bytes())
    assert (act.act, act.demand, act.count) == ("accessed", wish, 2)
    said = desk.run("access", "zebra").stdout
    assert "kept: 2 assets, 4.0 KiB" in said
    assert "legal is kept for 365 days: What the law asks for to be kept." in said
    desk.run("access", "zebra", "--wish", wish, code=1)

    desk.run("correct", "zebra", "--asset", asset, "--label", "Mine")
    assert "Mine" in desk.run("list", "--person", "zebra").stdout
    desk.run("correct", "zebra", "--no-label")
    assert "Mine" not in desk.run("list", "--person", "zebra").stdout

    said = desk.run("setting", "zebra", "--class", "history", "--for", "7 days").stdout
    assert said == "history is kept for 7 days; sooner over now: 1 asset\n"
    longer = desk.run("setting", "zebra", "--class", "history", "--for", "52 weeks").stdout
    assert longer.startswith("history is kept for 180 days, as long as the policy keeps it;")
    assert "kept for 180 days" in desk.run("setting", "zebra", "--class", "history", "--for", "none").stdout
    assert "not the person's" in desk.run("setting", "zebra", "--class", "legal", "--for", "7 days", code=1).stderr

    assert desk.run("restrict", "zebra").stdout == "restricted: 2 assets\n"
    desk.run("get", asset, "--purpose", "generation", "--out", "-", code=1)
    assert desk.run("unrestrict", "zebra").stdout == "may be read again: 2 assets\n"
    desk.run("object", "zebra", "--purpose", "safety")
    desk.run("get", asset, "--purpose", "safety", "--out", "-", code=1)
    desk.run("consent-again", "zebra", "--purpose", "safety")
    desk.run("get", asset, "--purpose", "safety", "--out", "-")

    assert desk.run("withdraw", "zebra", "--purpose", "generation").stdout == "deleted: 1 asset, 2.0 KiB\n"
    assert re.fullmatch(
        r"deleted: 0 assets, 0 bytes; the policy keeps 1 asset until \d{4}-\d\d-\d\d\n",
        desk.run("forget", "zebra").stdout,
    )
    assert desk.json("delete", "--person", "zebra", "--why", "too-young")["count"] == 1


def test_a_wish_that_is_overdue_is_told_with_1(desk: Desk) -> None:
    assert tuple(WISHES) == tuple(demands.WISHES)
    desk.run("wish", "export", "okapi", "--received", "2026-01-02")
    number = desk.run("wish", "delete", "zebra").stdout.strip()
    said = [json.loads(line) for line in desk.run("wishes", "--json", code=1).stdout.splitlines()]
    assert [(each["wish"], each["person"], each["overdue"]) for each in said] == [
        ("export", "okapi", True),
        ("delete", "zebra", False),
    ]
    assert number in desk.run("wishes", "--person", "zebra").stdout
    desk.run("export", "okapi", "--out", desk.folder / "okapi.zip")
    desk.run("wishes")


def test_report_in_all_three_ways(desk: Desk) -> None:
    asset = desk.put(label="Tapir")
    page = desk.folder / "report.html"
    assert desk.run("report", "--html", page).stdout == f"the report is in {page}\n"
    text, table = page.read_text(encoding="utf-8"), desk.run("report").stdout
    found = desk.run("report", "--json").stdout
    assert json.loads(found)["kept"] == {"count": 1, "bytes": len(PNG)}
    assert "kept: 1 asset, 2.0 KiB" in table.splitlines()
    for value in (asset, "zebra", "ibex", "Tapir"):
        assert value not in text + table + found
    assert desk.log() == ["put"], "a report is about nobody"


def test_the_log_is_verified(desk: Desk) -> None:
    for _ in range(3):
        desk.put()
    assert len(desk.run("log", "--last", "2").stdout.splitlines()) == 2
    assert "zebra" not in desk.run("log").stdout
    ledger = desk.store / "ledger"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole.replace(b'"act"', b'"acT"', 1))
    assert "Entry" in desk.run("log", code=1).stderr
    ledger.write_bytes(whole)
    other = desk.folder / "other.pem"
    from facegate import Signer

    other.write_bytes(Signer.generate().public_key_pem())
    assert "another key than the trusted one" in desk.run("log", "--key", other, code=1).stderr


def test_a_policy_that_wants_consent(desk: Desk) -> None:
    words = ["--policy", "explicit-consent", "put", desk.folder / "photo.png", "--person", "zebra", "--request", "x"]
    words += ["--class", "improvement", "--kind", "output", "--purpose", "improvement"]
    assert "wants consent" in desk.run(*words, code=1).stderr
    desk.run(*words, "--consent")


def test_types_are_guessed_by_name_and_are_all_that_may_be_kept(desk: Desk) -> None:
    assert set(SUFFIXES.values()) == set(media_types.MEDIA_TYPES)
    (desk.folder / "photo").write_bytes(PNG)
    asset = desk.put("photo", **{"media-type": "image/png"})
    assert json.loads(desk.run("list", "--person", "zebra", "--json").stdout)["asset"] == asset


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["put", "{folder}/photo.xyz", *WORDS], "--media-type"),
        (["put", "{folder}/photo.png", *WORDS, "--media-type", "text/html"], "media type must be one of"),
        (["put", "{folder}/photo.png", *WORDS, "--media-type", "image/jpeg"], "does not begin as"),
        (["put", "{folder}/photo.png", *WORDS, "--class", "forever"], "classes are"),
        (["put", "{folder}/photo.png", *WORDS, "--kind", "face"], "Invalid value for '--kind'"),
        (["put", "{folder}/photo.png", *WORDS, "--kind", "log"], "no JSON"),
        (["put", "{folder}/none.png", *WORDS], "does not exist"),
        (["put", "{folder}/photo.png", *WORDS, "--person", "a\nb"], "person must be a text"),
        (["list"], "--person NAME or --request ID"),
        (["list", "--person", "a", "--request", "b"], "--person NAME or --request ID"),
        (["delete", "--why", "x"], "Delete one of"),
        (["delete", "--person", "zebra", "--why", "Because of him"], "why must be a name"),
        (["delete", "--person", "zebra", "--why", "x", "--receipt", "{folder}/no/r.json"], "does not exist"),
        (["get", "0", "--purpose", "safety", "--out", "{folder}/no/x.png"], "does not exist"),
        (["hold", "face", "x", "--why", "y"], "Invalid value"),
        (["setting", "zebra", "--class", "history", "--for", "soon"], "takes a duration"),
        (["setting", "zebra", "--class", "forever", "--for", "7 days"], "."),
        (["correct", "zebra"], "one of --label"),
        (["correct", "zebra", "--label", "x", "--no-label"], "one of --label"),
        (["object", "zebra", "--purpose", "fun"], "purpose"),
        (["wish", "dance", "zebra"], "Invalid value"),
        (["wish", "access", "zebra", "--received", "2999-01-01"], "future"),
        (["wish", "access", "zebra", "--received", "monday"], "Invalid value"),
        (["report", "--html", "{folder}/no/r.html"], "does not exist"),
        (["export", "zebra", "--out", "{folder}/no/r.zip"], "does not exist"),
        (["log", "--last", "0"], "Invalid value"),
        (["--policy", "{folder}/none.toml", "sweep"], "No such file"),
        (["--policy", "{folder}/photo.png", "sweep"], "no TOML"),
        (["--database", "nonsense", "sweep"], "none that SQLAlchemy reads"),
        (["--database", "mysql://x/y", "sweep"], "SQLite or PostgreSQL"),
        (["--ledger-key", "{folder}/photo.png", "sweep"], "signing key"),
        (["--ledger", "{folder}/none", "sweep"], "There is no store here"),
        (["dance"], "No such command"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(str(each).split("/")[-1] for each in value)[:60],
)
def test_bad_input_is_2_with_one_sentence(made: Desk, words: list[str], sentence: str) -> None:
    assert sentence in made.run(*(each.format(folder=made.folder) for each in words), code=2).stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A store with one thing in it, which no test changes."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.run("init")
    desk.put()
    (desk.folder / "photo.xyz").write_bytes(PNG)
    return desk


@pytest.mark.parametrize(
    "words",
    [
        ["get", "0" * 32, "--purpose", "safety", "--out", "-"],
        ["delete", "--asset", "0" * 32, "--why", "x"],
        ["hold", "asset", "0" * 32, "--why", "x"],
        ["release", "0" * 32, "--why", "x"],
        ["export", "zebra", "--out", "{folder}/x.zip", "--wish", "0" * 32],
        ["put", "{folder}/photo.png", *WORDS, "--purpose", "improvement"],
    ],
    ids=lambda words: words[0],
)
def test_an_answer_that_is_no_is_1_with_one_sentence(made: Desk, words: list[str]) -> None:
    done = made.run(*(each.format(folder=made.folder) for each in words), code=1)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert done.stderr.startswith("facegate: ")


_BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"sqlalchemy", "alembic", "obstore"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
from facegate.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("words", [["sweep"], ["new-key", "k"], ["report"], ["log"]], ids=lambda words: words[0])
def test_without_the_extra_it_says_how_to_have_it(tmp_path: Path, words: list[str]) -> None:
    command = [sys.executable, "-c", _BLOCKED, "retention", "--folder", "s", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    if words == ["log"]:
        assert "There is no ledger" in done.stderr, "a ledger can be read without"
    else:
        assert done.stderr == "facegate: facegate retention needs: pip install 'facegate[retention]'\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_without_the_driver_it_says_how_to_have_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    said = desk.run("--database", "postgresql+psycopg://nobody@127.0.0.1:1/x", "sweep", code=2).stderr
    assert "pip install 'facegate[postgresql]'" in said


def test_a_password_in_the_url_is_not_printed() -> None:
    from facegate.commands.retention.beginning import _without_password

    assert "secret" not in _without_password("postgresql+psycopg://me:secret@host/name")


def test_who_it_was_is_on_the_ledger(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    desk.put()
    desk.run("--who", "night-desk", "sweep")
    desk.run("--who", "night-desk", "delete", "--request", "ibex-1", "--why", "terms")
    said = [json.loads(line)["who"] for line in desk.run("log", "--json").stdout.splitlines()]
    assert said == [getpass.getuser(), "night-desk"]
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    assert "--who NAME" in desk.run("sweep", code=2).stderr
