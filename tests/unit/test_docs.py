"""What README and docs say of themselves holds; their blocks are run by `tests/docs`, and here with what must fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import facegate
from facegate.audit.promises import PROMISES
from facegate.cli import main
from facegate.sandbox.seccomp.rules import rules_for
from fixtures import networks
from fixtures.collection import two_people
from fixtures.portraits import portrait
from tests.acts import act
from tests.conftest import encode
from tests.docs.blocks import blocks
from tests.ledgers import receipts

ROOT = Path(__file__).parents[2]


def block(document: str, number: int = 0, of: int = 1) -> str:
    """One of the document's Python blocks, of which there are no more than `of`."""
    found = [each.text for each in blocks(document) if each.language == "python"]
    assert len(found) == of
    return found[number]


def run(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The code in an interpreter of its own, in a folder of its own, so that only what is installed is found."""
    script = folder / "example.py"
    script.write_text(code, encoding="utf-8")
    command = [sys.executable, script.name, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(encode(two_people().rgb, "PNG"))
    return path


def test_the_example_of_geometry(tmp_path: Path, picture: Path) -> None:
    done = run(block("docs/geometry.md"), tmp_path, picture.name)
    assert done.returncode == 0, done.stderr
    assert "crop (112, 112, 3)" in done.stdout
    assert (tmp_path / "pasted.png").stat().st_size > 1000


def test_the_example_of_the_adapters_page(tmp_path: Path, picture: Path) -> None:
    done = run(block("docs/adapters.md"), tmp_path, picture.name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "control (1024, 1024, 3) (1024, 1024, 3)",
        "insightface (5, 2) (106, 2) None",
        "after False False",
    ]


def test_the_example_of_the_recognizer_page(tmp_path: Path, picture: Path) -> None:
    networks.written(tmp_path, networks.recognizer(), "model.onnx")
    (tmp_path / "other.jpg").write_bytes(encode(portrait("hopper"), "JPEG"))
    done = run(block("docs/recognizer.md"), tmp_path, picture.name, "other.jpg", "model.onnx")
    assert (done.returncode, done.stdout) == (0, "identity (512,) (512,)\n"), done.stderr


def test_the_other_tool_of_the_receipt_page(tmp_path: Path, picture: Path) -> None:
    receipt = tmp_path / "receipt.json"
    arguments = ["redact", str(picture), "-o", str(tmp_path / "out.png"), "--receipt", str(receipt)]
    main(arguments, standalone_mode=False)
    done = run(block("docs/receipt.md"), tmp_path, receipt.name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("finished {")
    receipt.write_text(receipt.read_text().replace('"payload": "ey', '"payload": "eX', 1))
    assert run(block("docs/receipt.md"), tmp_path, receipt.name).returncode != 0


def test_the_other_tool_of_the_ledger_page(tmp_path: Path) -> None:
    signer, path = facegate.Signer.generate(), tmp_path / "ledger.jsonl"
    with facegate.Ledger(path, signer, every=2) as ledger:
        ledger.append(receipts(signer)[1])
        ledger.rotate(facegate.Signer.generate())
        ledger.append(receipts(signer)[1])
        ledger.record(act())
    done = run(block("docs/ledger.md", 2, of=3), tmp_path, path.name)
    assert (done.returncode, done.stdout) == (0, "4 receipts, 1 acts\n"), done.stderr
    for old, new in ((b'"phase":"OPEN"', b'"phase":"SHUT"'), (b'"kind":"act"', b'"kind":"fact"')):
        changed = tmp_path / "changed.jsonl"
        changed.write_bytes(path.read_bytes().replace(old, new))
        assert changed.read_bytes() != path.read_bytes()
        assert run(block("docs/ledger.md", 2, of=3), tmp_path, changed.name).returncode != 0


def test_the_queue_of_the_load_page(tmp_path: Path) -> None:
    done = run(block("docs/load.md", 0, of=2), tmp_path)
    assert done.returncode == 0, done.stderr
    # Two have places, twenty wait and the others are refused.
    assert done.stdout.startswith("22 of 30 served; now Load(open=0, waiting=0, spares="), done.stdout


def test_the_metrics_of_the_load_page(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.metrics", reason="opentelemetry-api is not installed")
    done = run(block("docs/load.md", 1, of=2), tmp_path)
    assert (done.returncode, done.stdout) == (0, "1 open\n"), done.stderr


@pytest.mark.parametrize(
    "document", ["README.md", "SECURITY.md", *(str(each.relative_to(ROOT)) for each in ROOT.glob("docs/**/*.md"))]
)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).is_file(), target


def test_the_readme_counts_the_calls_that_a_child_may_make() -> None:
    (number,) = re.findall(r"seccomp: (\d+) listed calls", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert int(number) == len(rules_for("child"))


def test_the_readme_makes_the_promises_that_the_audit_judges() -> None:
    readme, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/promises.md"))
    said = dict(re.findall(r"^- \[([^\]]+)\]\(docs/promises\.md#([a-z-]+)\)$", readme, re.MULTILINE))
    assert said == {each.sentence: each.slug for each in PROMISES}
    for each in PROMISES:
        assert f"## {each.slug}\n**{each.sentence}**\n" in page, each.slug
