"""Points, crops, masks and pasting through a real gate: what the worker sees, when it is gone, and who is refused."""

from __future__ import annotations

import asyncio
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import facegate
from facegate.errors import AnalysisError, RequestClosedError, SealedError, ShapeError
from facegate.geometry import CROPS, MASKS
from facegate.memory.arena import ARENA_BYTES
from facegate.vision import align
from fixtures.collection import two_people
from fixtures.portraits import portrait
from tests.clips import clip
from tests.conftest import encode

NewId = Callable[[], str]
TEMPLATE = [(96, 110), (160, 110), (128, 145), (102, 180), (154, 180)]


@pytest.fixture(scope="module")
def pair() -> bytes:
    """The astronaut, and a second face beside her."""
    return encode(two_people().rgb, "PNG")


@pytest.fixture(scope="module")
def png() -> bytes:
    """The astronaut without loss, so that pixels can be compared."""
    return encode(portrait("astronaut"), "PNG")


@contextmanager
def subject_of(gate: facegate.Gate, data: bytes, name: str) -> Iterator[tuple[facegate.Request, facegate.Face]]:
    """An open request, and its subject."""
    with gate.open_request(name, purpose="generation") as request:
        face = request.analyze(request.admit(data)).subject
        assert face is not None
        yield request, face


def shown(picture: facegate.PastedImage | facegate.ImageUpload) -> NDArray[np.uint8]:
    """A copy."""
    with picture.expose() as pixels:
        return pixels.copy()


@pytest.mark.parametrize(("name", "shape"), [("points_68", (68, 3)), ("points_106", (106, 2)), ("transform", (4, 4))])
def test_vectors(gate: facegate.Gate, png: bytes, new_id: NewId, name: str, shape: tuple[int, ...]) -> None:
    """In the arena, of the landmarks that lie there, and dead after the block."""
    with subject_of(gate, png, new_id()) as (request, face):
        with face.expose(name) as found, face.expose("landmarks") as landmarks:
            assert found.shape == shape
            assert found.dtype == np.float32
            assert not found.flags.writeable
            if name == "transform":
                # The canonical nose, which is 7.6 cm before the middle of the head, lies on the face's.
                assert np.linalg.norm((found @ [0, -0.46, 7.59, 1])[:2] - landmarks[4, :2]) < 5
            else:
                assert (found[:, :2] >= landmarks[:, :2].min(axis=0) - 1e-3).all()
                assert (found[:, :2] <= landmarks[:, :2].max(axis=0) + 1e-3).all()
            kept = found
        assert not kept.any(), "dead after the block"
        with face.expose(name) as again:
            assert again.any()
            request.finish(np.zeros((8, 8, 3), np.uint8))
            assert not again.any(), "dead after the request"


@pytest.mark.parametrize(("kind", "size"), [("arcface", 112), ("arcface", 256), ("ffhq", 512), ("similarity", 200)])
def test_crop(gate: facegate.Gate, png: bytes, new_id: NewId, kind: str, size: int) -> None:
    """Pixels and matrices are those of the reference's recipe on the upload; zeros after the block and the request."""
    template = TEMPLATE if kind == "similarity" else None
    with subject_of(gate, png, new_id()) as (request, face):
        with face.expose("five_points") as five:
            matrices = align.fit(kind, five[None], size, None if template is None else np.array(template, float))
        with face.crop(kind, size=size, template=template) as crop:
            assert crop.pixels.shape == (size, size, 3)
            assert (crop.pixels.dtype, crop.matrix.dtype, crop.inverse.dtype) == (np.uint8, np.float32, np.float32)
            assert crop.size == size
            np.testing.assert_allclose(crop.matrix, matrices[0], rtol=1e-6)
            np.testing.assert_allclose(crop.inverse, align.inverses(matrices)[0], rtol=1e-6)
            assert (crop.pixels == align.crops(portrait("astronaut"), matrices, size, align.BORDERS[kind])[0]).all()
            for array in (crop.pixels, crop.matrix, crop.inverse):
                with pytest.raises(ValueError, match="read-only"):
                    array[0, 0] = 1
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.flags.writeable = True
            kept = (crop.pixels, crop.matrix, crop.inverse)
        assert not any(array.any() for array in kept), "dead after the block"
        with face.crop(kind, size=size, template=template) as crop:
            assert crop.pixels.any()
            request.finish(np.zeros((8, 8, 3), np.uint8))
            assert not crop.pixels.any(), "dead after the request"
            assert not crop.matrix.any()


