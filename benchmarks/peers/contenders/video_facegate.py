"""facegate as a worker uses it: through the public API, in a confined child. See `video_loop` for the arguments."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from quality import quality_of

import facegate

source, target, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
with facegate.Gate() as gate:
    gate.pool.wait_full(60)
    begun = time.perf_counter()
    with gate.open_request("bench-video", purpose="generation") as request:
        video = request.admit(source, media="video")
        redacted = request.redact(video, profile=settings["profile"], style=settings["style"])
        quality = quality_of(settings["crf"])
        request.finish(redacted, format="mp4", codec="h264", preset=settings["preset"], quality=quality, to=target)
    seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds}))
