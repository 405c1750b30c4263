"""Which pixel formats the kernels take, and what the others become."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from facegate.codes import CODES, Refusal
from facegate.redact.formats import FORMATS, supported_format

ALL = sorted(av.video.format.names)


def _described(name: str) -> tuple[int, int, int, int, bool]:
    """Bits, chroma columns and rows in a frame of 64x64, channels, alpha."""
    parts = av.VideoFormat(name, 64, 64).components
    colours = [part for part in parts if not part.is_alpha]
    alpha = len(colours) < len(parts)
    return max(part.bits for part in parts), colours[-1].width, colours[-1].height, len(colours), alpha


def test_the_table_has_ffmpegs_own_names_and_layouts():
    """Planes, subsampling, depth and alpha are what FFmpeg says of the format."""
    for name, layout in FORMATS.items():
        parts = av.VideoFormat(name, 64, 64).components
        assert max(part.bits for part in parts) == layout.depth, name
        assert len({part.plane for part in parts}) == len(layout.planes), name
        for index, plane in enumerate(layout.planes):
            mine = [part for part in parts if part.plane == index]
            assert len(mine) == plane.channels, name
            assert {(64 // plane.across, 64 // plane.down)} == {(part.width, part.height) for part in mine}, name
            if plane.channels == 1:
                assert (plane.kind == "alpha") == mine[0].is_alpha, name
        packed_alpha = any(part.is_alpha for part in parts) and not any(p.kind == "alpha" for p in layout.planes)
        assert (layout.alpha is not None) == packed_alpha, name


@pytest.mark.parametrize("name", sorted(n for n, layout in FORMATS.items() if layout.alpha is not None))
def test_the_alpha_channel_is_where_the_table_says(name: str):
    """An opaque white pixel becomes transparent by that channel, and by no other."""
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 4), 255, np.uint8), format="rgba").reformat(format=name)
    layout = FORMATS[name]
    dtype = np.uint8 if layout.depth == 8 else "<u2"
    lines = np.frombuffer(frame.planes[0], dtype).reshape(32, -1)
    lines[:, : 32 * layout.planes[0].channels].reshape(32, 32, -1)[..., layout.alpha] = 0
    assert (frame.to_ndarray(format="rgba")[..., 3] == 0).all()
    assert (frame.to_ndarray(format="rgba")[..., :3] == 255).all()


@pytest.mark.parametrize("name", ALL)
def test_every_format_of_ffmpeg_is_taken_turned_into_one_that_loses_nothing_or_refused(name: str):
    """And FFmpeg does turn it; refused are those for which there is no such format."""
    if name in REFUSED:
        with pytest.raises(Refusal) as caught:
            supported_format(name)
        assert caught.value.code == "format.pixels"
        return
    nearest = supported_format(name)
    assert nearest in FORMATS
    assert supported_format(nearest) == nearest
    if nearest == name:
        return
    assert VideoReformatter().reformat(av.VideoFrame(64, 64, name), format=nearest).format.name == nearest
    if name == "pal8":  # FFmpeg counts the index as the one component
        assert nearest == "rgba"
        return
    theirs, ours = _described(name), _described(nearest)
    assert ours[0] >= theirs[0]
    assert ours[3] >= theirs[3]
    assert ours[4] or not theirs[4]
    if not name.startswith("yuv41"):  # 4:1:0 and 4:1:1: columns are more, rows the same or more
        assert ours[1] >= theirs[1]
    assert ours[2] >= theirs[2]


# Floats, 32 bits and Bayer patterns have no nearest without loss; hardware frames have no memory; FFmpeg cannot read
# the rest.
REFUSED = {
    name
    for name in ALL
    if name.startswith("bayer_")
    or any(word in name for word in ("f16", "f32", "32le", "32be", "rgb96", "rgba128"))
    or name in {"v30xbe", "xv30be", "x2rgb10be", "x2bgr10be", "y210be", "y212be", "y216be", "rgb4", "bgr4"}
    or (len(av.VideoFormat(name, 64, 64).components) == 0)
    or name in {"mediacodec", "videotoolbox_vld", "vulkan", "cuda", "qsv", "vaapi", "vdpau", "opencl", "amf", "ohcodec"}
    or name in {"d3d11", "d3d11va_vld", "d3d12", "drm_prime", "dxva2_vld", "mmal"}
}


@pytest.mark.parametrize("name", ["", "yuv420p11le", "nv13", "le", "be", "yuv420", "rgb24 ", "yuvj420p10le"])
def test_an_unknown_format_is_refused(name: str):
    """With a sentence of its own."""
    with pytest.raises(Refusal) as caught:
        supported_format(name)
    assert caught.value.code in CODES
