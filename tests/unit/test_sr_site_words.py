"""Short forms of the note grammar: the programme's own, a site's, and what is ambiguous."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sr import codes
from pacs_bridge.sr.notes import flags_of, parse_breasts, parse_note
from pacs_bridge.sr.read import read_object
from pacs_bridge.sr.site_words import site_words
from tests.unit.sr_builders import a_graphic, a_state, a_text, an_annotation

SIDES = site_words({"letters": {"R": "side", "L": "side"}})
SCALE = site_words({"letters": {"R": "scale"}})


@pytest.mark.parametrize(
    ("text", "finding", "meaning", "rating"),
    [
        ("MILL 4", codes.MASS, "Ill-defined mass", 4),
        ("mill4", codes.MASS, "Ill-defined mass", 4),
        ("MILL M4", codes.MASS, "Ill-defined mass", 4),
        ("M4 MILL R", codes.MASS, "Ill-defined mass", 4),
        ("MWELL", codes.MASS, "Well-defined mass", None),
        ("R CC MWELL 2", codes.MASS, "Well-defined mass", 2),
        ("CALCS 3", codes.CALCIFICATIONS, None, 3),
        ("ARCDIS-5", codes.DISTORTION, None, 5),
        ("ASYMD", codes.ASYMMETRY, "Asymmetric density", None),
        ("LYMABN", codes.NODE, "Lymph node abnormality", None),
        ("CLABN", codes.OTHER_FINDING, "Clinical abnormality", None),
        ("MILL 12mm", codes.MASS, "Ill-defined mass", None),
        ("MILL + CALCS 4", codes.MASS_WITH_CALCIFICATIONS, None, 4),
    ],
)
def test_a_code_of_the_programme_is_a_finding_with_the_rating_after_it(
    text, finding, meaning, rating
):
    note = parse_note(text)
    assert codes.key(note.finding) == codes.key(finding)
    assert note.rating == rating
    assert note.unparsed == ()
    if meaning:
        assert note.finding is not None
        assert note.finding.meaning == meaning


@pytest.mark.parametrize("text", ["MILLI", "MILL 4.5", "MILL 6", "SMILL 4", "MILL 45", "MILL 4%"])
def test_a_longer_word_or_number_is_no_short_form_with_a_rating(text):
    assert parse_note(text).rating is None


@pytest.mark.parametrize(
    "text", ["no MILL", "MILL not seen", "calcs: none", "mass is excluded", "no calcs or mass"]
)
def test_what_is_denied_is_no_finding(text):
    assert parse_note(text).finding is None


@pytest.mark.parametrize("text", ["not normal", "not RTS"])
def test_a_denied_decision_is_none_and_asked_about(text):
    note = parse_note(text)
    assert (note.decision, note.conflicts) == (None, ("decision",))


@pytest.mark.parametrize("text", ["R4", "L4", "r-4", "mass L3"])
def test_a_letter_before_a_digit_is_asked_about_unless_the_site_says(text):
    note = parse_note(text)
    assert (note.rating, note.side) == (None, None)
    assert "side-or-scale" in note.conflicts
    assert "side-or-scale" in flags_of([note])


def test_the_site_s_table_decides_what_a_letter_before_a_digit_means():
    assert (parse_note("R4 mass", SIDES).side, parse_note("R4 mass", SIDES).rating) == ("R", 4)
    assert (parse_note("L2", SIDES).side, parse_note("L2", SIDES).rating) == ("L", 2)
    assert (parse_note("R4 mass", SCALE).side, parse_note("R4 mass", SCALE).rating) == (None, 4)
    assert parse_note("L4", SCALE).conflicts == ("side-or-scale",)
    said = parse_breasts("R5 recall L1 RTS", SIDES)
    assert [(b.laterality, b.decision, b.rating) for b in said] == [
        ("R", "RECALL", 5), ("L", "RTS", 1),
    ]  # fmt: skip


def test_a_site_adds_its_own_forms():
    words = site_words({"findings": {"idm": "mass"}, "decisions": {"OK": "RTS", "AX": "RECALL"}})
    note = parse_note("IDM 4 AX", words)
    assert (codes.key(note.finding), note.rating) == (codes.key(codes.MASS), 4)
    assert note.decision == "RECALL"
    assert parse_note("MILL 4", words).rating == 4
    assert [(b.laterality, b.decision) for b in parse_breasts("R OK", words)] == [("R", "RTS")]
    assert parse_note("IDM 4 AX").unparsed == ("IDM", "AX")


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"rating": {}}, "rating"), ({"findings": {"X": "zebra"}}, "zebra"),
        ({"decisions": {"X": "MAYBE"}}, "MAYBE"), ({"letters": {"Q": "side"}}, "Q"),
        ({"letters": {"R": "left"}}, "left"), ({"findings": {"a.*": "mass"}}, "a.*"),
        ({"findings": {"X" * 40: "mass"}}, "letters and digits"), ({"findings": 4}, "section"),
    ],
)  # fmt: skip
def test_a_table_with_a_mistake_is_refused_by_its_name(table, word):
    with pytest.raises(RefusedInput, match=word.replace("*", r"\*")):
        site_words(table)


def test_a_mark_with_an_ambiguous_letter_keeps_its_text_and_a_flag():
    state = a_state(an_annotation(a_graphic("POINT", 1, 1), a_text("R4 mass", 1, 1)))
    [mark] = read_object(state).marks
    assert (mark.rating, mark.text) == (None, "R4 mass")
    assert "side-or-scale" in mark.flags
    [mark] = read_object(state, SCALE).marks
    assert (mark.rating, "side-or-scale" in mark.flags) == (4, False)


def test_a_text_about_both_breasts_is_given_to_no_graphic():
    state = a_state(an_annotation(a_graphic("POINT", 1, 1), a_text("R RTS L RECALL M4", 1, 1)))
    read = read_object(state)
    assert [(mark.shape, mark.rating, mark.flags) for mark in read.marks] == [
        ("POINT", None, ()), ("TEXT", None, ()),
    ]  # fmt: skip
    assert [(b.laterality, b.decision) for b in read.breasts] == [("R", "RTS"), ("L", "RECALL")]


@given(st.text(max_size=80), st.sampled_from([SIDES, SCALE]))
def test_no_text_makes_a_site_s_grammar_fail(text, words):
    assert parse_note(text, words).rating in (None, 1, 2, 3, 4, 5)
    assert isinstance(parse_breasts(text, words), tuple)
