"""Decoding: what must come out does, what must be refused is, and a refusal tells nothing."""

from __future__ import annotations

import logging
import subprocess
import sys
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFile

from facegate.codes import CODES, Refusal
from facegate.policy import MediaLimits
from facegate.vision import decode as decoding
from facegate.vision.decode import decode
from fixtures.containers import MARKER, encoded, png
from fixtures.formats import BadUpload, GoodUpload, bad_uploads, good_uploads
from fixtures.formats_good import HEIGHT, WIDTH, metadata_jpeg, picture

GOOD = list(good_uploads())
BAD = list(bad_uploads())
LIMITS = MediaLimits()


@pytest.mark.parametrize("upload", GOOD, ids=lambda upload: upload.name)
def test_a_good_upload_comes_out_upright_and_in_its_colours(upload: GoodUpload):
    """Every type, mode, depth and orientation equals the picture that it was made from."""
    frame = decode(upload.data, LIMITS)
    assert frame.rgb.shape == upload.rgb.shape
    assert np.abs(frame.rgb.astype(int) - upload.rgb).max() <= upload.tolerance
    assert (frame.alpha is None) == (upload.alpha is None)
    if upload.alpha is not None:
        assert np.array_equal(frame.alpha, upload.alpha)
    assert (frame.icc_profile is not None) == upload.icc
    assert frame.format == upload.format


@pytest.mark.parametrize("upload", GOOD, ids=lambda upload: upload.name)
def test_planes_are_ours_to_change(upload: GoodUpload):
    """Redaction works in place, and LiteRT and OpenCV want contiguous rows."""
    frame = decode(upload.data, LIMITS)
    for plane in (frame.rgb, frame.alpha):
        if plane is not None:
            assert plane.dtype == np.uint8
            assert plane.flags.c_contiguous
            assert plane.flags.writeable


@pytest.mark.parametrize("upload", BAD, ids=lambda upload: upload.name)
def test_a_bad_upload_is_refused_with_its_code(upload: BadUpload):
    """And with nothing beside the code."""
    with pytest.raises(Refusal) as caught:
        decode(upload.data, LIMITS)
    assert caught.value.code in upload.codes
    assert caught.value.code in CODES
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("upload", BAD, ids=lambda upload: upload.name)
def test_a_refusal_costs_no_memory_to_speak_of(upload: BadUpload):
    """Bounds are checked before pixels: Python's share of memory stays under a few copies of the file."""
    tracemalloc.start()
    try:
        with pytest.raises(Refusal):
            decode(upload.data, LIMITS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(upload.data) + (1 << 20)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (MediaLimits(bytes=10), "limit.bytes"),
        (MediaLimits(pixels=WIDTH * HEIGHT - 1), "limit.pixels"),
        (MediaLimits(side=WIDTH - 1), "limit.side"),
        (MediaLimits(aspect=1.49), "limit.aspect"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_limits_are_exact_and_hold_before_decoding(
    kind: str, limits: MediaLimits, code: str, monkeypatch: pytest.MonkeyPatch
):
    """One below refuses, without a decoder being opened."""
    data = encoded(Image.fromarray(picture()), kind)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("a decoder was opened"))
    with pytest.raises(Refusal) as caught:
        decode(data, limits)
    assert caught.value.code == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_limits_admit_what_is_just_inside(kind: str):
    """A picture exactly at each limit passes."""
    data = encoded(Image.fromarray(picture()), kind)
    limits = MediaLimits(bytes=len(data), pixels=WIDTH * HEIGHT, side=WIDTH, aspect=WIDTH / HEIGHT)
    assert decode(data, limits).rgb.shape == (HEIGHT, WIDTH, 3)


def test_a_decoder_that_reads_another_size_than_the_header_did_is_refused(
    astronaut: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise what two readers read in two ways would pass the limits with one and be decoded with the other."""
    read = decoding.read_header
    monkeypatch.setattr(decoding, "read_header", lambda data: replace(read(data), height=read(data).height - 1))
    with pytest.raises(Refusal) as refused:
        decode(astronaut, MediaLimits())
    assert refused.value.code == "decode.header"


def test_a_memoryview_is_as_good_as_bytes():
    """The upload is a read-only map of a memfd."""
    data = metadata_jpeg(6)
    assert np.array_equal(decode(memoryview(data), LIMITS).rgb, decode(data, LIMITS).rgb)


def test_deep_grey_is_scaled_and_not_clipped():
    """Pillow's own conversion makes everything over 255 of 65,535 white."""
    ramp = np.linspace(0, 65535, 256 * 4, dtype=np.uint16).reshape(16, 64, 1)
    rgb = decode(png(ramp, 0, 16), LIMITS).rgb
    assert np.array_equal(rgb[:, :, 0].ravel(), ramp.ravel() >> 8)
    assert rgb[0, 0, 0] == 0
    assert rgb[-1, -1, 0] == 255


def test_nothing_but_pixels_reaches_the_decoder(monkeypatch: pytest.MonkeyPatch):
    """No metadatum of the upload is in what Pillow is given."""
    seen: list[bytes] = []
    honest = Image.open
    monkeypatch.setattr(Image, "open", lambda file, **rest: seen.append(file.getvalue()) or honest(file, **rest))
    data = metadata_jpeg(3)
    assert data.count(MARKER) >= 6
    decode(data, LIMITS)
    assert len(seen) == 1
    assert MARKER not in seen[0]
    assert b"Exif" not in seen[0]


def test_no_comment_of_a_gif_reaches_the_decoder(monkeypatch: pytest.MonkeyPatch):
    """Of the extensions before the first frame, only those that make a colour transparent."""
    seen: list[bytes] = []
    honest = Image.open
    monkeypatch.setattr(Image, "open", lambda file, **rest: seen.append(file.getvalue()) or honest(file, **rest))
    data = encoded(Image.fromarray(picture()).quantize(16), "GIF", comment=MARKER, transparency=3, loop=0)
    assert MARKER in data
    frame = decode(data, LIMITS)
    assert frame.alpha is not None
    assert b"!\xf9" in seen[0]
    assert MARKER not in seen[0]


def test_pillow_is_left_as_it_was_found(caplog: pytest.LogCaptureFixture):
    """Process-wide settings are put back, no warning leaks, and the debug log stays silent."""
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, warnings.filters[:])
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for upload in (*GOOD, *BAD):
            try:
                decode(upload.data, LIMITS)
            except Refusal:
                continue
    assert not caught
    assert not caplog.records
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, warnings.filters[:])


