"""Videos in a batch, and one video alone, through the real path: small clips of the two portraits."""

from __future__ import annotations

import functools
import io
import json
import subprocess
from pathlib import Path
from typing import get_args

import av
import cv2
import numpy as np
import pytest
from PIL import Image

import facegate
from facegate.commands.batch.kinds import CODECS, PRESETS, PROFILES, VIDEO_FORMATS, Kind, kind_of
from facegate.commands.batch.manifest import NAME
from facegate.commands.batch.place import STAGING
from facegate.commands.batch.settings import Settings
from facegate.redact import profiles
from facegate.video import codecs
from fixtures.collection import two_people
from tests.conftest import encode, eventually
from tests.unit.commands.test_batch_ends import Terminal, command
from tests.unit.commands.test_redact_many import files, run, states

SIZE = (416, 256)  # half of the picture, so that both faces are there and no frame costs much
LONG = 400


def shifted(number: int) -> np.ndarray:
    """The picture, moved to the right by a pixel a frame."""
    return np.roll(cv2.resize(two_people().rgb, SIZE, interpolation=cv2.INTER_AREA), number, axis=1)


@functools.cache
def clip(container: str = "mp4", frames: int = 12, encoder: str = "libx264") -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format={"mkv": "matroska", "ts": "mpegts"}.get(container, container)) as output:
        stream = output.add_stream(encoder, rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shifted(number % 40)), "rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


def moving(picture_format: str) -> bytes:
    file = io.BytesIO()
    first, *others = (Image.fromarray(shifted(4 * number)) for number in range(4))
    first.save(file, picture_format, save_all=True, append_images=others, duration=80)
    return file.getvalue()


def covered(path: Path) -> list[list[bool]]:
    """For each frame, whether the middle of each face is of one colour."""
    boxes = (two_people().boxes / 2).astype(int)
    found = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            rgb = frame.to_ndarray(format="rgb24")
            found.append([])
            for x0, y0, x1, y1 in boxes:
                across, down = (x1 - x0) // 4, (y1 - y0) // 4
                middle = rgb[y0 + down : y1 - down, x0 + number + across : x1 + number - across]
                found[-1].append(bool(middle.reshape(-1, 3).std(axis=0).max() < 4))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "a.png").write_bytes(encode(two_people().rgb, "PNG"))
    (root / "b.mp4").write_bytes(clip())
    (root / "sub" / "c.avi").write_bytes(clip("mkv"))  # whose name is wrong
    return root


def test_names_are_those_of_the_video_side() -> None:
    assert PRESETS == codecs.PRESETS
    assert set(CODECS) | {"gif", "webp"} == set(codecs.ENCODERS) == set(get_args(codecs.OutputCodec))
    assert {*VIDEO_FORMATS, "webp"} == set(codecs.HOLDS)
    assert set(PROFILES) == set(profiles.PROFILES)
    assert Settings().profile == "balanced"
    assert kind_of(clip("ts")[:192], "x") == Kind("video", "mp4")


