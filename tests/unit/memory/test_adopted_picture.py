"""PIL images that are adopted; Pillow is a dependency, and imported by nobody of the worker's side."""

from __future__ import annotations

import gc
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from facegate.errors import AdoptionError
from facegate.memory.adopted import Adoptions
from facegate.memory.nested import nested

SIZES = {
    "1": 1,
    "L": 1,
    "P": 1,
    "LA": 4,
    "RGB": 4,
    "RGBA": 4,
    "CMYK": 4,
    "YCbCr": 4,
    "HSV": 4,
    "I": 4,
    "F": 4,
}


def wiped(picture: Image.Image) -> tuple[int, int, int]:
    adoptions = Adoptions()
    adoptions.take(picture)
    (done,) = adoptions.wipe()
    assert done.name == "adopted picture 1"
    return done.bytes_wiped, done.bytes_reread, done.bytes_nonzero


@pytest.mark.parametrize(("mode", "size"), SIZES.items())
def test_every_pixel_is_zero_and_was_read_back(mode: str, size: int) -> None:
    picture = Image.new(mode, (7, 5), 1)
    assert picture.im.getbbox(False) is not None
    assert wiped(picture) == (35 * size, 35 * size, 0)
    assert not np.asarray(picture).any()


def test_a_transparent_picture_is_zero_in_its_colours_too() -> None:
    picture = Image.new("RGBA", (4, 4), (9, 9, 9, 0))
    wiped(picture)
    assert not np.asarray(picture).any()


def test_what_was_there_is_zeroed_also_when_the_picture_got_other_pixels() -> None:
    picture = Image.new("L", (8, 8), 7)
    first = picture.im
    adoptions = Adoptions()
    adoptions.take(picture)
    picture.thumbnail((4, 4))
    assert picture.im is not first
    adoptions.wipe()
    assert first.getbbox(False) is None


def test_one_that_is_read_from_a_file_is_decoded_and_zeroed() -> None:
    file = io.BytesIO()
    Image.new("RGB", (6, 6), 3).save(file, "PNG")
    picture = Image.open(file)
    assert wiped(picture)[2] == 0
    assert not np.asarray(picture).any()


def test_what_zeros_would_not_erase_is_refused() -> None:
    shared = Image.frombuffer("L", (4, 4), bytearray(range(16)), "raw", "L", 0, 1)
    for picture in (shared, Image.new("I;16", (2, 2))):
        with pytest.raises(AdoptionError):
            Adoptions().take(picture)


def test_an_empty_one_and_two_owners() -> None:
    assert wiped(Image.new("RGB", (0, 4))) == (0, 0, 0)
    picture = Image.new("L", (2, 2), 1)
    first, second = Adoptions(), Adoptions()
    first.take(picture)
    with pytest.raises(AdoptionError, match="another request"):
        second.take(picture)
    first.wipe()
    gc.collect()
    second.take(picture)
    second.wipe()


def test_a_structure_is_searched_once() -> None:
    array, picture, buffer = np.ones(3), Image.new("L", (2, 2), 1), bytearray(b"abc")
    loop: list[object] = [array, {"a": (picture, {"b": [buffer, array]})}, "text", 7, None]
    loop.append(loop)
    assert {id(each) for each in nested(loop)} == {id(array), id(picture), id(buffer)}
    assert len(list(nested(loop))) == 3
    assert list(nested(array)) == [array]


def test_pillow_is_not_imported_by_us() -> None:
    code = "import sys, facegate, facegate.memory.adopted; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
