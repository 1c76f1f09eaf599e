"""Overlay bitmaps to marks that a person confirms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.tag import Tag

from pacs_bridge.domain.marks import Mark
from pacs_bridge.domain.reading import is_location
from pacs_bridge.sr.overlay import MOST_BLOBS, blobs_of
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import LCC, RCC, a_graphic, a_mammogram, a_state, an_annotation

CONFIRM = "needs-confirmation"


def with_overlay(ds: Dataset, plane: np.ndarray, origin=(1, 1), group=0x6000, **changes) -> Dataset:
    """Put a bitmap into a data set, as PS3.3 C.9.2 has it; three axes are frames."""
    frames = plane.shape[0] if plane.ndim == 3 else 0
    rows, columns = plane.shape[-2:]
    bits = np.packbits(plane.astype(np.uint8).ravel(), bitorder="little").tobytes()
    ds.add_new(Tag(group, 0x0010), "US", changes.get("rows", rows))
    ds.add_new(Tag(group, 0x0011), "US", columns)
    ds.add_new(Tag(group, 0x0040), "CS", "G")
    ds.add_new(Tag(group, 0x0050), "SS", list(origin))
    ds.add_new(Tag(group, 0x0100), "US", changes.get("allocated", 1))
    ds.add_new(Tag(group, 0x0102), "US", 0)
    if frames:
        ds.add_new(Tag(group, 0x0015), "IS", frames)
        ds.add_new(Tag(group, 0x0051), "US", changes.get("first", 1))
    if changes.get("data", True):
        ds.add_new(Tag(group, 0x3000), "OW", bits + b"\0" * (len(bits) % 2))
    return ds


def a_plane(*boxes: tuple[int, int, int, int], rows: int = 61, columns: int = 53) -> np.ndarray:
    plane = np.zeros((rows, columns), np.uint8)
    for left, top, right, bottom in boxes:
        plane[top:bottom, left:right] = 1
    return plane


def test_each_blob_of_a_state_s_bitmap_is_a_mark_to_confirm():
    state = with_overlay(a_state(), a_plane((10, 20, 16, 24), (40, 50, 43, 52)))
    read = read_object(state)
    assert [(m.shape, m.points, m.centre, m.flags) for m in read.marks] == [
        ("BITMAP", ((10, 20), (16, 24)), (13, 22), (CONFIRM,)),
        ("BITMAP", ((40, 50), (43, 52)), (41.5, 51), (CONFIRM,)),
    ]
    assert (read.kind, read.refused, read.marks[0].image) == ("presentation-state", None, RCC)


def test_a_bitmap_in_an_image_sent_again_lies_on_that_image():
    read = read_object(with_overlay(a_mammogram("L", "CC"), a_plane((1, 2, 5, 6))))
    [mark] = read.marks
    assert (read.kind, mark.image, read.refused) == ("overlay", LCC, None)
    assert LCC in read.referenced_images


def test_the_origin_is_row_then_column_counted_from_one_and_may_be_negative():
    [mark] = read_object(with_overlay(a_state(), a_plane((0, 0, 2, 2)), (101, 11))).marks
    assert mark.points == ((10, 100), (12, 102))
    [mark] = read_object(with_overlay(a_state(), a_plane((9, 9, 11, 11)), (-4, 0))).marks
    assert mark.points == ((8, 4), (10, 6))


def test_the_centre_of_a_drawn_ring_is_its_middle():
    y, x = np.mgrid[0:61, 0:53]
    distance = np.hypot(x + 0.5 - 26, y + 0.5 - 30)
    [mark] = read_object(with_overlay(a_state(), np.abs(distance - 15) < 1)).marks
    assert mark.centre == pytest.approx((26, 30), abs=0.05)


def test_frames_of_a_bitmap_lie_on_the_frames_they_name():
    planes = np.stack([a_plane((1, 1, 4, 4)), a_plane(), a_plane((5, 5, 9, 9))])
    marks = read_object(with_overlay(a_mammogram("R", "CC"), planes, first=7)).marks
    assert [(m.frame, m.points[0]) for m in marks] == [(7, (1, 1)), (9, (5, 5))]


def test_of_very_many_blobs_the_first_are_read_and_the_rest_is_said():
    dots = a_plane(*((x, y, x + 2, y + 2) for x in range(0, 50, 3) for y in range(0, 60, 3)))
    read = read_object(with_overlay(a_mammogram("R", "CC"), np.stack([dots] * 10)))
    assert 1000 < len(read.marks) <= 2000
    assert "too-large" in read.marks[0].flags


def test_every_group_is_read_and_says_which_it_is():
    state = with_overlay(a_state(), a_plane((1, 1, 4, 4)))
    marks = read_object(with_overlay(state, a_plane((7, 7, 9, 9)), group=0x601E)).marks
    assert [mark.item for mark in marks] == ["overlay 6000, blob 1", "overlay 601E, blob 1"]


@pytest.mark.parametrize("group", [0x601E, 0x6020, 0x60FE])
def test_a_group_of_an_older_edition_is_no_less_read(group):
    [mark] = read_object(with_overlay(a_state(), a_plane((1, 2, 5, 6)), group=group)).marks
    assert mark.points == ((1, 2), (5, 6))


def test_a_bitmap_for_several_images_is_on_none_of_them():
    state = with_overlay(a_state(images=(RCC, LCC)), a_plane((1, 1, 4, 4)))
    [mark] = read_object(state).marks
    assert (mark.image, mark.flags) == ("", ("ambiguous-image", CONFIRM))


def test_what_was_drawn_beside_a_bitmap_needs_no_confirmation():
    state = a_state(an_annotation(a_graphic("POINT", 1, 1)))
    read = read_object(with_overlay(state, a_plane((1, 1, 4, 4))))
    assert [(mark.shape, mark.flags) for mark in read.marks] == [
        ("POINT", ()), ("BITMAP", (CONFIRM,)),
    ]  # fmt: skip


def test_nothing_unconfirmed_counts_as_a_place():
    blob = Mark(RCC, None, "BITMAP", ((1, 1), (4, 4)), (2.5, 2.5), flags=(CONFIRM,))
    assert not is_location(blob)
    assert is_location(Mark(RCC, None, "POINT", ((1, 1),), (1, 1)))


@pytest.mark.parametrize(
    ("changes", "plane", "word"),
    [
        ({"data": False, "allocated": 16}, a_plane((1, 1, 4, 4)), "unused bits of the pixels"),
        ({"allocated": 8}, a_plane((1, 1, 4, 4)), "of a form that is not read"),
        ({"rows": 9999}, a_plane((1, 1, 4, 4)), "broken"),
        ({"rows": 0}, a_plane((1, 1, 4, 4)), "broken"),
        ({}, a_plane((1, 1, 2, 2), (9, 9, 12, 10)), "single dots"),
    ],
    ids=["embedded", "eight bits", "too short", "no rows", "dust"],
)
def test_a_bitmap_that_cannot_be_read_is_refused_with_the_reason(changes, plane, word):
    read = read_object(with_overlay(a_state(), plane, **changes))
    assert read.marks == ()
    assert word in (read.refused or "")
    image = read_object(with_overlay(a_mammogram("R", "CC"), plane, **changes))
    assert (image.kind, word in (image.refused or "")) == ("overlay", True)


def test_a_picture_is_no_drawing():
    noise = np.random.default_rng(1).integers(0, 2, (2000, 2000))
    read = read_object(with_overlay(a_state(), noise))
    assert "is a picture" in (read.refused or "")
    text = np.zeros((400, 400), np.uint8)
    for row in range(0, 400, 10):
        for column in range(0, 400, 10):
            text[row : row + 3, column : column + 3] = 1
    assert blobs_of(text) is None
    assert MOST_BLOBS < 1600


def test_a_state_that_shows_the_image_s_overlay_says_where_the_marks_are():
    state = a_state()
    state.add_new(Tag(0x6000, 0x1001), "CS", "MARKS")
    assert "lies in the image" in (read_object(state).refused or "")


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.7))
def test_blobs_are_those_that_a_plain_search_finds(seed, share):
    plane = (np.random.default_rng(seed).random((17, 23)) < share).astype(np.uint8)
    left = {(int(x), int(y)) for y, x in zip(*np.nonzero(plane), strict=True)}
    wanted = []
    while left:
        blob, waiting = set(), [left.pop()]
        while waiting:
            x, y = waiting.pop()
            blob.add((x, y))
            near = {(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            waiting.extend(near)
        if len(blob) >= 4:
            xs, ys = [x for x, _ in blob], [y for _, y in blob]
            wanted.append(
                ((min(xs), min(ys)), (max(xs) + 1, max(ys) + 1), round(sum(xs) / len(xs) + 0.5, 6))
            )
    found = [(*blob.box, round(blob.centre[0], 6)) for blob in blobs_of(plane) or []]
    assert sorted(found) == sorted(wanted)


def test_a_real_overlay_is_found_where_another_decoder_finds_it():
    """The library's own decoding of the file that it ships is the judge."""
    path = get_testdata_file("examples_overlay.dcm")
    assert path is not None
    ds = dcmread(path)
    plane = ds.overlay_array(0x6000)
    left = np.ones_like(plane)
    marks = read_object(dcmread(path, stop_before_pixels=True)).marks
    assert marks
    for (x0, y0), (x1, y1) in (mark.points for mark in marks):
        left[int(y0) : int(y1), int(x0) : int(x1)] = 0
        edges = (plane[int(y0)], plane[int(y1) - 1], plane[:, int(x0)], plane[:, int(x1) - 1])
        assert all(edge.any() for edge in edges)
    assert not blobs_of(plane * left)  # nothing but dust lies outside the boxes


