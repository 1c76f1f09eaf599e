"""Texts in other character sets than they declare, and in objects that few viewers write."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from pacs_bridge.sr import geometry, sop_classes
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import (
    LCC,
    RCC,
    a_code,
    a_graphic,
    a_reference,
    a_state,
    an_annotation,
    an_item,
)
from tests.unit.test_sr_overlay import a_plane, with_overlay


def a_note(value: bytes, declared: str | None) -> Dataset:
    """A text object as it comes out of a file: bytes that nobody converted yet."""
    note = Dataset()
    tag = Tag("UnformattedTextValue")
    note[tag] = RawDataElement(tag, "ST", len(value), value, 0, False, True)
    graphic = a_graphic("POINT", 5, 5)
    annotation = an_annotation(graphic, TextObjectSequence=[note])
    changes = {} if declared is None else {"SpecificCharacterSet": declared}
    return a_state(annotation, **changes)


@pytest.mark.parametrize("declared", [None, "ISO_IR 100", "ISO_IR 192"])
@pytest.mark.parametrize("written", ["cp1252", "utf-8"])
@pytest.mark.parametrize(
    ("text", "rating"), [("M4 – “masse à gauche”", 4), ("M3–4", None), ("no mass — M1", 1)]
)
def test_a_note_is_read_as_it_was_typed_whatever_is_declared(declared, written, text, rating):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library tells of what it replaces
        [mark] = read_object(a_note(text.encode(written), declared)).marks
    assert (mark.text, mark.rating) == (text, rating)


def test_a_dash_of_windows_makes_no_number_of_two():
    [mark] = read_object(a_note("3–4mm mass".encode("cp1252"), "ISO_IR 100")).marks
    assert (mark.text, mark.rating) == ("3–4mm mass", None)
    read = read_object(a_note("don’t recall R".encode("cp1252"), "ISO_IR 100"))
    assert [(each.laterality, each.decision) for each in read.breasts] == [("R", "RTS")]


def test_a_bitmap_apart_from_its_image_lies_on_the_only_image_that_it_names():
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_classes.STANDALONE_OVERLAY, "1.2.3.9.8"
    ds.ReferencedImageSequence = [a_reference(RCC)]
    read = read_object(with_overlay(ds, a_plane((3, 4, 9, 8))))
    assert [mark.image for mark in read.marks] == [RCC] == list(read.referenced_images)
    assert "inferred-image" in read.marks[0].flags
    ds.ReferencedImageSequence = [a_reference(RCC), a_reference(LCC)]
    [mark] = read_object(ds).marks
    assert (mark.image, "ambiguous-image" in mark.flags) == ("", True)


def test_the_texts_of_a_structured_display_are_kept():
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_classes.STRUCTURED_DISPLAY, "1.2.3.9.9"
    assert read_object(ds).refused
    box = Dataset()
    box.UnformattedTextValue = "R RTS, L recall M4"
    ds.StructuredDisplayTextBoxSequence = [box]
    read = read_object(ds)
    assert [(each.laterality, each.decision) for each in read.breasts] == [
        ("R", "RTS"), ("L", "RECALL"),
    ]  # fmt: skip
    assert read.kind == "presentation-state"


@pytest.mark.parametrize("text", ["recall R M4 L RTS", "R RTS R recall"])
def test_what_a_key_object_decides_unclearly_is_kept_and_asked_about(text):
    note = an_item("TEXT", a_code("113012", "DCM", "Key Object Description"), TextValue=text)
    ds = an_item("CONTAINER", a_code("113000"), note)
    ds.SOPClassUID, ds.SOPInstanceUID = sop_classes.KEY_OBJECT, "1.2.3.9.7"
    read = read_object(ds)
    assert read.breasts == ()
    [mark] = read.marks
    assert (mark.text, mark.rating, "decision-conflict" in mark.flags) == (text, None, True)
    assert "side-not-said" not in mark.flags


def test_the_centre_of_a_rectangle_is_its_middle_though_a_side_is_left_out():
    square = np.array([(100, 100), (200, 100), (200, 300), (100, 300)], float)
    for degrees in (0, 30, 90):
        turn = np.deg2rad(degrees)
        turned = square @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        graphic = a_graphic("POLYLINE", *turned.ravel().tolist())
        [mark] = read_object(a_state(an_annotation(graphic))).marks
        assert mark.shape == "POLYLINE"
        assert mark.centre == pytest.approx(tuple(turned.mean(axis=0)), abs=1e-3)
    bent = [(0.0, 0.0), (100.0, 0.0), (100.0, 10.0), (300.0, 10.0)]
    assert geometry.line_centre(bent) != geometry.vertex_mean(bent)
