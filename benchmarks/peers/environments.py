"""Virtual environments for the peers: made once, pinned, outside of facegate's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Name -> what pip installs. mediapipe 0.10.21 is the last with FaceMesh; it needs numpy 1 and Python up to 3.12.
PEERS = {
    "mediapipe-0.10.21": ["mediapipe==0.10.21", "numpy<2", "opencv-python-headless<4.12"],
    "mediapipe-1.2.2": ["mediapipe==1.2.2", "opencv-python-headless"],
    # It takes whatever OpenCV is there; with the same as facegate's, the difference is not OpenCV's.
    "supervision-0.31.2": ["supervision==0.31.2", f"opencv-python=={version('opencv-python')}", f"av=={version('av')}"],
}


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made if it is missing.

    Raises:
        RuntimeError: there is no Python that suits, or pip failed; the message has pip's last words.
    """
    home = ROOT / f".venv-{peer}"
    python = home / "bin" / "python"
    done = home / "complete"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([_base_python(), "-m", "venv", str(home)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *PEERS[peer]]
        installed = subprocess.run(command, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            raise RuntimeError(f"{peer} could not be installed: {installed.stderr.strip()[-300:]}")
        done.touch()
    return python


def _base_python() -> str:
    if sys.version_info < (3, 13):
        return sys.executable
    for name in ("python3.12", "python3.11"):
        if (found := shutil.which(name)) is not None:
            return found
    raise RuntimeError("The peers need Python 3.11 or 3.12, and none is on the path.")
