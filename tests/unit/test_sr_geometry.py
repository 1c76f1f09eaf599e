"""Geometry: the worked examples of the reference, and centres against known figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_bridge.deid.facts import spacing_of
from pacs_bridge.sr.geometry import DisplayedArea, centre_of, from_display, is_closed, shape_of


@pytest.mark.parametrize(
    ("point", "top_left", "bottom_right", "rotation", "flipped", "wanted"),
    [
        ((0.5, 0.5), (1, 1), (3000, 4000), 0, False, (1500, 2000)),
        ((0, 0), (1, 1), (3000, 4000), 0, False, (0, 0)),
        ((1, 1), (1, 1), (3000, 4000), 0, False, (3000, 4000)),
        ((0.25, 0.5), (1001, 501), (2000, 2500), 0, False, (1250, 1500)),
        ((0, 0), (-99, 1), (3000, 4000), 0, False, (-100, 0)),
        ((0.25, 0.5), (3000, 1), (1, 4000), 0, True, (2250, 2000)),
        ((0.25, 0.5), (1, 4000), (3000, 1), 90, False, (1500, 3000)),
        ((0.25, 0.5), (3000, 4000), (1, 1), 180, False, (2250, 2000)),
        ((0.25, 0.5), (3000, 1), (1, 4000), 270, False, (1500, 1000)),
        ((0.25, 0.5), (1, 1), (3000, 4000), 90, True, (1500, 1000)),
        ((0.25, 0.5), (1, 4000), (3000, 1), 180, True, (750, 2000)),
        ((0.25, 0.5), (3000, 4000), (1, 1), 270, True, (1500, 3000)),
        ((0.5, 0.5), (10, 20), (10, 20), 0, False, (9.5, 19.5)),
    ],
    ids=[f"G{number}" for number in range(1, 14)],
)
def test_display_units_become_image_coordinates(
    point, top_left, bottom_right, rotation, flipped, wanted
):
    area = DisplayedArea(top_left, bottom_right, rotation, flipped)
    assert from_display(point, area) == pytest.approx(wanted)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flipped", [False, True])
def test_display_units_point_at_the_pixel_that_is_seen_there(rotation, flipped):
    image = np.arange(5 * 3).reshape(5, 3)  # 5 rows, 3 columns
    seen = np.rot90(image, -rotation // 90)
    seen = np.fliplr(seen) if flipped else seen
    area = DisplayedArea((1, 1), (3, 5), rotation, flipped)
    for row in range(seen.shape[0]):
        for column in range(seen.shape[1]):
            u, v = (column + 0.5) / seen.shape[1], (row + 0.5) / seen.shape[0]
            x, y = from_display((u, v), area)
            assert image[int(y), int(x)] == seen[row, column]


def test_the_centre_of_a_polygon_is_that_of_its_area_not_of_its_vertices():
    slow_corner = [(10, 10), (11, 10), (12, 10), (50, 10), (50, 60), (10, 60), (10, 10)]
    assert centre_of("POLYGON", slow_corner) == pytest.approx((30, 35))


def test_centres_of_the_other_shapes():
    assert centre_of("POINT", [(3, 4)]) == (3, 4)
    assert centre_of("CIRCLE", [(3, 4), (9, 4)]) == (3, 4)
    major_first = [(100, 220), (180, 220), (140, 200), (140, 240)]
    assert centre_of("ELLIPSE", major_first) == (140, 220)
    assert centre_of("ELLIPSE", major_first[2:] + major_first[:2]) == (140, 220)
    assert centre_of("POLYLINE", [(0, 0), (10, 0), (10, 1)]) == pytest.approx((60 / 11, 0.5 / 11))
    assert centre_of("POLYLINE", [(5, 5), (5, 5), (5, 5)]) == (5, 5)
    assert centre_of("POLYGON", [(0, 0), (4, 0), (8, 0), (0, 0)]) == pytest.approx((4, 0))


@given(
    st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    st.floats(1, 500),
    st.integers(3, 60),
)
def test_the_centre_of_a_regular_polygon_is_its_middle(middle, radius, corners):
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    ring = [(middle[0] + radius * np.cos(a), middle[1] + radius * np.sin(a)) for a in angles]
    assert centre_of("POLYGON", [*ring, ring[0]]) == pytest.approx(middle, abs=1e-6)


def test_a_line_that_ends_within_a_pixel_of_its_beginning_is_closed():
    assert is_closed([(0, 0), (9, 0), (9, 9), (0.5, 0.5)])
    assert not is_closed([(0, 0), (9, 0), (9, 9), (0, 9)])
    assert not is_closed([(0, 0), (9, 0), (0, 0)])


@pytest.mark.parametrize(
    ("kind", "count", "shape"),
    [
        ("POINT", 1, "POINT"), ("POINT", 2, None), ("CIRCLE", 2, "CIRCLE"), ("CIRCLE", 3, None),
        ("ELLIPSE", 4, "ELLIPSE"), ("ELLIPSE", 2, None), ("POLYLINE", 2, "POLYLINE"),
        ("POLYLINE", 1, None), ("INTERPOLATED", 5, "INTERPOLATED"), ("MULTIPOINT", 3, "POINT"),
        ("RECTANGLE", 2, None), ("", 1, None),
    ],
)  # fmt: skip
def test_a_shape_has_as_many_points_as_it_needs(kind, count, shape):
    assert shape_of(kind, [(float(n * n), float(n)) for n in range(count)]) == shape


def test_a_hundred_pixels_are_as_many_millimetres_as_in_the_reference():
    calibrated, magnified = Dataset(), Dataset()
    calibrated.PixelSpacing, calibrated.PixelSpacingCalibrationType = [0.1, 0.07], "GEOMETRY"
    magnified.ImagerPixelSpacing = [0.07, 0.07]
    magnified.EstimatedRadiographicMagnificationFactor = "1.05"
    rows, columns = spacing_of(calibrated)
    assert (100 * columns, 100 * rows) == pytest.approx((7.0, 10.0))
    assert [100 * each for each in spacing_of(magnified)] == pytest.approx([6.667] * 2, abs=1e-3)