def with_shutter(ds: Dataset, plane: np.ndarray, group=0x6000, shape="BITMAP") -> Dataset:
    ds.ShutterShape, ds.ShutterOverlayGroup, ds.ShutterPresentationValue = shape, group, 0
    return with_overlay(ds, plane, group=group)


@pytest.mark.parametrize("shape", ["BITMAP", ["RECTANGULAR", "BITMAP"]])
def test_what_covers_a_part_of_the_image_is_no_drawing(shape):
    read = read_object(with_shutter(a_state(), a_plane((0, 0, 53, 9)), shape=shape))
    assert (read.marks, "no drawing" in (read.refused or "")) == ((), True)
    both = with_overlay(with_shutter(a_state(), a_plane((0, 0, 53, 9))), a_plane((3, 4, 9, 8)),
                        group=0x6002)  # fmt: skip
    assert [mark.points for mark in read_object(both).marks] == [((3, 4), (9, 8))]


def test_a_bitmap_that_no_shutter_names_stays_a_drawing():
    state = with_overlay(a_state(ShutterShape="CIRCULAR"), a_plane((3, 4, 9, 8)))
    assert len(read_object(state).marks) == 1


def test_a_single_bitmap_lies_on_the_frame_that_it_names():
    state = with_overlay(a_state(), a_plane((3, 4, 9, 8)))
    state.add_new(Tag(0x6000, 0x0051), "US", 7)
    assert [mark.frame for mark in read_object(state).marks] == [7]


def test_a_bitmap_on_somebody_elses_layer_is_theirs():
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerDescription = "MARY", "Jones^Mary"
    state = with_overlay(a_state(GraphicLayerSequence=[layer]), a_plane((3, 4, 9, 8)))
    state.add_new(Tag(0x6000, 0x1001), "CS", "MARY")
    read = read_object(state)
    assert (read.marks, [share.observer.name for share in read.others]) == ((), ["Jones^Mary"])
    assert read.others[0].marks[0].item == "overlay 6000 on layer MARY, blob 1"


def test_an_overlay_in_a_bit_of_the_pixels_is_named_whatever_is_allocated():
    image = with_overlay(a_mammogram("L", "CC"), a_plane(), data=False)
    image[0x6000, 0x0102].value = 12
    assert "unused bits" in (read_object(image).refused or "")
