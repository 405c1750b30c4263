"""Encoding: the pixels, the profile and nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from facegate.codes import Refusal
from facegate.policy import MediaLimits
from facegate.sizes import worst_case_bytes
from facegate.vision.decode import decode
from facegate.vision.encode import encode
from fixtures.containers import MARKER, srgb_profile
from fixtures.formats_good import GoodUpload, good_uploads, picture

FORMATS = ("jpeg", "png", "webp")
TRACES = (
    MARKER,
    b"Exif",
    b"xmpmeta",
    b"adobe.com/xap",
    b"Photoshop",
    b"8BIM",
    b"http",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"eXIf",
)
TOLERANCE = {"jpeg": 8, "png": 0, "webp": 20}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("upload", list(good_uploads()), ids=lambda upload: upload.name)
def test_no_metadata_survives(upload: GoodUpload, kind: str):
    """Neither by searching the bytes nor by parsing the file again."""
    frame = decode(upload.data, MediaLimits())
    data = encode(frame.rgb, frame.alpha, frame.icc_profile, format=kind)
    assert isinstance(data, bytes)
    for trace in TRACES:
        assert trace not in data
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert dict(image.getexif()) == {}
        assert not {"exif", "xmp", "photoshop", "comment", "XML:com.adobe.xmp"} & {str(key) for key in image.info}
        assert (image.info.get("icc_profile") is not None) == (frame.icc_profile is not None)
        assert getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_pixels_survive(kind: str):
    """Exactly in PNG, nearly in the others."""
    again = decode(encode(picture(), None, None, format=kind), MediaLimits())
    assert np.abs(again.rgb.astype(int) - picture()).max() <= TOLERANCE[kind]
    assert again.format == {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_profile_is_kept_to_the_byte(kind: str):
    """Without it, colours of a wide-gamut camera would fade."""
    again = decode(encode(picture(), None, srgb_profile(), format=kind), MediaLimits())
    assert again.icc_profile == srgb_profile()


def test_jpeg_lays_alpha_on_white():
    """Clear is white, opaque is the colour, half is half way."""
    rgb = np.zeros((16, 48, 3), np.uint8)
    alpha = np.zeros((16, 48), np.uint8)
    alpha[:, 16:32], alpha[:, 32:] = 128, 255
    again = decode(encode(rgb, alpha, None, format="jpeg", quality=100), MediaLimits()).rgb.astype(int)
    for column, expected in ((4, 255), (24, 127), (44, 0)):
        assert np.abs(again[8, column] - expected).max() <= 2


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_alpha_is_kept_where_the_format_has_it(kind: str):
    """To the value."""
    alpha = np.arange(48 * 32, dtype=np.uint32).reshape(32, 48).astype(np.uint8)
    again = decode(encode(picture(), alpha, None, format=kind), MediaLimits())
    assert np.array_equal(again.alpha, alpha)


@pytest.mark.parametrize("kind", FORMATS)
def test_writing_into_room_gives_the_same_bytes(kind: str):
    """The child writes through a map; nothing behind the file is touched, and too little room is refused."""
    alpha = np.full((32, 48), 99, np.uint8)
    whole = encode(picture(), alpha, srgb_profile(), format=kind)
    room = bytearray(b"\xa5" * (len(whole) + 7))
    assert encode(picture(), alpha, srgb_profile(), format=kind, into=memoryview(room)) == len(whole)
    assert room == whole + b"\xa5" * 7
    with pytest.raises(Refusal) as caught:
        encode(picture(), alpha, srgb_profile(), format=kind, into=memoryview(bytearray(len(whole) - 1)))
    assert caught.value.code == "output.room"


def test_quality_matters_for_lossy_formats():
    """And PNG ignores it."""
    for kind in ("jpeg", "webp"):
        low, high = (len(encode(picture(), None, None, format=kind, quality=quality)) for quality in (10, 100))
        assert low < high
    assert encode(picture(), None, None, format="png", quality=1) == encode(picture(), None, None, format="png")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rgb": np.zeros((4, 4, 4), np.uint8)}, "output.shape"),
        ({"rgb": np.zeros((4, 4, 3), np.float32)}, "output.shape"),
        ({"rgb": np.zeros((0, 4, 3), np.uint8)}, "output.shape"),
        ({"rgb": np.zeros(4, np.uint8)}, "output.shape"),
        ({"alpha": np.zeros((4, 5), np.uint8)}, "output.shape"),
        ({"alpha": np.zeros((4, 4), np.uint16)}, "output.shape"),
        ({"format": "gif"}, "output.format"),
        ({"format": "PNG"}, "output.format"),
        ({"quality": 0}, "output.quality"),
        ({"quality": 101}, "output.quality"),
        ({"quality": 50.0}, "output.quality"),
        ({"quality": True}, "output.quality"),
        ({"rgb": np.zeros((1, 16_384, 3), np.uint8), "format": "webp"}, "output.side"),
        ({"rgb": np.zeros((65_501, 1, 3), np.uint8)}, "output.side"),
    ],
)
def test_what_cannot_be_encoded_is_refused(change: dict, code: str):
    """With its own code."""
    asked = {"rgb": np.zeros((4, 4, 3), np.uint8), "alpha": None, "icc_profile": None, "format": "jpeg"} | change
    rgb, alpha, profile = asked.pop("rgb"), asked.pop("alpha"), asked.pop("icc_profile")
    with pytest.raises(Refusal) as caught:
        encode(rgb, alpha, profile, **asked)
    assert caught.value.code == code


def test_grey_becomes_rgb():
    """Generators give masks and depth maps too."""
    grey = picture()[:, :, 0]
    again = decode(encode(grey, None, None, format="png"), MediaLimits())
    assert np.array_equal(again.rgb, np.repeat(grey[:, :, None], 3, axis=2))


def test_views_with_any_stride_are_read_right():
    """A generator may hand over a crop, or planes in another order."""
    flipped = picture()[::-1, ::-1]
    again = decode(encode(flipped, None, None, format="png"), MediaLimits())
    assert np.array_equal(again.rgb, flipped)


def _hard_pictures(height: int, width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(height * width)
    checks = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return {
        "noise": rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        "black and white": rng.integers(0, 2, (height, width, 3), dtype=np.uint8) * 255,
        "nearly flat noise": rng.integers(126, 130, (height, width, 3), dtype=np.uint8),
        "checks": np.repeat(checks[:, :, None], 3, axis=2),
        "checks in turn": np.dstack((checks, 255 - checks, checks)),
    }


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (15, 17), (33, 16), (250, 257)])
@pytest.mark.parametrize("kind", FORMATS)
def test_the_worst_case_is_never_reached(kind: str, size: tuple[int, int]):
    """Noise at the highest quality, with an incompressible alpha plane and profile, fits the promised room."""
    rng = np.random.default_rng(3)
    alpha = rng.integers(0, 256, size, dtype=np.uint8)
    # Only the profile's length matters here: encoders write it as it is.
    for profile in (None, rng.bytes(300_000)):
        for name, rgb in _hard_pictures(*size).items():
            for quality in (None, 1, 100):
                for plane in (None, alpha):
                    room = worst_case_bytes(*size, 3 if plane is None else 4, len(profile or b""))
                    size_now = len(encode(rgb, plane, profile, format=kind, quality=quality))
                    assert size_now < room, name


def test_the_worst_case_stays_near_the_truth():
    """A bound that is absurdly high would not fit a child's address space."""
    noise = _hard_pictures(512, 512)["black and white"]
    assert worst_case_bytes(512, 512, 3, 0) < 4 * len(encode(noise, None, None, format="jpeg", quality=100))


@pytest.mark.parametrize("wrong", [(0, 1, 3, 0), (1, -1, 3, 0), (1, 1, 2, 0), (1, 1, 3, -1)])
def test_a_worst_case_of_nothing_is_an_error(wrong: tuple[int, int, int, int]):
    """The worker's bug, not the child's."""
    with pytest.raises(ValueError, match="positive"):
        worst_case_bytes(*wrong)
