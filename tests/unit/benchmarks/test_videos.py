"""The pieces of the comparison of whole videos: cutting, outcome, memory, coverage, the table."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.clips import first_frames
from benchmarks.peers import video
from benchmarks.peers.contenders.transcode import transcode
from benchmarks.peers.memory import Watch, tree
from benchmarks.peers.outcome import changes, facts
from benchmarks.peers.video_claims import claims
from benchmarks.peers.video_coverage import covered
from benchmarks.peers.video_memory import compared as memory_compared
from benchmarks.peers.video_report import compared, markdown, summed_up
from benchmarks.peers.video_rows import rows
from fixtures.clips import clip

MEMORY = """
import subprocess, sys, time
held = bytearray(b"x") * (64 << 20)
if len(sys.argv) < 2:
    child = subprocess.Popen([sys.executable, "-c", open(sys.argv[0]).read(), "child"], stdout=subprocess.PIPE)
    child.stdout.readline()
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("frames", [1, 7, 24, 1000])
def test_a_cut_clip_has_the_first_frames_and_no_gap(frames: int, tmp_path: Path) -> None:
    whole = clip("sound")
    count = first_frames(whole.path, frames, tmp_path / "cut.mp4")
    assert max(1, frames - 4) <= count <= frames or count == len(whole.frames)
    found = facts(tmp_path / "cut.mp4")
    assert found.frames == count
    assert found.seconds == pytest.approx(count / whole.rate, abs=0.02) or count == 1


def test_a_transcode_keeps_sound_and_duration(tmp_path: Path) -> None:
    source = clip("sound")
    target = tmp_path / "out.mp4"
    count = transcode(source.path, target, preset="ultrafast", crf=30)
    found = changes(facts(source.path), facts(target))
    assert count == len(source.frames)
    assert (found["audio"], found["frames_change"]) == ("kept", 0)
    assert abs(float(str(found["duration_change_s"]))) < 0.001


@pytest.mark.parametrize(("after", "word"), [(None, "lost"), ("b", "changed"), ("a", "kept")])
def test_what_became_of_the_sound(after: str | None, word: str) -> None:
    before = replace(facts(clip("sound").path), audio="a")
    assert changes(before, replace(before, audio=after))["audio"] == word
    assert changes(replace(before, audio=None), replace(before, audio=after))["audio"] == "none in the source"


