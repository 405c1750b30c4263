"""Another judge: ffprobe, of another version than the libraries that PyAV brings."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fixtures.videos import GOOD
from tests.unit.video.through import case, result

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
# ffprobe reads no animated WebP, and names MP2 in MP4 by another name.
_NAMES = [each.name for each in GOOD if each.container != "webp"]
_SAME = ("width", "height", "sample_aspect_ratio", "pix_fmt", "color_space", "color_transfer", "color_primaries")
_SAME += ("chroma_location", "field_order", "color_range")


def _probed(data: bytes, folder: Path) -> dict[str, Any]:
    file = folder / "video"
    file.write_bytes(data)
    options = ["-v", "error", "-show_streams", "-show_format", "-show_chapters", "-print_format", "json"]
    shown = subprocess.run(["ffprobe", *options, str(file)], capture_output=True, check=True)
    return json.loads(shown.stdout)


def _main(probed: dict[str, Any]) -> dict[str, Any]:
    return next(
        each for each in probed["streams"] if each["codec_type"] == "video" and not each["disposition"]["attached_pic"]
    )


@pytest.mark.parametrize("name", _NAMES)
def test_ffprobe_sees_the_same_video(name: str, tmp_path: Path):
    """Tracks, how the picture is shown, when it begins and how long it lasts."""
    good, found = case(name), result(name)
    before, after = (_probed(data, tmp_path) for data in (found.data, found.output))
    one, other = _main(before), _main(after)
    if good.pixel_format is None and good.codec == one["codec_name"]:
        one.setdefault("sample_aspect_ratio", "1:1")  # what it means that nothing is said
        other.setdefault("sample_aspect_ratio", "1:1")
        assert {key: other.get(key) for key in _SAME} == {key: one.get(key) for key in _SAME}
    kinds = [each["codec_type"] for number, each in enumerate(before["streams"]) if number not in good.dropped]
    assert [each["codec_type"] for each in after["streams"] if each["codec_type"] != "data"] == kinds
    assert len(after["chapters"]) == len(before["chapters"])
    if good.container != "avi" and "start_time" in one:
        assert float(other["start_time"]) == pytest.approx(float(one["start_time"]), abs=0.001)
    if not name.startswith("ts-"):  # where a duration does not count from zero
        assert float(after["format"]["duration"]) == pytest.approx(float(before["format"]["duration"]), abs=0.0025)
    rotations = [
        [side.get("rotation") for side in each.get("side_data_list", []) if "rotation" in side] for each in (one, other)
    ]
    assert rotations[0] == rotations[1]