def test_a_crop_is_sealed(gate: facegate.Gate, png: bytes, new_id: NewId) -> None:
    """It says nothing and goes nowhere."""
    with subject_of(gate, png, new_id()) as (_, face), face.crop() as crop:
        assert repr(crop) == "[sealed Crop]"
        assert crop.size == 112
        with pytest.raises(SealedError):
            pickle.dumps(crop)
        with pytest.raises(SealedError):
            np.asarray(crop)


@pytest.mark.parametrize("kind", MASKS)
def test_mask(gate: facegate.Gate, png: bytes, new_id: NewId, kind: str) -> None:
    """Of the upload's size, 0 to 1, around the face; zeros after the block and the request."""
    with subject_of(gate, png, new_id()) as (request, face):
        with face.mask(kind, feather=0.02) as mask, face.expose("landmarks") as landmarks:
            assert mask.shape == (512, 512)
            assert mask.dtype == np.float32
            assert (mask.min(), mask.max()) == (0, 1)
            rows, columns = np.nonzero(mask)
            low, high = landmarks[:, :2].min(axis=0) - 6, landmarks[:, :2].max(axis=0) + 6
            assert (columns.min(), rows.min()) >= tuple(low)
            assert (columns.max(), rows.max()) <= tuple(high)
            with pytest.raises(ValueError, match="read-only"):
                mask[0, 0] = 1
            kept = mask
        assert not kept.any(), "dead after the block"
        with face.mask(kind) as mask:
            assert mask.any()
            request.cancel()
            assert not mask.any(), "dead after the request"


