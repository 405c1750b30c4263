"""The ceiling of redacted video: decode and encode with PyAV, audio copied, and nothing in between."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from queue import Queue
from threading import Thread

import av

from facegate.video.threads import Threads

# Frames that may wait between decoder and encoder.
_WAITING = 8


def transcode(source: Path, target: Path, *, preset: str, crf: int) -> int:
    """Decode in one thread and encode in another, with as many threads of the codecs as facegate's child gives them.

    Args:
        source: any video.
        target: .mp4, overwritten.
        preset: of x264.
        crf: of x264.

    Returns:
        The number of frames.
    """
    queue: Queue[av.VideoFrame | av.Packet | BaseException | None] = Queue(_WAITING)
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        video = reading.streams.video[0]
        threads = Threads.of_this_machine(video.width * video.height)
        video.thread_type, video.codec_context.thread_count = "AUTO", threads.decode
        options = {"preset": preset, "crf": str(crf)}
        encoder = writing.add_stream("libx264", rate=video.average_rate, options=options)
        encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, video.codec_context.pix_fmt
        encoder.codec_context.thread_count = threads.encode
        encoder.codec_context.time_base = video.time_base
        audio = {each.index: writing.add_stream_from_template(each) for each in reading.streams.audio}

        def decode() -> None:
            try:
                for packet in reading.demux(video, *reading.streams.audio):
                    if packet.stream.index in audio:
                        if packet.dts is not None:
                            queue.put(packet)
                    else:
                        for frame in packet.decode():
                            queue.put(frame)
                queue.put(None)
            except av.FFmpegError as error:
                queue.put(error)

        worker = Thread(target=decode)
        worker.start()
        count = 0
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, av.Packet):
                item.stream = audio[item.stream.index]
                writing.mux(item)
                continue
            item.pict_type = av.video.frame.PictureType.NONE
            writing.mux(encoder.encode(item))
            count += 1
        worker.join()
        writing.mux(encoder.encode(None))
    return count


def main() -> None:
    """``SOURCE TARGET SETTINGS``, settings as JSON; how long it took as JSON."""
    settings = json.loads(sys.argv[3])
    begun = time.perf_counter()
    transcode(Path(sys.argv[1]), Path(sys.argv[2]), preset=settings["preset"], crf=settings["crf"])
    print(json.dumps({"seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