def test_pillow_reaches_for_no_module_after_import():
    """In the sandbox no file can be opened, so no import can succeed either."""
    program = """
import sys
from facegate.vision import decode as decoding
from facegate.vision.decode import decode
from facegate.vision.encode import encode
from facegate.policy import MediaLimits
from fixtures.formats import good_uploads
uploads = list(good_uploads())
def refuse(event, args):
    if event == "open" and isinstance(args[0], str):
        raise SystemExit("opened " + args[0])
sys.addaudithook(refuse)
for upload in uploads:
    frame = decode(upload.data, MediaLimits())
    for kind in ("jpeg", "png", "webp"):
        encode(frame.rgb, frame.alpha, frame.icc_profile, format=kind)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_memory_that_is_not_there_is_a_limit(monkeypatch: pytest.MonkeyPatch):
    """The child's memory is bounded; running into that must not look like a damaged file."""

    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", exhausted)
    with pytest.raises(Refusal) as caught:
        decode(encoded(Image.fromarray(picture()), "PNG"), LIMITS)
    assert caught.value.code == "memory"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF"])
def test_a_child_that_runs_out_of_address_space_says_so(kind: str):
    """A picture within the policy but not within the child's memory: refused as such, not as damaged, and no crash."""
    program = """
import io, resource, sys
from pathlib import Path
from PIL import Image
from facegate.codes import Refusal
from facegate.policy import MediaLimits
from facegate.vision import decode as decoding
from facegate.vision.decode import decode
file = io.BytesIO()
options = {"compression": "tiff_lzw"} if sys.argv[1] == "TIFF" else {}
Image.new("RGB", (7000, 7000)).save(file, sys.argv[1], **options)
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (20 << 20),) * 2)
try:
    decode(file.getvalue(), MediaLimits())
except Refusal as refusal:
    print(refusal.code)
"""
    shown = subprocess.run([sys.executable, "-c", program, kind], capture_output=True, text=True, check=True)
    assert shown.stdout == "memory\n"


def test_a_profile_that_does_not_fit_is_dropped():
    """Too large, malformed, or for grey: gone, and the picture still decodes."""
    image = Image.fromarray(picture())
    grey = bytearray(decode(metadata_jpeg(), LIMITS).icc_profile)
    grey[16:20] = b"GRAY"
    for profile in (b"x" * 200, bytes(grey), b"short"):
        assert decode(encoded(image, "JPEG", icc_profile=profile), LIMITS).icc_profile is None
