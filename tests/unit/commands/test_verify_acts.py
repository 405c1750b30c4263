"""``facegate verify`` on the receipt of an act, and on a ledger that has acts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from facegate.cli import main
from facegate.receipt import ActReceipt, Signer, sign_act
from facegate.receipt.ledger import Ledger
from tests.acts import ASSET, DEMAND, STORE, act

SIGNER = Signer.generate()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["verify", *(str(each) for each in arguments)])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(SIGNER.public_key_pem())
    return path


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    path = tmp_path / "deletion.json"
    path.write_text(ActReceipt.of(act(), SIGNER).text)
    return path


def test_it_says_in_one_sentence_what_was_done(receipt: Path, key: Path) -> None:
    shown = run(receipt, "--key", key)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.output == (
        "intact; deleted: 3 assets of 123456 bytes, 1 kept, at 2026-03-04T05:06:07.891Z, by service:retention, for "
        f"erasure-request, in store {STORE}, asset {ASSET}, demand {DEMAND}, request req-7f3a; signed by "
        f"{SIGNER.key_id}, the key that you named\n"
    )
    plain = run(receipt)
    assert (plain.exit_code, plain.output.count("\n")) == (0, 1)
    assert plain.output.endswith("a key that was not pinned: anybody may have made it\n")
    receipt.write_text(ActReceipt.of(act(asset=None, demand=None, request=None, count=1), SIGNER).text)
    short = run(receipt).output
    assert "1 asset of" in short
    assert f"in store {STORE}; signed by" in short


def test_json(receipt: Path, key: Path) -> None:
    found = json.loads(run(receipt, "--key", key, "--json").stdout)
    assert found == {"valid": True, "pinned": True, "keyId": SIGNER.key_id, "act": act().to_dict()}
    assert found["act"]["at"] == "2026-03-04T05:06:07.891Z"
    assert json.loads(run(receipt, "--json").stdout)["pinned"] is False


def test_what_does_not_verify_ends_with_1(receipt: Path, key: Path, tmp_path: Path) -> None:
    whole, good = json.loads(receipt.read_text()), receipt.read_text()
    other = tmp_path / "other.pem"
    other.write_bytes(Signer.generate().public_key_pem())
    forged = sign_act(act(), Signer.generate())
    for text, words in (
        (json.dumps(whole), "not in the form in which receipts are written"),
        (json.dumps(whole | {"envelope": forged}, indent=2) + "\n", "another key"),
        (json.dumps(whole | {"note": "x"}, indent=2) + "\n", "no receipt of an act"),
        (good.replace('"payload": "e', '"payload": "f'), "does not fit"),
        (good[:-1], "not in the form"),
    ):
        receipt.write_text(text)
        bad = run(receipt)
        assert (bad.exit_code, bad.stdout, bad.stderr.count("\n")) == (1, "", 1)
        assert words in bad.stderr
        answer = run(receipt, "--json")
        assert (answer.exit_code, json.loads(answer.stdout)["valid"]) == (1, False)
    receipt.write_text(good[:-3])
    assert run(receipt).exit_code == 1
    receipt.write_text(good)
    assert run(receipt, "--key", other).exit_code == 1
    assert run(receipt, "--key", receipt).exit_code == 2, "a key that is none says nothing of the receipt"
    assert run(receipt, "--checkpoint", key).exit_code == 2
    assert run(receipt, "--key", key).exit_code == 0


def test_a_ledger_shows_its_acts(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, SIGNER) as ledger:
        ledger.record([act(), act(act="put"), act()])
    shown = run(path, "--key", key)
    assert shown.exit_code == 0
    words = " ".join(shown.output.split())
    assert "acts checked │ 1 put, 2 deleted" in words
    assert "receipts checked │ 0" in words
    assert json.loads(run(path, "--json").stdout)["acts"] == {"put": 1, "deleted": 2}
    assert json.loads(run(path, "--json", "--entries", "1:2").stdout)["acts"] == {"deleted": 1}
    path.write_bytes(path.read_bytes().replace(b'"kind":"act"', b'"kind":"art"', 1))
    bad = run(path)
    assert (bad.exit_code, "Entry 1: " in bad.stderr) == (1, True)


def test_a_ledger_without_acts_says_that_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path, SIGNER).close()
    assert "acts checked │ none" in " ".join(run(path).output.split())
    assert json.loads(run(path, "--json").stdout)["acts"] == {}