def test_a_wider_picture_has_a_wider_mask(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    """Height first, of a picture that is no square."""
    height, width = two_people().rgb.shape[:2]
    with subject_of(gate, pair, new_id()) as (_, face), face.mask() as mask, face.expose("box") as box:
        assert mask.shape == (height, width)
        assert height != width
        x, y = ((box[:2] + box[2:]) / 2).astype(int)
        assert mask[y, x] == 1


def test_paste(gate: facegate.Gate, png: bytes, new_id: NewId) -> None:
    """A crop comes back to its place; beside the face nothing changes; the upload itself does not change."""
    before = portrait("astronaut")
    with subject_of(gate, png, new_id()) as (request, face):
        with face.crop("ffhq") as crop:
            pixels = request.adopt(255 - crop.pixels)
        pasted = request.paste(face, pixels, kind="ffhq", size=512, mask="oval", feather=0.05)
        assert isinstance(pasted, facegate.PastedImage)
        assert pasted.size_wh == (512, 512)
        assert repr(pasted).startswith("[sealed ")
        after = shown(pasted)
        with face.mask("oval", feather=0.05) as mask:
            assert (after[mask == 0] == before[mask == 0]).all()
            inside = mask == 1
            assert np.abs(after[inside].astype(int) - (255 - before[inside])).mean() < 5
        assert (shown(face.faces.upload) == before).all()
        again = request.paste(face, pixels, onto=pasted, mask="crop", match_colour=True)
        assert (shown(again) != after).any()
        assert (shown(pasted) == after).all()
        output = request.finish(pasted, format="png")
    assert (np.asarray(Image.open(io.BytesIO(output.data))) == after).all()
    assert not pixels.any(), "adopted"


def test_paste_onto_a_redacted_picture(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    """The bystander stays covered; without `onto` it would be there, which is what the control shows."""
    x0, y0, x1, y1 = two_people().boxes[1].astype(int)
    with subject_of(gate, pair, new_id()) as (request, face):
        pixels = np.full((512, 512, 3), 200, np.uint8)
        safe = request.redact(face.faces.upload, keep=face)
        for onto, covered in ((safe, True), (None, False)):
            after = shown(request.paste(face, pixels, onto=onto))
            spread = after[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5].std(axis=(0, 1)).max()
            assert (spread == 0) == covered
        with face.expose("box") as box:
            x, y = ((box[:2] + box[2:]) / 2).astype(int)
        assert np.abs(after[y, x].astype(int) - 200).max() <= 1


def test_a_pasted_picture_can_be_redacted(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    """As any picture of the request; both faces of it."""
    with subject_of(gate, pair, new_id()) as (request, face):
        with face.crop("ffhq") as crop:
            pasted = request.paste(face, crop.pixels, mask="crop")
        with request.redact(pasted).expose() as after:
            for x0, y0, x1, y1 in two_people().boxes.astype(int):
                assert after[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5].std(axis=(0, 1)).max() == 0


def test_bystanders_are_refused(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    """Nothing of this is computed of anyone but the subject; nor when nobody is."""
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        for subject in ("largest", "none"):
            faces = request.analyze(upload, subject=subject)
            assert faces.bystanders
            for face in faces.bystanders:
                for name in ("points_68", "points_106", "transform"):
                    with pytest.raises(AnalysisError, match="bystander"):
                        face.expose(name)
                for kind in CROPS:
                    with pytest.raises(AnalysisError, match="bystander"):
                        face.crop(kind)
                for kind in MASKS:
                    with pytest.raises(AnalysisError, match="bystander"):
                        face.mask(kind)
                with pytest.raises(AnalysisError, match="bystander"):
                    request.paste(face, np.zeros((512, 512, 3), np.uint8))


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"kind": "square"}, AnalysisError, "kind must be one of"),
        ({"size": 100}, AnalysisError, "multiple of 112 or of 128"),
        ({"size": 112.0}, AnalysisError, "whole number"),
        ({"size": 0}, AnalysisError, "whole number"),
        ({"size": 112 * 1000}, AnalysisError, "whole number"),
        ({"size": True}, AnalysisError, "whole number"),
        ({"kind": "ffhq", "size": 256}, AnalysisError, "512 or 1024"),
        ({"kind": "similarity", "size": 64}, AnalysisError, "template"),
        ({"kind": "similarity", "template": TEMPLATE}, AnalysisError, "whole number"),
        ({"template": TEMPLATE}, AnalysisError, "template"),
        ({"kind": "similarity", "size": 64, "template": TEMPLATE[:4]}, ShapeError, "template"),
        ({"kind": "similarity", "size": 64, "template": [(1, 1)] * 5}, ShapeError, "template"),
        ({"kind": "similarity", "size": 64, "template": [(1, float("nan"))] * 5}, ShapeError, "template"),
        ({"kind": "similarity", "size": 64, "template": [("a", "b")] * 5}, ShapeError, "template"),
    ],
)
def test_bad_crops(
    gate: facegate.Gate, png: bytes, new_id: NewId, options: dict, error: type[Exception], sentence: str
) -> None:
    """One sentence, and the request goes on."""
    with subject_of(gate, png, new_id()) as (_, face):
        with pytest.raises(error, match=sentence):
            face.crop(**options)
        with face.crop() as crop:
            assert crop.pixels.any()


@pytest.mark.parametrize("feather", [-0.1, 1.5, float("nan"), float("inf"), "wide", True, None])
def test_bad_feathers(gate: facegate.Gate, png: bytes, new_id: NewId, feather: float) -> None:
    """One sentence."""
    with subject_of(gate, png, new_id()) as (request, face):
        with pytest.raises(AnalysisError, match="feather"):
            face.mask("oval", feather=feather)
        with pytest.raises(AnalysisError, match="feather"):
            request.paste(face, np.zeros((512, 512, 3), np.uint8), feather=feather)


