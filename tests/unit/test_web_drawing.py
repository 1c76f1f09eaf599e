"""Marks as shapes over a picture: where they lie, and which images hang beside which."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from pacs_bridge.domain.marks import Point, Shape
from pacs_bridge.domain.receipts import MarkState, ReceiptImage, ReceiptMark
from pacs_bridge.web.drawing import draw_shape, hang, place_label, place_ring

IMAGE = ReceiptImage("1.2.3", "L", "MLO", 2294, 1914)


def a_mark(shape: Shape, *points: Point, centre: Point | None = None) -> ReceiptMark:
    return ReceiptMark(
        "k", "1.2.3", None, shape, points, centre or points[0], "L", "MLO", None, 4, "",
        MarkState.READ,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "points", "tag", "attributes"),
    [
        ("POINT", [(900.25, 700.5)], "path", {"d": "M900.25 700.5h0"}),
        (
            "CIRCLE",
            [(100.0, 200.0), (103.0, 204.0)],
            "circle",
            {"cx": "100", "cy": "200", "r": "5"},
        ),
        ("POLYLINE", [(1.5, 2.0), (3.0, 4.0)], "polyline", {"points": "1.5,2 3,4"}),
        (
            "POLYGON",
            [(0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 0.0)],
            "polygon",
            {"points": "0,0 9,0 9,9 0,0"},
        ),
        (
            "BITMAP",
            [(1500.0, 1750.0), (1200.0, 1500.0)],
            "rect",
            {"x": "1200", "y": "1500", "width": "300", "height": "250"},
        ),
    ],
)
def test_a_shape_keeps_the_numbers_of_its_mark(
    shape: Shape, points: list[Point], tag: str, attributes: dict[str, str]
) -> None:
    drawn = draw_shape(a_mark(shape, *points))
    assert drawn is not None
    assert (drawn.tag, drawn.attributes) == (tag, attributes)


def test_an_ellipse_is_the_same_whichever_axis_its_object_names_first() -> None:
    long, short = ((500.0, 500.0), (900.0, 700.0)), ((660.0, 680.0), (740.0, 520.0))
    by_long = draw_shape(a_mark("ELLIPSE", *long, *short))
    by_short = draw_shape(a_mark("ELLIPSE", *short, *long))
    assert by_long is not None
    assert by_short is not None
    first, second = by_long.attributes, by_short.attributes
    assert (first["cx"], first["cy"]) == (second["cx"], second["cy"]) == ("700", "600")
    assert (first["rx"], first["ry"]) == (second["ry"], second["rx"]) == ("223.6068", "89.4427")
    turns = [float(re.findall(r"rotate\((\S+) ", each["transform"])[0]) for each in (first, second)]
    assert abs(turns[0] - turns[1]) == pytest.approx(90, abs=0.001)


def test_a_curve_goes_through_all_its_points_and_closes_smoothly() -> None:
    open_ = draw_shape(a_mark("INTERPOLATED", (0.0, 0.0), (10.0, 10.0), (20.0, 0.0)))
    assert open_ is not None
    ends = [part.split(" ")[-2:] for part in open_.attributes["d"].split("C")]
    assert re.findall(r"(\S+) (\S+)(?: C|$)", open_.attributes["d"]) == [
        ("M0", "0"), ("10", "10"), ("20", "0"),
    ]  # fmt: skip
    assert len(ends) == 3
    ring = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)]
    closed = draw_shape(a_mark("INTERPOLATED", *ring))
    assert closed is not None
    numbers = [float(each) for each in re.findall(r"-?[\d.]+", closed.attributes["d"])]
    leaves = (numbers[2] - numbers[0], numbers[3] - numbers[1])
    arrives = (numbers[-2] - numbers[-4], numbers[-1] - numbers[-3])
    assert leaves == pytest.approx(arrives)


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ("TEXT", [(1.0, 2.0)]),
        ("POINT", [(float("nan"), 2.0)]),
        ("POLYGON", [(1.0, 2.0), (float("inf"), 2.0)]),
        ("CIRCLE", [(1.0, 2.0)]),
        ("ELLIPSE", [(1.0, 2.0), (2.0, 3.0)]),
    ],
)
def test_what_has_no_place_is_not_drawn(shape: Shape, points: list[Point]) -> None:
    mark = a_mark(shape, *points)
    assert draw_shape(mark) is None
    assert place_ring(mark, IMAGE) is None


@pytest.mark.parametrize("point", [(0.0, 0.0), (1914.0, 2294.0), (1913.0, 3.0), (957.0, 1147.0)])
def test_a_number_stands_inside_the_picture(point: Point) -> None:
    label = place_label(a_mark("POINT", point), IMAGE)
    x, y = (float(label[name].rstrip("%")) for name in ("x", "y"))
    assert 0 <= x <= 100
    assert 0 <= y <= 100
    assert (label["text-anchor"] == "end") == (int(label["dx"]) < 0) == (x > 90)
    assert int(label["dy"]) > 0 or y >= 8


def images(*named: str) -> list[ReceiptImage]:
    return [
        replace(IMAGE, sop_instance_uid=str(place), laterality=name[0].strip("-"), view=name[1:])
        for place, name in enumerate(named)
    ]


@pytest.mark.parametrize(
    ("named", "rows"),
    [
        (["RCC", "LCC", "RMLO", "LMLO"], [(0, 1), (2, 3)]),
        (["LMLO", "LCC", "RMLO", "RCC"], [(3, 1), (2, 0)]),
        (["LCC", "LMLO"], [(None, 0), (None, 1)]),
        (["RCC", "RCC", "LCC"], [(0, 2), (1, None)]),
        (["RML", "RMLO", "LMLO"], [(1, 2), (0, None)]),
        (["-CC", "-CC", "-CC"], [(0, 1), (2, None)]),
        ([], []),
    ],
)
def test_images_hang_with_the_right_breast_at_the_left_and_cc_above(
    named: list[str], rows: list[Any]
) -> None:
    assert hang(images(*named)) == rows