def test_memory_of_a_process_and_its_child_is_seen(tmp_path: Path) -> None:
    script = tmp_path / "memory.py"
    script.write_text(MEMORY)
    command = [sys.executable, str(script)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    watch = Watch(process.pid, every=0.01)
    assert process.stdout is not None
    process.stdout.readline()
    assert len(tree(process.pid)) == 2
    before = watch.most_pss
    while watch.most_pss == before < 128 << 20:
        pass
    process.communicate(b"\n")
    watch.stop()
    assert 128 << 20 < watch.most_pss < 200 << 20
    assert watch.peaks >= watch.most_pss * 0.95


def test_coverage_by_pixels_and_by_boxes(tmp_path: Path) -> None:
    """An unredacted output covers nobody; boxes on the true faces cover everyone."""
    known = clip("one")
    by_pixels = next(row for row in rows() if row.seen_by == "grey")
    by_boxes = next(row for row in rows() if row.seen_by == "box")
    found = covered(by_pixels, known, known.path)
    assert found is not None
    assert found["coverage"][">=28"] == {"faces": len(known.frames), "share": 0.0}
    told = [np.asarray(frame.boxes).tolist() for frame in known.frames]
    (tmp_path / "out.boxes.json").write_text(json.dumps([*told, []]))
    found = covered(by_boxes, known, tmp_path / "out.mp4")
    assert found is not None
    assert found["coverage"][">=28"]["share"] == 1.0
    assert found["told_by"] == "boxes"


def row_of(name: str, seconds: tuple[float, ...], peak: float) -> dict[str, Any]:
    shares = {size: {"faces": 10, "share": 0.5} for size in ("24-44", "44-60", "60-110", "110-200", "200-400", ">=28")}
    coverage = {"coverage": shares, "false_boxes_per_frame": 0.25, "uncovered": 3, "told_by": "pixels"}
    outcome = {"audio": "kept", "frames_change": 0, "duration_change_s": 0.0}
    runs = [{"seconds": each, "wall_s": each, "peak_mb": peak, "peak_sum_mb": peak} for each in seconds]
    return {"name": name, "settings": "as by default", "outcome": outcome, "coverage": coverage, **summed_up(runs, 300)}


def test_ratios_are_of_the_same_round() -> None:
    mine, other = (
        row_of("facegate fast", (10.0, 20.0, 30.0), 500),
        row_of("deface, default", (80.0, 160.0, 240.0), 1500),
    )
    first, _ = compared([mine, other])
    assert first["times_deface"] == 8.0
    assert first["times_deface_scaled"] is None
    assert first["of_ceiling"] is None


def test_no_speed_without_its_coverage_beside_it() -> None:
    report = {
        "rows": compared([row_of("decode + encode", (10.0,) * 3, 400), row_of("facegate fast", (12.5,) * 3, 500)]),
        "host": {"key": "a processor", "commit": "abc", "load_before": 0.0},
        "clip": {"name": "bench_10s", "frames": 300, "size_wh": [1920, 1080], "rate": 30.0},
        "rounds": 3,
        "failed": {"someone": "no module"},
    }
    text = markdown(report)
    (line,) = [each for each in text.splitlines() if each.startswith("| facegate fast")]
    cells = [each.strip() for each in line.strip("|").split("|")]
    (head,) = [each for each in text.splitlines() if "covered >=28 px" in each]
    assert len(cells) == len(head.strip("|").split("|"))
    assert cells[1:3] == ["24.00 ± 0%", "0.80"]
    assert cells.count("0.500") == 6
    assert "**someone**: no module" in text
    assert report["rows"][1]["mb_over_ceiling"] == 100


def test_every_row_says_its_settings_and_has_its_script() -> None:
    for row in rows():
        line = row.line()
        assert line.startswith(row.environment or "facegate, this commit")
        assert '"preset": "medium"' in line or "cannot be set to x264" in line
        assert (Path(video.__file__).parent / "contenders" / row.script).exists()


def test_a_contender_that_fails_is_reported_and_is_no_row(tmp_path: Path) -> None:
    known = clip("one")
    broken = replace(rows()[0], settings={"preset": "no such preset", "crf": 23})
    found = video.measure([broken], known, 1, 60, tmp_path)
    assert found["rows"] == []
    assert broken.name in found["failed"]


def test_the_whole_way_with_the_ceiling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--clip", "sound", "--frames", "60", "--rounds", "1", "--only", "decode", "--out", str(tmp_path)]
    assert video.main(arguments) == 0
    (report,) = [json.loads(each.read_text()) for each in tmp_path.glob("video-sound-*.json")]
    (row,) = report["rows"]
    assert row["of_ceiling"] == 1.0
    assert row["outcome"]["audio"] == "kept"
    assert row["peak_mb"] > 20
    assert "decode + encode" in capsys.readouterr().out


def test_no_row_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert video.main(["--only", "nobody"]) == 2
    assert "No row has nobody in its name" in capsys.readouterr().err


def test_growth_of_memory_and_what_is_over_the_ceiling() -> None:
    peaks = {"decode + encode": {300: 400.0, 1800: 410.0}, "facegate fast": {300: 500.0, 1800: 550.0}}
    _, row = memory_compared(peaks)
    assert row["growth"] == pytest.approx(0.1)
    assert row["over_ceiling_mb"] == {"300": 100.0, "1800": 140.0}


@pytest.mark.parametrize(("seconds", "met"), [(10.0, True), (10.1, False)])
def test_a_claim_is_met_or_missed(seconds: float, met: bool) -> None:
    rows_ = compared([row_of("facegate balanced", (seconds,) * 3, 500), row_of("deface, default", (80.0,) * 3, 1500)])
    first, second, third, fourth, *_ = claims(rows_)
    assert first["met"] is met
    assert first["figure"] == pytest.approx(80 / seconds)
    assert second["met"] is None  # the scaled row is not there
    assert (third["figure"], third["met"]) == (0.0, True)
    assert fourth["met"] is False


def test_every_claim_says_whether_it_was_measured() -> None:
    names = ["decode + encode", "deface, default", "deface --scale 640x360"]
    names += [f"facegate {profile}" for profile in ("fast", "balanced", "thorough")]
    found = claims(compared([row_of(name, (10.0,) * 3, 500) for name in names]))
    assert len(found) == 9
    assert all(isinstance(each["met"], bool) for each in found)
    assert all(each["met"] is None for each in claims([]))
