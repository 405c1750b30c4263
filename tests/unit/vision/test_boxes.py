"""Box arithmetic against references that go pair by pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facegate.vision import boxes as bx

coordinate = st.integers(-50, 50)
box = st.tuples(coordinate, coordinate, st.integers(0, 60), st.integers(0, 60)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
many = st.lists(box, max_size=12).map(lambda rows: np.array(rows, np.float32).reshape(-1, 4))


def pixels(one: NDArray[np.float32]) -> set[tuple[int, int]]:
    x0, y0, x1, y1 = one.astype(int)
    return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}


@given(many, many)
def test_overlaps_equal_those_counted_pixel_by_pixel(a, b):
    iou, ios = bx.iou(a, b), bx.ios(a, b)
    assert iou.shape == ios.shape == (len(a), len(b))
    for i, one in enumerate(map(pixels, a)):
        for j, other in enumerate(map(pixels, b)):
            common, smaller = len(one & other), min(len(one), len(other))
            assert iou[i, j] == pytest.approx(common / len(one | other) if one | other else 0)
            assert ios[i, j] == pytest.approx(common / smaller if smaller else 0)


def greedy(boxes, scores, min_iou, min_ios):
    """Suppression as in a textbook, one pair at a time."""
    leader = [-1] * len(boxes)
    for i in sorted(range(len(boxes)), key=lambda index: (-scores[index], index)):
        if leader[i] >= 0:
            continue
        leader[i] = i
        for j in range(len(boxes)):
            pair = boxes[i : i + 1], boxes[j : j + 1]
            near = bx.iou(*pair)[0, 0] > min_iou or (min_ios is not None and bx.ios(*pair)[0, 0] > min_ios)
            if leader[j] < 0 and near:
                leader[j] = i
    return leader


@given(many, st.randoms(use_true_random=False), st.sampled_from([None, 0.6]))
def test_clusters_are_those_of_the_textbook(boxes, random, min_ios):
    scores = np.array([random.choice([0.2, 0.5, 0.9]) for _ in boxes], np.float32)
    found = bx.clusters(boxes, scores, min_iou=0.3, min_ios=min_ios)
    assert found.tolist() == greedy(boxes, scores, 0.3, min_ios)


@given(many.filter(len))
def test_a_union_covers_its_cluster_and_touches_it_on_all_sides(boxes):
    leader = bx.clusters(boxes, np.linspace(1, 0.5, len(boxes), dtype=np.float32), min_iou=0.1)
    leaders, around = bx.union(boxes, leader)
    for index, outer in zip(leaders, around, strict=True):
        members = boxes[leader == index]
        np.testing.assert_array_equal(outer, [*members[:, :2].min(0), *members[:, 2:].max(0)])


def test_weighted_mean_is_mediapipes():
    """Two overlapping boxes of scores 0.9 and 0.6 meet at 3:2; a third stays alone."""
    boxes = np.array([[0, 0, 10, 10], [200, 0, 210, 10], [5, 0, 15, 10]], np.float32)
    scores = np.array([0.9, 0.8, 0.6], np.float32)
    leaders, mean = bx.weighted_mean(boxes, scores, bx.clusters(boxes, scores, min_iou=0.3))
    assert leaders.tolist() == [0, 1]
    np.testing.assert_allclose(mean, [[2, 0, 12, 10], [200, 0, 210, 10]], rtol=1e-6)


@given(many)
def test_clipping_keeps_exactly_what_is_inside(boxes):
    frame = pixels(np.array([0, 0, 30, 20], np.float32))
    for before, after in zip(boxes, bx.clip(boxes, 20, 30), strict=True):
        assert pixels(after) == pixels(before) & frame
