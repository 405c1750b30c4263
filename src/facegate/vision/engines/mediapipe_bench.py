"""mediapipe as the engine: its FaceDetector, and its FaceLandmarker where the policy has a bundle. Child side only.

What maps code is done in the zygote, since a child can map none. Detectors start threads, so they are made in the child
by the first command that needs them. They are never closed: that is when mediapipe reports its usage, and the child is
killed first.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from facegate.errors import PolicyError
from facegate.vision.detect import Detector
from facegate.vision.engines.bundle import read_bundle
from facegate.vision.engines.mediapipe_detector import MediapipeDetector
from facegate.vision.engines.mediapipe_landmarker import MediapipeLandmarker
from facegate.vision.landmarks import Landmarker
from facegate.vision.workbench import Workbench

# Imported by mediapipe, for microphones and for plots. The first runs a compiler to look for a library, the second
# makes a folder for its settings, which would stay behind when the zygote is killed.
_NOT_NEEDED: Final = ("sounddevice", "matplotlib", "matplotlib.pyplot")


def mediapipe_workbench(landmarker: str | None) -> Workbench:
    """The workbench.

    Args:
        landmarker: path of a bundle; None leaves the mesh to facegate's own networks.

    Raises:
        PolicyError: mediapipe is not installed or does not load, or the bundle is refused.
    """
    # First of all: a bundle that is refused is seen by nobody else.
    bundle = None if landmarker is None else read_bundle(Path(landmarker))
    mediapipe = load()
    ours, our_mesh = Detector(), Landmarker()
    detector = MediapipeDetector(mediapipe, ours)
    if bundle is None:
        return Workbench(detector, our_mesh, before_fork=(ours, our_mesh))
    meshing = MediapipeLandmarker(mediapipe, bundle)
    return Workbench(detector, meshing, others={bundle.name: bundle.sha256}, before_fork=(ours, our_mesh))


def load() -> Any:
    """mediapipe, with its library mapped and nothing running.

    Raises:
        PolicyError: it is not installed, too old, or lacks a library of the system.
    """
    stand_ins = {name: ModuleType(name) for name in _NOT_NEEDED if name not in sys.modules}
    sys.modules.update(stand_ins)
    if "matplotlib" in stand_ins and "matplotlib.pyplot" in stand_ins:
        stand_ins["matplotlib"].__dict__["pyplot"] = stand_ins["matplotlib.pyplot"]
    try:
        import mediapipe  # noqa: PLC0415
        from mediapipe.tasks.python import vision  # noqa: PLC0415, F401
        from mediapipe.tasks.python.core import mediapipe_c_bindings  # noqa: PLC0415

        mediapipe_c_bindings.load_raw_library()
    except ImportError as error:
        raise PolicyError(
            f"The engine mediapipe needs mediapipe 0.10.35 or later, from pip install 'facegate[mediapipe]': {error}."
        ) from error
    except OSError as error:
        raise PolicyError(
            f"mediapipe's library does not load (on Debian it needs libegl1 and libgles2): {error}."
        ) from error
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)
    return mediapipe
