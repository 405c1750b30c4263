"""A detector that another package offers, by entry point, in the place of facegate's own. Child side only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from facegate.codes import CODES, Refusal
from facegate.detectors import GROUP
from facegate.errors import PolicyError
from facegate.showable import is_showable
from facegate.vision.detect import Detections, Detector
from facegate.vision.engines.checked import checked
from facegate.vision.landmarks import Landmarker
from facegate.vision.workbench import Workbench

# Pictures of nobody that a detector is tried on before anything else: what it gives for them must be faces, or none.
_TRIED: Final = ((480, 640), (1, 1))
_WORDS: Final = 160


class HostedDetector:
    """Calls the detector, and takes nothing from it that was not checked.

    Attributes:
        models: SHA-256 of its networks, by name.
        ours: facegate's detector.

    Does not protect against: a detector that misses people, who are then not covered either.
    """

    def __init__(self, name: str) -> None:
        self._theirs, self.models = _load(name)
        # For the look from which the subject is meshed, whoever found it; see `facegate.vision.subject.mesh_input`.
        self.ours = Detector()
        noise = np.random.default_rng(0)
        for height, width in _TRIED:
            try:
                self.detect(noise.integers(0, 256, (height, width, 3), np.uint8))
            except Refusal as refusal:
                raise PolicyError(f"The detector {name!r} was tried: {CODES[refusal.code][1]}") from refusal.__cause__

    def detect(self, rgb: NDArray[np.uint8], *, scan: Literal["everyone", "large"] = "everyone") -> Detections:
        """The faces of one picture; one scan is as good as the other.

        Raises:
            Refusal: it failed, or gave what is no faces.
        """
        del scan
        seen = rgb.view()
        seen.flags.writeable = False  # the upload is not its own to draw on
        try:
            found = self._theirs.detect(seen)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is; its words may quote the picture
            raise Refusal("detector.failed") from None
        return checked(found, *rgb.shape[:2])

    def glance(self, rgb: NDArray[np.uint8]) -> Detections:
        """Facegate's own look at the whole picture."""
        return self.ours.glance(rgb)


def hosted_workbench(name: str) -> Workbench:
    """The workbench whose faces the detector of that name finds.

    Raises:
        PolicyError: there is no such detector, it cannot be made, or a try of it failed.
    """
    detector, landmarker = HostedDetector(name), Landmarker()
    # Warmed up is what is facegate's own: the detector was tried already, and need not take a picture of nobody well.
    return Workbench(detector, landmarker, others=detector.models, before_fork=(detector.ours, landmarker))


def _load(name: str) -> tuple[Any, Mapping[str, str]]:
    offered = entry_points(group=GROUP)
    matching = list(offered.select(name=name))
    if len(matching) != 1:
        names = ", ".join(sorted(offered.names)) or "none"
        trouble = "is offered by more than one" if matching else "is offered by no"
        raise PolicyError(f"The detector {name!r} {trouble} installed package; offered are: {names}.")
    try:
        detector = matching[0].load()()
        models = dict(detector.models())
    except Exception as error:
        # Nobody's data is near yet, so its own words may be told.
        told = " ".join(f"{type(error).__name__}: {error}".split())[:_WORDS]
        shown = "".join(each if is_showable(each) else "?" for each in told)
        raise PolicyError(f"The detector {name!r} could not be made: {shown}") from error
    if not callable(getattr(detector, "detect", None)):
        raise PolicyError(f"The detector {name!r} has no detect method; facegate.detectors says what one must have.")
    for network, digest in models.items():
        if not (is_showable(network) and isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)):
            raise PolicyError(f"The detector {name!r} must name its networks with their SHA-256, lower-case hex.")
    return detector, {f"{name}: {network}": digest for network, digest in models.items()}
