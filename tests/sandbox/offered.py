"""A package that offers detectors, as a test installs it: one that knows a portrait, and several that misbehave.

They act on pictures of 512 by 512 pixels, as scikit-image's portrait is, and see nobody in any other.
"""

import os
import threading
import urllib.request
from pathlib import Path

import numpy as np

from facegate.detectors import Found

# Where scikit-image's portrait has its face and, in BlazeFace's order, the six points.
FACE = [175.0, 75.0, 276.0, 176.0]
POINTS = [[204, 102], [248, 106], [225, 129], [222, 147], [181, 110], [274, 119]]
ASTRONAUT = Found(np.array([FACE]), np.array([0.75]), np.array([POINTS], np.float32))


class Offered:
    """Knows where the face is. The picture's first number tells it to do something else."""

    def detect(self, rgb):
        if rgb.shape != (512, 512, 3):
            return np.empty((0, 4)), np.empty(0), None
        others = [self.boxes_alone, self.draw, self.fail, self.lie, self.crowd, self.call, self.keep, self.one_box]
        what = int(rgb[0, 0, 0])
        return others[what - 1](rgb) if 1 <= what <= len(others) else ASTRONAUT

    def models(self):
        return {"lookup": "0" * 64}

    def boxes_alone(self, rgb):
        return np.array([[10, 10, 60, 60], FACE]), np.array([0.5, 0.9]), None

    def one_box(self, rgb):
        return np.array([[237, 237, 275, 275]]), np.ones(1), None

    def draw(self, rgb):
        rgb[:] = 0
        return ASTRONAUT

    def fail(self, rgb):
        raise RuntimeError(f"marker-of-the-picture {rgb[0, 0].tolist()}")

    def lie(self, rgb):
        return np.full((1, 4), np.nan), np.ones(1), None

    def crowd(self, rgb):
        return np.tile(FACE, (2000, 1)), np.ones(2000), None

    def call(self, rgb):
        urllib.request.urlopen("http://127.0.0.1:9/")
        return ASTRONAUT

    def keep(self, rgb):
        Path("/tmp/facegate-offered").write_bytes(rgb.tobytes())
        return ASTRONAUT


class Threads(Offered):
    """Leaves a thread behind."""

    def __init__(self):
        threading.Thread(target=threading.Event().wait, daemon=True).start()


class Unnamed(Offered):
    """Names its networks without saying which they are."""

    def models(self):
        return {"lookup": "v1"}


class Blind:
    """Is no detector."""

    def models(self):
        return {}


class Nonsense(Offered):
    """Gives no faces for any picture."""

    def detect(self, rgb):
        return "faces"


def broken():
    raise OSError(f"no weights in {os.sep}opt")
