"""Tracks from hand-made sightings: gaps, entries, exits, crossings, cuts, and what is covered between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.redact.linking import link
from facegate.redact.profiles import PROFILES
from facegate.redact.tracks import Track, Tracks, around, grown

BALANCED = PROFILES["balanced"]


def box(x, y, size=40.0):
    return np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2], np.float32)


def boxes(*each):
    return np.stack(each) if each else np.empty((0, 4), np.float32)


def see(tracks, frame, *each, sure=True):
    return tracks.see(frame, boxes(*each), np.full(len(each), sure))


def contains(outer, inner):
    return bool(np.all(outer[..., :2] <= inner[:2] + 1e-3) and np.all(outer[..., 2:] >= inner[2:] - 1e-3))


def is_covered(tracks, frame, face):
    return any(contains(one, face) for one in tracks.covering(frame))


@pytest.fixture
def tracks():
    return Tracks(BALANCED)


def test_a_track_that_is_missed_on_two_key_frames_is_covered_all_the_way(tracks):
    for frame in (0, 5, 20, 25):
        see(tracks, frame, box(100 + 2 * frame, 80))
    assert len(tracks.alive) == 1
    for frame in range(26):
        assert is_covered(tracks, frame, box(100 + 2 * frame, 80)), frame


def test_what_is_missed_for_longer_than_the_lookahead_is_another_track(tracks):
    see(tracks, 0, box(100, 80))
    see(tracks, BALANCED.lookahead + 1, box(100, 80))
    assert len(tracks.alive) == 2


def test_it_is_covered_before_it_is_seen_and_after_it_is_lost(tracks):
    see(tracks, 20, box(100, 80))
    see(tracks, 25, box(130, 80))
    for frame in range(20 - BALANCED.lead, 25 + BALANCED.tail + 1):
        assert is_covered(tracks, frame, box(100 + 6 * (frame - 20), 80)), frame
    assert not len(tracks.covering(20 - BALANCED.lead - 1))
    assert not len(tracks.covering(25 + BALANCED.tail + 1))


def test_before_and_after_the_place_where_it_was_seen_is_covered_as_well(tracks):
    """It may have stood still before it went."""
    see(tracks, 20, box(100, 80))
    see(tracks, 25, box(130, 80))
    assert is_covered(tracks, 17, box(100, 80))
    assert is_covered(tracks, 28, box(130, 80))


def test_nothing_reaches_across_a_cut(tracks):
    see(tracks, 8, box(100, 80))
    tracks.cut(10)
    see(tracks, 10, box(102, 80))
    assert len(tracks.alive) == 2
    old, new = tracks.alive
    assert old.at(9, lead=9, tail=9) is not None
    assert old.at(10, lead=9, tail=9) is None
    assert new.at(9, lead=9, tail=9) is None


def test_two_who_pass_each_other_stay_who_they_are(tracks):
    for frame in range(0, 50, 5):
        see(tracks, frame, box(100 + 6 * frame, 80), box(394 - 6 * frame, 95))
    assert len(tracks.alive) == 2
    first, second = tracks.alive
    assert first.boxes[-1][0] > first.boxes[0][0] + 200
    assert second.boxes[-1][0] < second.boxes[0][0] - 200


def test_one_who_goes_several_sizes_between_key_frames_is_one_and_all_of_the_way_is_covered(tracks):
    see(tracks, 0, box(100, 80))
    see(tracks, 5, box(260, 80))
    assert len(tracks.alive) == 1
    for frame, x in ((1, 100), (2, 150), (3, 200), (4, 260)):
        assert is_covered(tracks, frame, box(x, 80)), frame


def test_uncertain_boxes_found_no_track_and_continue_one(tracks):
    see(tracks, 0, box(300, 300), sure=False)
    assert not tracks.alive
    see(tracks, 5, box(100, 80))
    see(tracks, 10, box(104, 80), sure=False)
    assert tracks.alive[0].frames == [5, 10]


def test_a_new_track_takes_the_uncertain_boxes_that_led_to_it(tracks):
    see(tracks, 0, box(100, 80), sure=False)
    see(tracks, 5, box(110, 80), box(300, 300), sure=False)
    see(tracks, 10, box(120, 80))
    assert [track.frames for track in tracks.alive] == [[0, 5, 10]]


def test_an_uncertain_box_far_away_is_not_linked(tracks):
    see(tracks, 0, box(100, 80))
    see(tracks, 5, box(250, 80), sure=False)
    assert tracks.alive[0].frames == [0]


def test_a_box_that_shrinks_once_does_not_uncover(tracks):
    for frame, size in ((0, 60), (5, 44), (10, 60)):
        see(tracks, frame, box(100, 80, size))
    for frame in range(11):
        assert is_covered(tracks, frame, box(100, 80, 60)), frame


def test_boxes_grow_where_the_speed_changes():
    """Someone who turns back between two key frames goes on for a while."""
    track = Track(0, frames=[0, 5, 10], boxes=[box(0, 0), box(100, 0), box(100, 0)])
    straight = Track(0, frames=[0, 5, 10], boxes=[box(0, 0), box(100, 0), box(200, 0)])
    there = track.at(7, lead=0, tail=0)
    assert there[2] > box(100, 0)[2] + 10
    assert np.ptp(straight.at(7, lead=0, tail=0)[[0, 2]]) < 45


def test_forgetting_keeps_what_matters(tracks):
    for frame in range(0, 60, 5):
        see(tracks, frame, box(100 + frame, 80))
    before = tracks.covering(42)
    tracks.forget_before(40)
    np.testing.assert_array_equal(tracks.covering(42), before)
    assert len(tracks.alive[0].frames) < 8


def test_the_tracks_of_people_long_gone_are_dropped(tracks):
    see(tracks, 0, box(100, 80))
    tracks.forget_before(200)
    assert not tracks.alive


def test_a_spared_track_alone_is_not_covered(tracks):
    see(tracks, 0, box(100, 80), box(300, 80))
    covered = tracks.covering(0, without=[tracks.alive[0]])
    assert len(covered) == 1
    assert contains(covered[0], box(300, 80))


def test_the_margin_is_on_every_side(tracks):
    see(tracks, 0, box(100, 80))
    np.testing.assert_allclose(tracks.covering(0)[0], box(100, 80, 40 * (1 + 2 * BALANCED.margin)), atol=1e-3)


def test_counts_of_frames_grow_with_the_rate():
    assert [BALANCED.at_rate(rate) for rate in (0.0, 12.5, 30.0, 60.0, 240.0)] == [1, 1, 1, 2, 8]
    slow = Tracks(BALANCED, per_count=2)
    see(slow, 100, box(100, 80))
    assert len(slow.covering(100 - 2 * BALANCED.lead))


def test_linking_prefers_the_nearest_and_uses_each_once():
    track = [Track(0, frames=[0], boxes=[box(100, 80)]), Track(0, frames=[0], boxes=[box(130, 80)])]
    pairs, left = link(track, 5, boxes(box(126, 80), box(104, 80), box(600, 80)))
    assert sorted(pairs) == [(0, 1, False), (1, 0, False)]
    assert left == [2]


def test_a_box_of_another_size_is_another_face():
    pairs, left = link([Track(0, frames=[0], boxes=[box(100, 80, 40)])], 5, boxes(box(100, 80, 120)))
    assert not pairs
    assert left == [0]


def test_around_and_grown():
    np.testing.assert_array_equal(around([box(0, 0, 2), box(9, 9, 2)]), [-1, -1, 10, 10])
    np.testing.assert_array_equal(grown(np.array([0, 0, 10, 20], np.float32), 0.1), [-2, -2, 12, 22])


motions = st.tuples(
    st.floats(100, 1800),
    st.floats(100, 900),
    st.floats(-4, 4),
    st.floats(-4, 4),
    st.floats(24, 300),
    st.floats(-0.3, 0.3),
)


def moving(motion, frame):
    x, y, across, down, size, growth = motion
    return box(x + across * frame, y + down * frame, max(20.0, size + growth * frame))


@settings(max_examples=60, deadline=None)
@given(motions, st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_linear_motion_is_covered_on_every_frame_from_first_to_last_sighting(motion, steps):
    """Whatever the distances of key frames: the true box lies within the one that is covered."""
    tracks = Tracks(BALANCED)
    keys = np.cumsum([0, *steps]).tolist()
    for frame in keys:
        see(tracks, frame, moving(motion, frame))
    assert len(tracks.alive) == 1
    for frame in range(keys[-1] + 1):
        assert is_covered(tracks, frame, moving(motion, frame)), frame


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.floats(-60, 60), st.floats(-60, 60), st.booleans()), min_size=2, max_size=12
    )
)
def test_no_frame_between_first_and_last_sighting_is_without_a_box(steps):
    """However someone wanders, and however often they are missed."""
    tracks, frame, place = Tracks(BALANCED), 0, np.array([500.0, 500.0])
    seen = []
    for wait, across, down, missed in steps:
        frame, place = frame + wait, place + np.array([across, down])
        see(tracks, frame, *(() if missed else (box(*place, 80),)))
        seen += [] if missed else [frame]
    for track in tracks.alive:
        for each in range(track.frames[0], track.frames[-1] + 1):
            assert track.at(each, lead=0, tail=0) is not None, each
    assert sorted({each for track in tracks.alive for each in track.frames}) == seen