def test_bad_pastes(gate: facegate.Gate, png: bytes, pair: bytes, new_id: NewId) -> None:
    """One sentence, and the request goes on."""
    good = np.zeros((512, 512, 3), np.uint8)
    with subject_of(gate, png, new_id()) as (request, face):
        with pytest.raises(AnalysisError, match="mask must be"):
            face.mask("crop")
        for bad in (good[..., 0], good[:, :511], good.astype(np.float32), [[1]], good[..., :2]):
            with pytest.raises(ShapeError, match="pixels must be the crop"):
                request.paste(face, bad)
        with pytest.raises(ShapeError, match="1024"):
            request.paste(face, good, size=1024)
        with pytest.raises(AnalysisError, match="mask must be"):
            request.paste(face, good, mask="beard")
        with pytest.raises(AnalysisError, match="512 or 1024"):
            request.paste(face, good[:256, :256])
        other = request.admit(pair)
        with pytest.raises(AnalysisError, match="upload's size"):
            request.paste(face, good, onto=other)
        with gate.open_request(new_id(), purpose="generation") as second:
            with pytest.raises(AnalysisError, match="admitted"):
                second.paste(face, good)
            foreign = second.admit(png)
            with pytest.raises(AnalysisError, match="admitted"):
                request.paste(face, good, onto=foreign)
        assert request.paste(face, good).size_wh == (512, 512)


def test_a_new_analysis_ends_the_old_ones_products(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    """Who asks for the first person must not get the second."""
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        first = request.analyze(upload).subject
        late = first.crop()
        request.analyze(upload, subject=1)
        for late_or_new in (late, first.crop(), first.mask()):
            with pytest.raises(RequestClosedError, match="later analysis"), late_or_new:
                pass
        with pytest.raises(RequestClosedError, match="later analysis"):
            request.paste(first, np.zeros((512, 512, 3), np.uint8))


def test_after_the_request(gate: facegate.Gate, png: bytes, new_id: NewId) -> None:
    """Handles raise."""
    with subject_of(gate, png, new_id()) as (request, face):
        waiting = face.mask()
    with pytest.raises(RequestClosedError), waiting:
        pass
    with pytest.raises(RequestClosedError):
        face.crop()
    with pytest.raises(RequestClosedError):
        request.paste(face, np.zeros((512, 512, 3), np.uint8))


def test_all_of_it_is_wiped_and_counted(gate: facegate.Gate, png: bytes, new_id: NewId) -> None:
    """The receipt's bytes have the arena, every crop's and mask's region, and the pasted crop's."""
    with subject_of(gate, png, new_id()) as (request, face):
        with face.crop("ffhq", size=1024) as crop:
            pixels = crop.pixels.copy()
        with face.mask():
            pass
        request.paste(face, pixels)
    assert request.receipt is not None
    purge = facegate.verify(request.receipt, trusted_key=gate.signer.public_key_pem()).purge
    assert purge is not None
    assert purge.bytes_nonzero == 0
    assert purge.bytes_wiped == purge.bytes_reread
    assert purge.bytes_wiped >= ARENA_BYTES + 2 * pixels.nbytes + 512 * 512 * 4


def test_of_a_video_frame(gate: facegate.Gate, new_id: NewId) -> None:
    """Crop and mask are of the frame that was analyzed; pasting is for pictures."""
    with gate.open_request(new_id(), purpose="generation") as request:
        video = request.admit(clip(4), "video")
        face = request.analyze(video, subject="largest").subject
        with face.crop() as crop:
            assert crop.pixels.std() > 10
        with face.mask() as mask, face.expose("landmarks") as landmarks:
            assert mask.shape == video.size_wh[::-1]
            x, y = landmarks[4, :2].astype(int)
            assert mask[y, x] == 1
        with pytest.raises(AnalysisError, match="video"):
            request.paste(face, np.zeros((512, 512, 3), np.uint8))


def test_awaited(gate: facegate.Gate, png: bytes, new_id: NewId) -> None:
    """`paste` of an async request."""

    async def story() -> bytes:
        async with gate.open_request(new_id(), purpose="generation") as request:
            faces = await request.analyze(await request.admit(png))
            with faces.subject.crop("ffhq") as crop:
                pasted = await request.paste(faces.subject, crop.pixels, mask="oval")
            return (await request.finish(pasted)).data

    assert asyncio.run(story()).startswith(b"\x89PNG")
