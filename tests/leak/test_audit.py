"""The audit as a reviewer runs it: on this host, short of most of the fault matrix, which has tests of its own."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from facegate.audit import faults, report
from facegate.audit.page import render
from facegate.audit.signature import check
from facegate.cli import main
from facegate.errors import InvalidReceiptError
from facegate.memory import window
from facegate.memory.region import Region
from facegate.memory.wiped import Wiped
from facegate.receipt.envelope import Signer

# Every one of them is a cell of the matrix, or running them would fail.
CELLS = [("decode", "SIGKILL"), ("mesh", "SIGSEGV"), ("consume", "cancel"), ("purge", "exception")]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")


def run(folder: Path, patch: pytest.MonkeyPatch, cells: list[tuple[str, str]] = CELLS) -> Result:
    patch.setattr(faults, "cells", lambda: cells)
    patch.setattr(report, "PROFILES", {"short": (4, 3), "full": (4, 3)})
    return CliRunner().invoke(main, ["audit", "--out", str(folder)])


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Result, Path]]:
    """One run for all tests."""
    folder = tmp_path_factory.mktemp("audit")
    with pytest.MonkeyPatch.context() as patch:
        yield run(folder, patch), folder


def signed(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "facegate-audit.json").read_text(encoding="utf-8"))


def test_every_promise_is_verified_here(audited: tuple[Result, Path]) -> None:
    result, folder = audited
    found = signed(folder)
    assert [each["name"] for each in found["promises"] if each["verdict"] != "verified"] == [], found["promises"]
    assert found["controls_not_seen"] == []
    assert result.exit_code == 0, result.output
    assert "every promise was verified by these checks" in result.output


def test_the_report_has_what_readers_look_for(audited: tuple[Result, Path]) -> None:
    found = signed(audited[1])
    assert {"name", "watcher", "result", "control_fired"} <= set(found["channels"][0])
    assert len(found["channels"]) >= 30
    for each in found["channels"]:
        assert each["control_fired"] or each["absent"], each
        assert each["result"] == "clean" or each["absent"], each
    assert found["residue"]["alive"]["found"] > 0, "the control of the scanner"
    assert found["residue"]["over"]["found"] == 0
    assert found["faults"]["requests"] >= len(CELLS)
    assert {"level", "protections"} <= set(found["host"])
    assert found["limitations"]


def test_report_and_page_are_signed_together(audited: tuple[Result, Path]) -> None:
    found = signed(audited[1])
    page = (audited[1] / "facegate-audit.html").read_text(encoding="utf-8")
    assert check(found, page)["audit"] == found["audit"]
    changed = copy.deepcopy(found)
    changed["channels"][0]["result"] = "found"
    with pytest.raises(InvalidReceiptError, match="changed after"):
        check(changed, page)
    with pytest.raises(InvalidReceiptError, match="page"):
        check(found, page.replace("clean", "Clean", 1))
    with pytest.raises(InvalidReceiptError, match="no signed audit"):
        check({name: value for name, value in found.items() if name != "signature"})


def test_facegate_verify_takes_the_report(audited: tuple[Result, Path], tmp_path: Path) -> None:
    for name in ("facegate-audit.json", "facegate-audit.html"):
        shutil.copy(audited[1] / name, tmp_path)
    report, page = tmp_path / "facegate-audit.json", tmp_path / "facegate-audit.html"

    def verified(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["verify", str(report), *arguments])

    assert verified().exit_code == 0
    assert "not pinned" in verified().output
    key = tmp_path / "key.pem"
    key.write_text(signed(tmp_path)["signature"]["publicKey"], encoding="utf-8")
    assert json.loads(verified("--key", str(key), "--json").output)["pinned"] is True
    other = tmp_path / "other.pem"
    other.write_bytes(Signer.generate().public_key_pem())
    assert verified("--key", str(other)).exit_code == 1
    page.write_text(page.read_text(encoding="utf-8").replace("verified", "Verified", 1), encoding="utf-8")
    assert verified().exit_code == 1
    page.unlink()
    assert "no page" in verified().output
    report.write_text(report.read_text(encoding="utf-8").replace('"clean"', '"found"', 1), encoding="utf-8")
    assert verified().exit_code == 1


def test_a_gate_that_lies_about_its_purge_fails_the_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views stay, memory is not zeroed, and the wipe says that all is well; receipts cannot know, the scanner does."""
    monkeypatch.setattr(window._Span, "blank", lambda _: None)
    monkeypatch.setattr(Region, "wipe", lambda region, _=None: Wiped(region.name, region.size, region.size, 0))
    result = run(tmp_path, monkeypatch, CELLS[:1])  # it fails already in what comes before
    assert result.exit_code == 1, result.output
    found = signed(tmp_path)
    assert "purged" in {each["name"] for each in found["promises"] if each["verdict"] == "failed"}
    assert found["residue"]["over"]["found"] > 0
    assert "not every promise was verified" in result.output


def test_the_page_escapes_what_the_host_says(audited: tuple[Result, Path]) -> None:
    found = {name: value for name, value in signed(audited[1]).items() if name != "signature"}
    found["host"]["protections"][0]["detail"] = "<script>alert(1)</script>"
    page = render(found, "0" * 64)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_page_loads_nothing(audited: tuple[Result, Path]) -> None:
    page = (audited[1] / "facegate-audit.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    for outside in ("http://", "https://", "src=", "@import", "url("):
        assert outside not in page, outside


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chromium_shows_it(audited: tuple[Result, Path], tmp_path: Path, scheme: str) -> None:
    page = audited[1] / "facegate-audit.html"
    picture, printed = tmp_path / "page.png", tmp_path / "page.pdf"
    assert CHROMIUM is not None
    dark = (
        ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else ["--blink-settings=preferredColorScheme=1"]
    )
    common = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", *dark]
    for option in (f"--screenshot={picture}", f"--print-to-pdf={printed}"):
        command = [*common, "--window-size=1000,1400", "--hide-scrollbars", option, page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    import cv2

    shown = cv2.imread(str(picture))
    assert shown is not None
    brightness = float(shown[:200].mean())
    assert brightness < 80 if scheme == "dark" else brightness > 180
    assert printed.read_bytes().startswith(b"%PDF")
    dom = subprocess.run(
        [*common, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True, timeout=120
    )
    assert dom.stdout.count("<rect") >= 10, "charts"
    assert "Every promise was verified" in dom.stdout
