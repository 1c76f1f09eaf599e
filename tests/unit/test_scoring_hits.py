"""The hit rule, and the geometry under it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_bridge.scoring.hits import locate_marks
from pacs_bridge.scoring.regions import centre_of, distance_to
from tests.scoring_builders import LCC, RCC, RMLO, a_lesion, a_mark, a_region

ELLIPSE = ((60.0, 200.0), (140.0, 200.0), (100.0, 180.0), (100.0, 220.0))
BOX = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
NOTCHED = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (5.0, 2.0), (0.0, 10.0))


def verdicts(marks, lesions, **options):
    return [location.verdict for location in locate_marks(marks, lesions, **options)]


@pytest.mark.parametrize(
    ("shape", "points", "at", "far"),
    [
        ("CIRCLE", ((100.0, 200.0), (110.0, 200.0)), (100.0, 200.0), 0.0),
        ("CIRCLE", ((100.0, 200.0), (110.0, 200.0)), (106.0, 208.0), 0.0),  # on the outline
        ("CIRCLE", ((100.0, 200.0), (110.0, 200.0)), (109.0, 212.0), 5.0),
        ("ELLIPSE", ELLIPSE, (139.9, 200.0), 0.0),
        ("ELLIPSE", ELLIPSE, (140.0, 200.0), 0.0),
        ("ELLIPSE", ELLIPSE, (145.0, 200.0), 5.0),
        ("ELLIPSE", ELLIPSE, (100.0, 170.0), 10.0),
        ("POLYGON", BOX, (5.0, 5.0), 0.0),
        ("POLYGON", BOX, (10.0, 5.0), 0.0),  # on an edge
        ("POLYGON", BOX, (0.0, 0.0), 0.0),  # on a corner
        ("POLYGON", BOX, (13.0, 14.0), 5.0),
        ("POLYGON", BOX, (-2.0, 5.0), 2.0),
        ("POLYGON", NOTCHED, (5.0, 1.0), 0.0),
        ("POLYGON", NOTCHED, (5.0, 10.0), 8 * 5 / math.sqrt(89)),  # in the notch: outside
    ],
)
def test_the_distance_to_a_region_is_the_plain_one(shape, points, at, far):
    assert distance_to(a_region(shape=shape, points=points), at) == pytest.approx(far, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(5, 200),
    st.floats(0.1, 1.0),
    st.floats(0, math.pi),
    st.floats(-400, 400),
    st.floats(-400, 400),
)
def test_an_ellipses_distance_is_that_to_its_densely_sampled_outline(a, flat, turn, x, y):
    b = a * flat
    c, s = math.cos(turn), math.sin(turn)
    ends = ((-a, 0.0), (a, 0.0), (0.0, -b), (0.0, b))
    region = a_region(
        shape="ELLIPSE", points=tuple((u * c - v * s + 7, u * s + v * c - 3) for u, v in ends)
    )
    angle = np.linspace(0, 2 * np.pi, 20001)
    u, v = a * np.cos(angle), b * np.sin(angle)
    sampled = np.hypot(u * c - v * s + 7 - x, u * s + v * c - 3 - y).min()
    along, across = (x - 7) * c + (y + 3) * s, (y + 3) * c - (x - 7) * s
    within = (along / a) ** 2 + (across / b) ** 2 <= 1
    assert distance_to(region, (x, y)) == pytest.approx(0 if within else sampled, abs=0.05)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=9))
def test_every_corner_of_a_polygon_lies_on_it(corners):
    region = a_region(shape="POLYGON", points=tuple(corners))
    assert all(distance_to(region, corner) < 1e-9 for corner in corners)


def test_a_region_knows_its_middle():
    assert centre_of(a_region()) == (100.0, 200.0)
    assert centre_of(a_region(shape="ELLIPSE", points=ELLIPSE)) == (100.0, 200.0)
    assert centre_of(a_region(shape="POLYGON", points=BOX)) == (5.0, 5.0)


def test_a_mark_in_a_lesions_region_localises_it():
    (found,) = locate_marks([a_mark()], [a_lesion()])
    assert (found.verdict, found.lesion_id, found.laterality) == ("hit", "L1", "R")


def test_a_mark_on_any_one_view_localises_the_lesion():
    lesion = a_lesion(regions=(a_region(), a_region(image=RMLO)))
    assert verdicts([a_mark(image=RMLO)], [lesion]) == ["hit"]


def test_further_marks_on_a_lesion_are_dropped_and_no_false_positives():
    lesion = a_lesion(regions=(a_region(), a_region(image=RMLO)))
    marks = [a_mark(), a_mark(image=RMLO), a_mark(at=(104.0, 200.0))]
    assert verdicts(marks, [lesion]) == ["hit", "repeat", "repeat"]


def test_of_several_marks_on_a_lesion_the_highest_rated_is_the_hit():
    marks = [a_mark(rating=2), a_mark(rating=5), a_mark(rating=None)]
    assert verdicts(marks, [a_lesion()]) == ["repeat", "hit", "repeat"]


def test_a_mark_that_hits_no_region_is_a_false_positive_location():
    marks = [a_mark(at=(300.0, 300.0)), a_mark(image=LCC, laterality="L")]
    assert verdicts(marks, [a_lesion()]) == ["false-positive", "false-positive"]


def test_a_near_miss_hits_only_within_the_tolerance():
    near = [a_mark(at=(113.0, 200.0))]
    assert verdicts(near, [a_lesion()]) == ["false-positive"]
    assert verdicts(near, [a_lesion()], tolerance=2.9) == ["false-positive"]
    assert verdicts(near, [a_lesion()], tolerance=3.0) == ["hit"]


def test_the_same_place_on_another_image_is_no_hit():
    assert verdicts([a_mark(image=RMLO)], [a_lesion()]) == ["false-positive"]


@pytest.mark.parametrize(
    ("marked", "known", "verdict"),
    [
        (None, None, "hit"),
        (7, None, "hit"),
        (None, 7, "hit"),
        (7, 7, "hit"),
        (8, 7, "false-positive"),
    ],
)
def test_a_frame_must_agree_where_both_name_one(marked, known, verdict):
    lesion = a_lesion(regions=(a_region(frame=known),))
    assert verdicts([a_mark(frame=marked)], [lesion]) == [verdict]


def test_where_regions_overlap_the_nearest_middle_wins():
    mass = a_lesion(lesion_id="mass")
    small = a_region(points=((106.0, 200.0), (109.0, 200.0)))
    specks = a_lesion(lesion_id="specks", regions=(small,))
    found = locate_marks([a_mark(at=(105.0, 200.0)), a_mark(at=(98.0, 200.0))], [mass, specks])
    assert [location.lesion_id for location in found] == ["specks", "mass"]


def test_a_region_that_holds_the_mark_wins_over_one_that_is_merely_near():
    wide = a_lesion(lesion_id="wide", regions=(a_region(points=((150.0, 200.0), (199.0, 200.0))),))
    found = locate_marks([a_mark(at=(102.0, 200.0))], [a_lesion(), wide], tolerance=20)
    assert found[0].lesion_id == "L1"
    inside_wide = locate_marks([a_mark(at=(113.0, 200.0))], [a_lesion(), wide], tolerance=20)
    assert inside_wide[0].lesion_id == "wide"


def test_labels_and_outlines_are_ignored():
    marks = [a_mark(flags=("not-a-location",)), a_mark(shape="TEXT")]
    assert verdicts(marks, [a_lesion()]) == ["ignored", "ignored"]


def test_truth_knows_better_than_a_mark_on_which_breast_it_lies():
    found = locate_marks([a_mark(at=(9.0, 9.0), laterality="L")], [a_lesion()])
    assert found[0].laterality == "R"
    unknown = locate_marks([a_mark(image="2.25.77", laterality=None)], [a_lesion()])
    assert unknown[0].laterality is None


@given(st.permutations(range(5)))
def test_the_order_of_marks_changes_no_count(order):
    marks = [
        a_mark(rating=3),
        a_mark(rating=3, at=(101.0, 200.0)),
        a_mark(at=(400.0, 1.0)),
        a_mark(image=RMLO, rating=5),
        a_mark(image=LCC),
    ]
    lesions = [
        a_lesion(regions=(a_region(), a_region(image=RMLO))),
        a_lesion(lesion_id="L2", laterality="L", regions=(a_region(image=LCC),)),
    ]
    counted = sorted(verdicts([marks[i] for i in order], lesions))
    assert counted == ["false-positive", "hit", "hit", "repeat", "repeat"]


def test_no_lesion_is_hit_twice_whatever_the_marks():
    lesions = [a_lesion(), a_lesion(lesion_id="L2")]  # one on top of the other
    for count in range(1, 5):
        found = locate_marks([a_mark(image=RCC)] * count, lesions)
        hits = [each.lesion_id for each in found if each.verdict == "hit"]
        assert len(hits) == len(set(hits)) == 1


def test_an_outline_drawn_from_any_corner_is_the_same_region():
    points = [(x, y) for x, y in itertools.product((2.0, 8.0, 11.0), (1.0, 5.0, 12.0))]
    for turned in (BOX, BOX[1:] + BOX[:1], BOX[::-1]):
        region = a_region(shape="POLYGON", points=turned)
        assert [distance_to(region, p) == 0 for p in points] == [
            x <= 10 and y <= 10 for x, y in points
        ]
