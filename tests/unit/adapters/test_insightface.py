"""An object that insightface's consumers cannot tell from its `Face`, as far as they look.

Every use below is one of theirs: of InstantID (infer.py, gradio_demo/app.py), IP-Adapter's FaceID examples and
diffusers' guide to them, roop (face_analyser.py, and inswapper.py that it calls), ReActor (reactor_swapper.py,
reactor_utils.py), PuLID (pipeline_flux.py), LivePortrait (face_analysis_diy.py, cropper.py), and insightface's own
models and drawing.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import facegate
from facegate.adapters import insightface
from facegate.adapters.insightface_face import LentFace
from facegate.errors import AnalysisError, RequestClosedError, SealedError, ShapeError
from fixtures.collection import two_people
from fixtures.portraits import portrait
from tests.unit.adapters.conftest import Golden, Opened

NewId = Callable[[], str]


def area(face: LentFace) -> float:
    """The key by which InstantID, PuLID and LivePortrait sort."""
    return (face["bbox"][2] - face["bbox"][0]) * (face["bbox"][3] - face["bbox"][1])


def test_instantid(known: Opened) -> None:
    with insightface.FaceAnalysis(known.request) as app:
        app.prepare(ctx_id=0, det_size=(640, 640))
        face_info = app.get(portrait("astronaut")[..., ::-1])
        assert len(face_info) == 1
        face_info = sorted(face_info, key=area)[-1]
        assert face_info["embedding"].shape == (512,)
        assert face_info["embedding"].dtype == np.float32
        assert np.array(face_info["kps"])[[0, 2]][:, 0].shape == (2,)
        x1, y1, x2, y2 = face_info["bbox"]
        assert int(x1) < int(x2)
        assert int(y1) < int(y2)


def test_ip_adapter(known: Opened) -> None:
    with insightface.lent(known.face) as face:
        normed = face.normed_embedding
        assert normed.shape == (512,)
        assert normed.flags.writeable, "torch.from_numpy warns of what cannot be written to"
        assert normed.flags.c_contiguous
        assert np.linalg.norm(normed) == pytest.approx(1, abs=1e-6)
        assert face.kps.shape == (5, 2), "face_align.norm_crop asserts this"
        assert face.kps.dtype == np.float32
        with known.face.expose("identity_normed") as theirs:
            assert np.abs(normed - theirs).max() < 1e-6


def test_roop_and_inswapper(known: Opened) -> None:
    with insightface.lent(known.face) as face, insightface.lent(known.face) as reference:
        assert hasattr(face, "normed_embedding")
        assert np.sum(np.square(face.normed_embedding - reference.normed_embedding)) < 0.6
        latent = face.normed_embedding.reshape((1, -1))
        latent = np.dot(latent, np.eye(512, dtype=np.float32))
        latent /= np.linalg.norm(latent)
        assert face.kps.shape == (5, 2)


def test_reactor(opened: Opened) -> None:
    with insightface.lent(opened.face) as face:
        for key in (
            lambda x: x.bbox[0],
            lambda x: x.bbox[1],
            lambda x: (x.bbox[2] - x.bbox[0]) * (x.bbox[3] - x.bbox[1]),
        ):
            assert sorted([face], key=key, reverse=True) == [face]
        assert [x.sex for x in [face]] == [None]
        # Its face models are a file of all keys: what it cannot have, it must not write as something else.
        for key in ("gender", "age", "embedding"):
            with pytest.raises(KeyError):
                face[key]


def test_pulid(known: Opened) -> None:
    with insightface.lent(known.face) as face_info:
        embedding = face_info["embedding"]
        assert embedding.ndim == 1
        with known.face.expose("identity") as raw:
            assert (embedding == raw).all(), "raw, not normalized"
        top, bottom = int(face_info["bbox"][1]), int(face_info["bbox"][3])
        assert top < bottom


def test_liveportrait(opened: Opened) -> None:
    with insightface.lent(opened.face) as face:
        center = ((face["bbox"][2] + face["bbox"][0]) / 2 - 256) ** 2
        assert center >= 0
        lmk = face.landmark_2d_106
        assert lmk.shape == (106, 2)
        assert lmk.dtype == np.float32
        assert np.mean(lmk[[33, 35, 40, 39]], axis=0).shape == (2,)


def test_insightfaces_own_models_and_drawing(opened: Opened) -> None:
    with insightface.lent(opened.face) as face:
        bbox = face.bbox
        w, h = (bbox[2] - bbox[0]), (bbox[3] - bbox[1])
        assert max(w, h) > 0
        assert face.bbox.astype(int).shape == (4,)
        assert face.kps.astype(int).shape == (5, 2)
        assert face.gender is None
        assert face.age is None
        assert face.embedding is None
        assert face.normed_embedding is None
        assert face.embedding_norm is None
        assert face.anything_else is None
        assert face.get("embedding", 7) == 7
        assert face.get("kps") is face.kps
        assert isinstance(face.det_score, np.float32)
        assert f"{face.det_score:.2f}" == f"{float(face['det_score']):.2f}"
        assert "landmark_3d_68" in face
        assert [key for key, _ in face.items() if key.startswith("landmark_3d")] == ["landmark_3d_68"]
        assert np.round(dict(face.items())["landmark_3d_68"]).astype(int).shape == (68, 3)
        # ArcFaceONNX.get sets face.embedding, Landmark.get face["pose"].
        face.embedding = made = np.full(512, 2, np.float32)
        assert "embedding" in face
        assert face.embedding_norm == pytest.approx(np.sqrt(512) * 2)
        assert face.normed_embedding[0] == pytest.approx(1 / np.sqrt(512))
        face["landmark_2d_106"] = other = np.ones((106, 2), np.float32)
        assert face.landmark_2d_106 is other
    assert not made.any(), "what its models set is the request's, too"
    assert not other.any()


def test_values_are_facegates_in_insightfaces_shapes(opened: Opened) -> None:
    with insightface.lent(opened.face) as face:
        for key, name in (("bbox", "box"), ("kps", "five_points"), ("landmark_2d_106", "points_106")):
            with opened.face.expose(name) as ours:
                assert (face[key] == ours).all()
                assert face[key].shape == ours.shape
        with opened.face.expose("points_68") as points:
            assert (face.landmark_3d_68[:, :2] == points[:, :2]).all()
            assert (face.landmark_3d_68[:, 2] == -points[:, 2]).all()
        assert face.landmark_3d_68[30, 2] > face.landmark_3d_68[[0, 16], 2].max(), "the nose is towards the camera"
        with opened.face.expose("pose") as (yaw, pitch, roll):
            assert face.pose.tolist() == [pitch, yaw, roll]


def test_pose_has_insightfaces_order_and_signs(golden: Golden) -> None:
    """Its own fit and angles of turned heads; maximal error 0.0001 degrees."""
    from facegate.vision.pose import angles

    yaw, pitch, roll = angles(golden["rotations"]).T  # type: ignore[arg-type]
    assert np.abs(np.stack([pitch, yaw, roll], axis=1) - golden["pose"]).max() < 1e-4
    assert np.ptp(golden["pose"], axis=0).min() > 30, "turned far enough to tell signs and order"


def test_bystanders_have_a_box_and_a_score_and_nothing_else(gate: facegate.Gate, new_id: NewId) -> None:
    bgr = two_people().rgb[..., ::-1]
    with gate.open_request(new_id(), purpose="generation") as request, insightface.FaceAnalysis(request) as app:
        first, second = app.get(bgr)
        assert area(first) > area(second)
        assert second.kps is None
        assert second.keys() == ["bbox", "kps", "det_score"]
        assert second.landmark_2d_106 is None
        assert second.bbox.shape == (4,)
        app.prepare(det_thresh=1.01)
        assert app.get(bgr) == []
        app.prepare(det_thresh=0.1)
        assert len(app.get(bgr, max_num=1)) == 1


def test_an_array_is_looked_at_as_bgr_and_without_loss(opened: Opened) -> None:
    """Odd sides, so that lines of the file are padded; a view, not an array of its own."""
    wide = portrait("astronaut")[:501, :397]
    with opened.request.admit(insightface.bitmap(wide[..., ::-1]).data, "image").expose() as seen:
        assert (seen == wide).all()


@pytest.mark.parametrize(
    "img", [None, "x", np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_bgr_picture_is_refused(opened: Opened, img: object) -> None:
    with insightface.FaceAnalysis(opened.request) as app, pytest.raises(ShapeError, match="img must be"):
        app.get(img)  # type: ignore[arg-type]


def test_nobody_is_an_empty_list(gate: facegate.Gate, nobody: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request, insightface.FaceAnalysis(request) as app:
        assert app.get(np.full((64, 64, 3), 128, np.uint8)) == []
        assert app.get(request.admit(nobody, "image")) == []


def test_it_takes_a_request_where_insightface_takes_a_models_name() -> None:
    with pytest.raises(AnalysisError, match="takes an open request"):
        insightface.FaceAnalysis("buffalo_l")  # type: ignore[arg-type]


def test_after_the_block_arrays_are_zeros_and_handles_raise(opened: Opened) -> None:
    with insightface.lent(opened.face) as face:
        kept = {key: face[key] for key in face if key != "det_score"}
        part = face.kps[1:, :1]
        assert all(value.any() for value in kept.values())
    assert not any(value.any() for value in kept.values())
    assert not part.any()
    for use in (
        lambda: face.kps,
        lambda: face["bbox"],
        lambda: face.sex,
        lambda: face.keys(),
        lambda: "kps" in face,
        lambda: setattr(face, "embedding", np.ones(3)),
    ):
        with pytest.raises(RequestClosedError, match="block"):
            use()


def test_the_block_ends_with_an_exception_too(opened: Opened) -> None:
    with pytest.raises(ZeroDivisionError), insightface.FaceAnalysis(opened.request) as app:
        (face,) = app.get(opened.upload)
        kept = face.kps
        assert kept.any()
        raise ZeroDivisionError
    assert not kept.any()
    with pytest.raises(RequestClosedError):
        app.get(opened.upload)
    with pytest.raises(RequestClosedError, match="once"), app:
        pass


def test_purge_inside_the_block_zeroes_what_was_lent(opened: Opened) -> None:
    with insightface.lent(opened.face) as face:
        kept = face.landmark_2d_106
        opened.request.finish(np.zeros((4, 4, 3), np.uint8))
        assert not kept.any()
        for use in (lambda: face.landmark_2d_106, lambda: face.bbox):
            with pytest.raises(RequestClosedError, match="finished"):
                use()


def test_a_later_analysis_takes_what_was_not_read(opened: Opened) -> None:
    with insightface.FaceAnalysis(opened.request) as app:
        (face,) = app.get(opened.upload)
        read = face.kps
        app.get(opened.upload)
        assert face.kps is read
        assert read.any()
        with pytest.raises(RequestClosedError, match="later analysis"):
            _ = face.bbox


def test_nothing_facial_is_said_copied_or_pickled(opened: Opened) -> None:
    with insightface.lent(opened.face) as face:
        _ = face.kps
        assert {repr(face), str(face), f"{face}"} == {"[sealed insightface Face]"}
        for leak in (pickle.dumps, copy.copy, copy.deepcopy, np.array, np.asarray):
            with pytest.raises(SealedError):
                leak(face)
