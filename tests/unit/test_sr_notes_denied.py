"""What a note denies, numbers that rate nothing, and whose each decision is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.sr import codes
from pacs_bridge.sr.notes import flags_of, parse_breasts, parse_note
from pacs_bridge.sr.site_words import site_words


def decided(text):
    return {each.laterality: (each.decision, each.rating) for each in parse_breasts(text)}


@pytest.mark.parametrize(
    "text",
    [
        "No mass, calcification or distortion", "no suspicious mass, calcs or distortion seen",
        "no evidence of malignant calcification", "No evidence of a mass", "Mass: no",
        "calcs - no", "mass? no", "neither mass nor calcs", "mass not visible",
        "negative for mass", "free of calcifications", "isn't a mass", "mass or calcs not seen",
        "no MILL, CALCS or ARCDIS", "w/o mass",
    ],
)  # fmt: skip
def test_a_denial_holds_for_all_that_it_lists(text):
    assert parse_note(text).findings == ()


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("no calcs but mass M4", codes.MASS), ("No change. Mass M3", codes.MASS),
        ("no mass, calcs M4", codes.CALCIFICATIONS), ("no calcs; mass 12mm", codes.MASS),
        ("no calcs mass M4", codes.MASS), ("2 masses M4", codes.MASS),
        ("3 foci of calcs", codes.CALCIFICATIONS),
    ],
)  # fmt: skip
def test_a_denial_reaches_no_further_than_it_is_meant(text, finding):
    assert codes.key(parse_note(text).finding) == codes.key(finding)


@pytest.mark.parametrize(
    "text",
    [
        "don't recall", "dont recall", "Don’t recall", "recall: no", "Recall? No",
        "recall not needed", "recall not indicated", "wouldn't recall", "nothing to recall",
        "never recall", "no indication for a recall", "no need for assessment",
    ],
)  # fmt: skip
def test_a_recall_that_is_called_off_is_none(text):
    assert parse_note(text).decision != "RECALL"
    assert "RECALL" not in [each.decision for each in parse_breasts(f"L {text}")]


def test_what_is_called_off_contradicts_no_other_decision():
    assert parse_note("not normal, recall").conflicts == ()
    assert parse_note("RTS, not for recall").decision == "RTS"
    assert parse_note("no mass seen RTS").decision == "RTS"
    assert parse_note("isn't normal").conflicts == ("decision",)


@pytest.mark.parametrize(
    "text",
    [
        "4 - 5 mm", "4–5 mm mass", "4 to 5 mm", "4 and 5 mm", "5°", "3 °", "4 %", '4"', "4'",
        "3 o clock", "mass 3 o'clock", "MILL 3 o'clock", "Lesion 1", "No. 3", "No 4", "3½", "4²",
        "BIRADS score 4", "BI-RADS score: 4", "BI‑RADS 4", "density score 3", "Grade 3 cancer",
        "invasive carcinoma grade 3", "CALCS 4 - 5 mm", "MILL 4 to 5 mm", "CALCS 3 clusters",
        "~4", "> 3", "≥ 4",
    ],
)  # fmt: skip
def test_a_size_an_angle_a_place_or_another_scale_is_no_rating(text):
    assert parse_note(text).rating is None


@pytest.mark.parametrize("dash", "-‐‑–—−~+&>")
def test_a_range_of_ratings_is_a_conflict_however_its_sign_is_typed(dash):
    for text in (f"M3{dash}4", f"M3 {dash} M4"):
        note = parse_note(text)
        assert (note.rating, "rating" in note.conflicts) == (None, True)


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("M‑4", 4), ("M–4", 4), ("M:4", 4), ("M=4", 4), ("M4, 3 o'clock", 4), ("R – M4", 4),
        ("M4_mass", 4), ("M\u200b4", 4), ("suspicion level 4", 4), ("M4/mass", 4),
        ("CALCS 3 at 4 o'clock", 3), ("M4, 3 foci of calcs", 4),
    ],
)  # fmt: skip
def test_a_rating_is_found_behind_odd_signs(text, rating):
    assert parse_note(text).rating == rating


@pytest.mark.parametrize("text", ["not M4", "no M4", "MILL 4, CALCS 3", "M3 and 4", "M3...4"])
def test_a_rating_denied_or_given_twice_is_asked_about(text):
    note = parse_note(text)
    assert (note.rating, "rating-conflict" in flags_of([note])) == (None, True)


@pytest.mark.parametrize("text", ["R4/L2", "R4,L2", "R4 / L2", "R–4", "R4-L2"])
def test_letters_with_digits_side_by_side_are_asked_about(text):
    assert parse_note(text).conflicts[0] == "side-or-scale"


def test_letters_with_digits_side_by_side_are_two_breasts_where_the_site_says_so():
    sides = site_words({"letters": {"R": "side", "L": "side"}})
    said = parse_breasts("R5/L1, R recall / L RTS", sides)
    assert {each.laterality: each.decision for each in said} == {"R": "RECALL", "L": "RTS"}


RIGHT_NORMAL = {"R": ("RTS", None), "L": ("RECALL", 4)}


@pytest.mark.parametrize(
    "text",
    [
        "Opinion: right normal, left recall M4", "Decision R RTS L RECALL M4",
        "Case 101\nR RTS\nL RECALL M4", "PERFORMS121101 R RTS L RECALL M4",
        "Result: R: RTS; L: recall M4", "recall L M4; R RTS", "R RTS/L RECALL M4",
        "M4 mass L recall; R RTS", "R normal. Recall L M4", "RTS: right; Recall: left, M4",
        "Normal right, left recall M4", "RTS R, recall L M4", "R – RTS\nL – recall M4",
        "R RTS. L RECALL. M4", "R RTS (L recall M4)", "RTS R recall L M4",
        "R normal; L not normal, recall M4", "no recall R, L recall M4", "R=RTS L=RECALL M4",
        "recall left breast for mass M4, right RTS", "R RTS | L RECALL M4",
    ],
)  # fmt: skip
def test_each_decision_is_of_the_breast_that_it_is_said_of(text):
    assert decided(text) == RIGHT_NORMAL
    assert flags_of([parse_note(text)]) == ()


@pytest.mark.parametrize(
    "text", ["R and L RTS", "right and left breasts normal", "RTS R+L", "RTS both", "R L RTS"]
)
def test_what_is_said_of_both_breasts_in_one_breath_is_of_both(text):
    assert decided(text) == {"R": ("RTS", None), "L": ("RTS", None)}


@pytest.mark.parametrize(
    ("text", "breasts"),
    [
        ("Recall. Left normal, right mass", {"L": ("RTS", None)}), ("RECALL R M4 L RTS", {}),
        ("left recall right", {}), ("both RTS, L recall", {"R": ("RTS", None)}),
        ("R normal; L not normal", {"R": ("RTS", None)}),
    ],
)  # fmt: skip
def test_a_decision_that_may_be_of_either_breast_is_given_to_none_and_asked_about(text, breasts):
    assert decided(text) == breasts
    assert "decision-conflict" in flags_of([parse_note(text)])


@pytest.mark.parametrize("text", ["3 yearly recall", "recall 3 years", "three-year recall"])
def test_a_recall_to_the_next_round_is_a_return_to_screening(text):
    assert decided(f"R {text}") == {"R": ("RTS", None)}


@pytest.mark.parametrize("text", ["early recall", "recall in 1 year", "6 month recall"])
def test_a_recall_that_the_scheme_does_not_know_is_asked_about(text):
    assert decided(f"R {text}") == {}
    assert "decision-conflict" in flags_of([parse_note(text)])


def test_a_rating_of_one_breast_contradicts_no_decision_of_the_other():
    assert flags_of([parse_note("R M4, RTS L")]) == ()
    assert "rating-and-decision" in flags_of([parse_note("R M4 RTS, L recall")])


def test_two_ratings_of_two_breasts_are_no_conflict():
    assert flags_of([parse_note("R RTS M1, L recall M4")]) == ()
    assert "rating-conflict" in flags_of([parse_note("R RTS M1, L recall M4/5")])


@pytest.mark.parametrize("between", ["word ", "w ", "NO ", ", ", "n't ", "or ", "1 - "])
def test_a_letter_of_any_kind_between_two_findings_ends_soon(between):
    note = parse_note("mass " + between * 150 + "! calcs")
    assert note.text.startswith("mass")


LEADS = st.sampled_from(["", "Opinion: ", "Case 7\n", "Dr Smith: ", "Marks "])
JOINS = st.sampled_from(["; ", ", ", "\n", ". ", " / ", " | ", "/"])
NAMES = {"R": ("R", "right", "Rt breast"), "L": ("L", "left", "Lt breast")}
DECISIONS = {"RTS": ("RTS", "normal", "routine recall", "no recall"), "RECALL": ("recall",),
             "TECH": ("technical recall", "TR")}  # fmt: skip


@given(st.data())
def test_no_way_of_writing_gives_a_breast_the_others_decision(data):
    first = data.draw(st.sampled_from(["R", "L"]))
    order = [first, "L" if first == "R" else "R"]
    wanted = {side: data.draw(st.sampled_from(sorted(DECISIONS))) for side in order}
    parts = []
    is_behind = data.draw(st.booleans())
    for side in order:
        name = data.draw(st.sampled_from(NAMES[side]))
        words = data.draw(st.sampled_from(DECISIONS[wanted[side]]))
        rating = data.draw(st.sampled_from(["", " M2", " M3"]))
        parts.append(f"{words}{rating} {name}" if is_behind else f"{name} {words}{rating}")
    text = data.draw(LEADS) + data.draw(JOINS).join(parts)
    read = {each.laterality: each.decision for each in parse_breasts(text)}
    assert read == wanted