def test_a_folder_of_pictures_and_videos(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (folder / "cut.mp4").write_bytes(clip()[:-3000])
    result = run("redact", folder, "-o", out, "--preset", "ultrafast", "--json")
    assert result.exit_code == 1
    assert files(out) == ["a.png", "b.mp4", NAME, "sub/c.mkv"]
    told = {each["input"]: each for each in json.loads(result.stdout)["files"]}
    assert told["cut.mp4"]["state"] == "failed"
    assert [line for line in result.stderr.splitlines() if "cut.mp4" in line] == [
        f"facegate: cut.mp4: {told['cut.mp4']['error']}"
    ]
    for name, output in (("b.mp4", "b.mp4"), ("sub/c.avi", "sub/c.mkv")):
        assert (told[name]["state"], told[name]["frames"], told[name]["chosen"]) == ("done", 12, 0)
        seen = covered(out / output)
        assert len(seen) == 12
        assert all(all(frame) for frame in seen), "everybody, in every frame"
        assert facegate.verify((out / f"{output}.receipt.json").read_bytes()).request_id == told[name]["request"]
    with av.open(str(out / "sub" / "c.mkv")) as container:
        assert "matroska" in container.format.name
    (folder / "cut.mp4").unlink()
    again = run("redact", folder, "-o", out, "--preset", "ultrafast", "--json", "--resume")
    assert set(states(again).values()) == {"resumed"}
    other = run("redact", folder, "-o", out, "--preset", "ultrafast", "--json", "--resume", "--profile", "fast")
    assert states(other) == {"a.png": "resumed", "b.mp4": "done", "sub/c.avi": "done"}, "which pictures have none of"


def test_videos_in_one_format_and_with_one_face(folder: Path, tmp_path: Path) -> None:
    (folder / "moving.gif").write_bytes(moving("GIF"))
    out = tmp_path / "out"
    options = ["--format", "mp4", "--keep", "largest", "--preset", "ultrafast", "--profile", "fast", "--quality", "80"]
    result = run("redact", folder, "-o", out, *options, "--json")
    assert result.exit_code == 0, result.stderr
    assert files(out) == ["a.png", "b.mp4", NAME, "moving.mp4", "sub/c.mp4"]
    assert covered(out / "sub" / "c.mp4") == [[False, True]] * 12
    told = {each["input"]: each for each in json.loads(result.stdout)["files"]}
    assert (told["a.png"]["kept"], told["b.mp4"]["chosen"], told["sub/c.avi"]["chosen"]) == (1, 1, 1)


def test_animations_stay_animations(tmp_path: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    for name, picture_format in (("a.gif", "GIF"), ("b.webp", "WEBP")):
        (root / name).write_bytes(moving(picture_format))
    (root / "still.webp").write_bytes(encode(two_people().rgb, "WEBP"))
    (root / "still.gif").write_bytes(encode(two_people().rgb, "GIF"))
    result = run("redact", root, "-o", out, "--json")
    assert result.exit_code == 0, result.stderr
    told = {each["input"]: each for each in json.loads(result.stdout)["files"]}
    assert [told[name].get("frames") for name in ("a.gif", "b.webp", "still.gif", "still.webp")] == [4, 4, 1, None]
    for name, picture_format, frames in (("a.gif", "GIF", 4), ("b.webp", "WEBP", 4), ("still.gif", "GIF", 1)):
        with Image.open(out / name) as image:
            assert (image.format, image.n_frames) == (picture_format, frames)  # type: ignore[attr-defined]
    alone = tmp_path / "alone.webp"
    assert json.loads(run("redact", root / "b.webp", "-o", alone, "--json").stdout)["frames"] == 4
    assert json.loads(run("redact", root / "still.webp", "-o", alone, "--json").stdout)["faces"] == 2


def test_what_cannot_be_encoded_so_fails_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "d.webm").write_bytes(clip("webm", 4, "libvpx-vp9"))
    result = run("redact", folder, "-o", tmp_path / "out", "--codec", "h264", "--preset", "ultrafast", "--json")
    assert states(result) == {"a.png": "done", "b.mp4": "done", "d.webm": "failed", "sub/c.avi": "done"}
    assert result.exit_code == 1
    assert "d.webm" not in files(tmp_path / "out")
    assert not (tmp_path / "out" / STAGING).exists()


def test_one_video_alone(folder: Path, tmp_path: Path) -> None:
    target, receipt = tmp_path / "one.mkv", tmp_path / "one.json"
    options = ["--preset", "ultrafast", "--receipt", receipt, "--json"]
    result = run("redact", folder / "b.mp4", "-o", target, *options)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {"frames": 12, "chosen": 1, "output": str(target)}
    assert covered(target) == [[False, True]] * 12, "by default the largest is left"
    assert facegate.verify(receipt.read_bytes()).outcome == "finished"
    x0, y0, x1, y1 = two_people().boxes[1] / 2
    point = f"{(x0 + x1) / 2 + 8},{(y0 + y1) / 2}"
    result = run("redact", folder / "b.mp4", "-o", target, "--keep", point, "--at", "0.3", "--preset", "ultrafast")
    assert result.exit_code == 0, result.stderr
    seen = covered(target)
    assert all(largest for largest, _ in seen)
    assert not all(chosen for _, chosen in seen), (
        "who is at the point is left, small as she is, wherever that is certain"
    )
    assert result.stdout.startswith("12 frames: one face chosen to stay; wrote ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "one.json", "one.mkv"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["{in}/b.mp4", "-o", "{tmp}/x.mp4", "--keep", "7"],
        ["{in}/b.mp4", "-o", "{tmp}/x.mp4", "--keep", "1,1"],
        ["{in}/b.mp4", "-o", "{tmp}/x.mp4", "--at", "-1"],
        ["{in}/b.mp4", "-o", "{tmp}/x.mp4", "--codec", "vp8"],
        ["{in}/b.mp4", "-o", "{tmp}/x.webm", "--codec", "h264"],
        ["{in}/b.mp4", "-o", "{tmp}/x.mp4", "--receipt", "{tmp}/x.mp4"],
        ["{in}/b.mp4", "-o", "{tmp}/x.mp4", "--resume"],
        ["{in}/b.mp4", "-o", "{tmp}/x.wmv"],
        ["{in}/b.mp4", "-o", "{tmp}/x.png"],
        ["{in}/a.png", "-o", "{tmp}/x.mp4"],
        ["{in}/a.png", "-o", "{tmp}/x.png", "--preset", "slow"],
        ["{in}/a.png", "-o", "{tmp}/x.png", "--at", "0"],
        ["{in}", "-o", "{tmp}/x", "--at", "0"],
    ],
)
def test_bad_usage_of_videos(folder: Path, tmp_path: Path, arguments: list[str]) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = run("redact", *(each.replace("{in}", str(folder)).replace("{tmp}", str(tmp_path)) for each in arguments))
    assert result.exit_code == 2, result.output
    assert (result.stdout, result.stderr.count("\n")) == ("", 1), result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_killed_within_a_video(folder: Path, tmp_path: Path) -> None:
    (folder / "z.mp4").write_bytes(clip(frames=LONG))
    out = tmp_path / "out"
    process = subprocess.Popen(command(folder, "-o", out, "--preset", "ultrafast", "--quiet"))
    try:
        # All others are done, so it is at work on the last.
        assert eventually(lambda: (out / "sub" / "c.mkv").exists(), 120)
    finally:
        process.kill()
        process.wait()
    assert "z.mp4" not in files(out), "it was killed before the end"
    result = run("redact", folder, "-o", out, "--preset", "ultrafast", "--profile", "balanced", "--resume", "--json")
    assert states(result) == {"a.png": "resumed", "b.mp4": "resumed", "sub/c.avi": "resumed", "z.mp4": "done"}
    assert files(out) == ["a.png", "b.mp4", NAME, "sub/c.mkv", "z.mp4"]
    with av.open(str(out / "z.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == LONG


@pytest.mark.parametrize("many", [True, False])
def test_ctrl_c_within_a_video(tmp_path: Path, many: bool) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "z.mp4").write_bytes(clip(frames=LONG))
    source, target = (root, tmp_path / "out") if many else (root / "z.mp4", tmp_path / "z.mp4")
    terminal = Terminal(source, "-o", target, "--preset", "ultrafast")
    terminal.read(120, until=f"/{LONG} frames, ")
    terminal.press(b"\x03")
    code, out = terminal.end()
    assert code == 130, terminal.text
    assert terminal.text.rstrip().endswith("facegate: interrupted.")
    assert "Traceback" not in terminal.text
    assert "z.mp4  " in terminal.text
    if many:
        assert out.startswith("0 pictures and 0 videos redacted, 1 not done")
        assert files(target) == []
    else:
        assert out == ""
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
