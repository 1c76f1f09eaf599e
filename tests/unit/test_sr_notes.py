"""The note grammar: every row of its table of examples, and what must never be a rating."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.sr import codes
from pacs_bridge.sr.notes import parse_breasts, parse_note, write_breast, write_note

MASS, CALC, DISTORTION = codes.MASS, codes.CALCIFICATIONS, codes.DISTORTION


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("M4 mass R", 4), ("4", 4), ("(4)", 4), ("m4.", 4), ("M-4", 4), ("score: 3", 3),
        ("Grade 3", 3), ("Mass 12mm M4 RMLO", 4), ("1.2 cm spiculated mass LCC M5", 5),
        ("Ｍ４", 4), ("mass\r\nM3", 3), ("rating=2", 2), ("M4?", 4), ("mass 4", 4), ("R 5", 5),
        ("M 3 distortion", 3), ("no calcs M1", 1), ("M5 RTS", 5), ("M1 recall", 1),
    ],
)  # fmt: skip
def test_a_rating_is_read(text, rating):
    assert parse_note(text).rating == rating


@pytest.mark.parametrize(
    "text",
    [
        "12.3", "12", "2024", "5/11/2024", "3/5", "M6", "12.3 mm", "3 mm", "3mm", "4 cm", "R3",
        "U4 P3", "B5b", "BI-RADS 4b", "BIRADS 4", "?ca++", "Recall", "B/L", "4.5", "4,5", "3%",
        "0", "6", "M4/5", "3 or 4", "M3-4", "R M4 L M2", "M3 M4", "3 foci of something",
        "2 masses", "Mean: 3 SD: 4", "A=196px", "Area: 4", "10:30", "3 o'clock", "IMG 4", "#4",
        "-4", "+4", "M45", "4M", "AM4", "4 5", "T2", "case 3",
    ],
)  # fmt: skip
def test_a_number_that_rates_nothing_is_no_rating(text):
    assert parse_note(text).rating is None


@pytest.mark.parametrize("text", ["M4/5", "3 or 4", "M3-4", "R M4 L M2", "M3 M4", "M3 to M4"])
def test_two_ratings_are_a_conflict_and_no_rating(text):
    note = parse_note(text)
    assert note.rating is None
    assert "rating" in note.conflicts


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("Recall", "RECALL"), ("RTS", "RTS"), ("RR", "RTS"), ("routine recall", "RTS"),
        ("no recall", "RTS"), ("normal", "RTS"), ("NAD", "RTS"), ("technical recall", "TECH"),
        ("TR", "TECH"), ("recall - tech", "TECH"), ("return to screen", "RTS"),
        ("return to screening", "RTS"), ("for assessment", "RECALL"), ("M5 RTS", "RTS"),
        ("abnormal", None), ("M4 mass", None),
    ],
)  # fmt: skip
def test_a_decision_is_read(text, decision):
    assert parse_note(text).decision == decision


@pytest.mark.parametrize("text", ["M5 RTS", "M4 normal", "M1 recall"])
def test_a_rating_against_its_decision_is_kept_and_said(text):
    assert parse_note(text).conflicts == ("rating-and-decision",)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("M4 mass R", MASS), ("?ca++", CALC), ("calcs", CALC), ("microcalcification", CALC),
        ("cluster of calcs", CALC), ("arch dist", DISTORTION), ("AD", DISTORTION),
        ("asymmetry", codes.ASYMMETRY), ("focal asymmetry", codes.FOCAL_ASYMMETRY),
        ("mass with calcs", codes.MASS_WITH_CALCIFICATIONS),
        ("mass, calcs", codes.MASS_WITH_CALCIFICATIONS), ("no mass seen", None),
        ("no calcs M1", None), ("no suspicious mass", None), ("M4", None), ("Massachusetts", None),
    ],
)  # fmt: skip
def test_a_finding_is_read_unless_it_is_denied(text, finding):
    assert codes.key(parse_note(text).finding) == codes.key(finding)


@pytest.mark.parametrize(
    ("text", "side", "view"),
    [
        ("M4 mass R", "R", None), ("B/L", "B", None), ("Mass 12mm M4 RMLO", "R", "MLO"),
        ("1.2 cm spiculated mass LCC M5", "L", "CC"), ("left breast", "L", None),
        ("MLO", None, "MLO"), ("R M4 L M2", "B", None), ("RTS", None, None), ("RR", None, None),
        ("R3", None, None), ("bilateral", "B", None),
    ],
)  # fmt: skip
def test_side_and_view_are_read(text, side, view):
    note = parse_note(text)
    assert (note.side, note.view) == (side, view)


def test_a_size_is_in_millimetres_and_birads_is_kept_apart():
    assert parse_note("Mass 12mm M4 RMLO").size_mm == 12.0
    assert parse_note("1.2 cm spiculated mass LCC M5").size_mm == 12.0
    assert parse_note("12 x 8 mm").size_mm == 12.0
    assert parse_note("BI-RADS 4b").birads == "4B"
    assert parse_note("?ca++").uncertain


def test_what_is_not_understood_is_kept():
    assert parse_note("M4 zebra R").unparsed == ("ZEBRA",)


@pytest.mark.parametrize(
    ("text", "breasts"),
    [
        ("R RTS", [("R", "RTS", None)]),
        ("L RECALL M4", [("L", "RECALL", 4)]),
        ("R RTS L RECALL M4", [("R", "RTS", None), ("L", "RECALL", 4)]),
        ("R RTS\r\nL RECALL M4", [("R", "RTS", None), ("L", "RECALL", 4)]),
        ("RTS R, recall L", [("R", "RTS", None), ("L", "RECALL", None)]),
        ("B/L normal", [("R", "RTS", None), ("L", "RTS", None)]),
        ("Right: routine recall. Left: technical recall",
         [("R", "RTS", None), ("L", "TECH", None)]),
        ("RECALL", []), ("M4 mass R", []), ("", []), ("R RTS R RECALL", []), ("R3", []),
    ],
)  # fmt: skip
def test_a_decision_counts_for_the_breast_it_names(text, breasts):
    assert [(b.laterality, b.decision, b.rating) for b in parse_breasts(text)] == breasts


@given(st.text(max_size=200))
def test_no_text_makes_the_grammar_fail(text):
    note = parse_note(text)
    assert note.rating in (None, 1, 2, 3, 4, 5)
    assert isinstance(parse_breasts(text), tuple)


@given(
    st.sampled_from([None, 1, 2, 3, 4, 5]),
    st.sampled_from([None, *(codes.Code(*pair) for pair in codes.FINDING_WORDS)]),
)
def test_what_we_write_of_a_mark_is_read_back(rating, finding):
    note = parse_note(write_note(rating, finding))
    assert note.rating == rating
    assert codes.key(note.finding) == codes.key(finding)
    assert not note.conflicts


@pytest.mark.parametrize("side", ["R", "L"])
@pytest.mark.parametrize("decision", ["RTS", "RECALL", "TECH"])
@pytest.mark.parametrize("rating", [None, 2, 4])
def test_what_we_write_of_a_breast_is_read_back(side, decision, rating):
    breast = BreastDecision(side, decision, rating)
    assert parse_breasts(write_breast(breast)) == (breast,)
