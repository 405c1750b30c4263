"""The detector of docs/engines.md, installed as the page says, and asked for as the page says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from fixtures.environments import environment, package

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"


def test_the_detector_of_the_page(tmp_path: Path, astronaut: bytes) -> None:
    text = PAGE.read_text(encoding="utf-8")
    _, detector, script = re.findall(r"```python[^\n]*\n(.*?)```", text, re.DOTALL)
    (offered,) = re.findall(r"```toml\n\[project.entry-points.\"(.*?)\"\]\n(.*?)```", text, re.DOTALL)
    entry_points = f"[{offered[0]}]\n" + offered[1].replace('"', "")
    folder = package(tmp_path / "packages", "cascade_detector", detector, entry_points)
    python = environment(tmp_path / "environment", [folder])
    (tmp_path / "photo.jpg").write_bytes(astronaut)
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    command = [str(python), "script.py", "photo.jpg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "1 face, landmarks (478, 3)\n"), done.stderr
