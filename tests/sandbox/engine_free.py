"""The control: the same workbench in a process that nothing confines: ``engine_free.py FOLDER PICTURE``.

Says the faces as JSON. What it does next is also told to a tracer, by looking at files that are not there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from engine_bench import FaceDetectorBench

if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    rgb = np.load(sys.argv[2])
    bench = FaceDetectorBench()
    bench.perform({"do": "create"}, [])
    answer = bench.perform({"do": "detect", "shape": rgb.shape[:2]}, [memoryview(rgb.tobytes())])
    Path("/facegate-closes-the-detector").exists()
    bench.perform({"do": "close"}, [])
    print(json.dumps(answer))
