"""Every known face is found, nobody is seen where nobody is, and one look agrees with mediapipe's."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from facegate.errors import ShapeError
from facegate.vision import boxes as bx
from facegate.vision import pyramid
from facegate.vision.detect import Detector
from fixtures import Placed, Scene, compose, portrait, scenes, two_people
from fixtures.backgrounds import TEXTURES, WITHOUT_PEOPLE, background, picture
from fixtures.portraits import HEADS
from fixtures.recall import samples
from fixtures.strangers import strangers

FOUND = 0.4  # IoU with the known box


@pytest.fixture(scope="module")
def detector():
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield Detector()
    cv2.setNumThreads(threads)


def overlaps(scene: Scene, boxes: np.ndarray) -> np.ndarray:
    """Best IoU of each known face."""
    return np.column_stack([bx.iou(scene.boxes, boxes), np.zeros(len(scene.boxes))]).max(axis=1)


def test_every_face_of_48_px_or_more_is_found_and_95_percent_of_the_smaller(detector):
    """Up to 30 degrees, down to a quarter of the brightness, on ten backgrounds."""
    small, large = [], []
    for sample in samples(repeats=3, angles=(0, 15, 30), seed=11):
        found = overlaps(sample.scene, detector.detect(sample.scene.rgb).boxes) >= FOUND
        (small if sample.size < 48 else large).extend(found)
    assert len(small) >= 60
    assert len(large) >= 60
    assert all(large), f"{large.count(False)} of {len(large)} faces of 48 px or more were missed"
    assert np.mean(small) >= 0.95, f"found {np.mean(small):.3f} of {len(small)} faces of 24 to 48 px"


def test_at_most_one_face_is_seen_in_all_pictures_without_people(detector):
    seen = {name: len(detector.detect(picture(name)).boxes) for name in WITHOUT_PEOPLE}
    assert sum(seen.values()) <= 1, {name: count for name, count in seen.items() if count}


def test_other_people_are_found_too_however_blurred(detector):
    """A threshold tuned on the two portraits alone once lost 35 of these 100; 93 are found, and no false one."""
    found = [(len(detector.detect(rgb).boxes) > 0, is_face) for rgb, is_face in strangers(56)]
    assert sum(hit for hit, is_face in found if is_face) >= 88
    assert sum(hit for hit, is_face in found if not is_face) <= 1


# Upside down BlazeFace does not know a face; the scene is for the mesh.
UPSIDE_DOWN = "turned_180"


@pytest.mark.parametrize(
    "scene", [two_people(), *(s for s in scenes() if s.name != UPSIDE_DOWN)], ids=lambda scene: scene.name
)
def test_shared_scenes_are_seen_as_they_are(detector, scene):
    boxes = detector.detect(scene.rgb).boxes
    assert overlaps(scene, boxes).min() >= FOUND
    megapixels = scene.rgb.shape[0] * scene.rgb.shape[1] / 1e6
    # One box for each face and no other; in 12 megapixels of gravel a few pebbles may look back.
    assert len(scene.boxes) <= len(boxes) <= len(scene.boxes) + megapixels // 3


@pytest.mark.parametrize("scan", ["everyone", "large"])
def test_eyes_are_where_they_are_and_on_the_right_side(detector, scan):
    """The first key point is the person's right eye: in an unmirrored picture, on the left."""
    for name in ("astronaut", "hopper"):
        found = detector.detect(portrait(name), scan=scan)
        assert len(found.boxes) == 1
        face = found.boxes[0, 2] - found.boxes[0, 0]
        assert np.hypot(*(found.keypoints[0, :2] - HEADS[name].eyes).T).max() < 0.07 * face


def test_the_scans_agree_on_a_large_face(detector):
    for name in ("astronaut", "hopper"):
        one, other = (detector.detect(portrait(name), scan=scan) for scan in ("large", "everyone"))
        face = one.boxes[0, 2] - one.boxes[0, 0]
        assert bx.iou(one.boxes, other.boxes)[0, 0] > 0.8
        # Eyes, nose, mouth; at this size the one look is unsure of the ears.
        assert np.abs(one.keypoints - other.keypoints)[0, :4].max() < 0.1 * face


def test_faces_come_largest_first(detector):
    found = detector.detect(two_people().rgb)
    areas = bx.area(found.boxes)
    assert (np.diff(areas) <= 0).all()
    assert bx.iou(found.boxes, two_people().boxes).argmax(axis=1).tolist() == [0, 1]
    assert found.boxes.dtype == found.confidence.dtype == found.keypoints.dtype == np.float32
    assert ((found.confidence > 0.5) & (found.confidence < 1)).all()


def test_the_large_scan_falls_back_to_everyone(detector):
    """A face of 30 px in 1000 is 4 px of the network's input: the one look sees nothing."""
    scene = compose("far", background("gradient", 750, 1000), [Placed("hopper", (400, 300), 30)])
    assert overlaps(scene, detector.detect(scene.rgb, scan="large").boxes)[0] >= FOUND


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (24, 2000), (3000, 40), (129, 127)])
def test_odd_pictures_are_no_trouble(detector, shape):
    rgb = background("noise", *shape)
    for scan in ("everyone", "large"):
        found = detector.detect(rgb, scan=scan)
        assert found.boxes.shape == (len(found.confidence), 4)
        assert found.keypoints.shape == (len(found.confidence), 6, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(detector, wrong):
    with pytest.raises(ShapeError, match="uint8"):
        detector.detect(wrong)


def test_the_picture_is_not_written_to_and_read_only_is_fine(detector):
    rgb = portrait("astronaut")
    assert not rgb.flags.writeable
    detector.detect(rgb)


def test_detection_takes_no_thread():
    """Counted by the kernel: a library's own threads are not Python's."""
    cv2.setNumThreads(1)
    before = len(list(Path("/proc/self/task").iterdir()))
    Detector().detect(portrait("hopper"))
    assert len(list(Path("/proc/self/task").iterdir())) <= before
    assert threading.active_count() <= before


@pytest.mark.parametrize("size", [(512, 512), (3000, 4000), (193, 100), (16_000, 500), (8000, 8000)])
def test_cores_cover_each_level_and_leave_room_around_faces(size):
    heights = []
    for level in pyramid.levels(*size):
        heights.append(level.height)
        scale = level.height / size[0]
        assert abs(level.width / size[1] - scale) < 1 / size[1] + 1 / size[0], "no distortion beyond rounding"
        points = np.random.default_rng(0).uniform(0, [level.width, level.height], (500, 2))
        owners = np.zeros(500, int)
        for tile in level.tiles:
            mine = (points >= tile.core[:2]).all(axis=1) & (points < tile.core[2:]).all(axis=1)
            owners += mine
            corner = np.array([tile.left, tile.top])
            room = np.minimum(points[mine] - corner, corner + level.side - points[mine])
            edge = np.minimum(points[mine], [level.width, level.height] - points[mine])
            assert (room >= np.minimum(edge, pyramid.OVERLAP // 2 - pyramid.SLACK - 1)).all()
        assert (owners >= 1).all(), "no place is nobody's"
    assert heights == sorted(heights, reverse=True)


def test_the_finest_level_shows_24_px_as_the_network_needs_them():
    for size in ((512, 512), (1080, 1920), (3000, 4000)):
        assert next(pyramid.levels(*size)).height / size[0] * 24 >= 19.1


def test_backgrounds_of_the_evidence_hold_no_face(detector):
    """Otherwise a found background would count as a found face, or a false one as the detector's fault."""
    for name in TEXTURES:
        assert len(detector.detect(background(name, 360, 480)).boxes) == 0, name
