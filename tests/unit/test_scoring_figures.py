"""Figures of merit: what counts, what is left out, and that the numbers are right."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.truth import BreastTruth
from pacs_bridge.scoring.figures import roc_area, roc_points, summarise
from pacs_bridge.scoring.hits import RULE
from pacs_bridge.scoring.result import judge_reading
from tests.scoring_builders import LCC, a_case, a_lesion, a_mark, a_region

PAGE = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text("utf-8")
FROC = Path(__file__).parents[3] / "shared" / "data" / "froc" / "datasets"
RATINGS = st.lists(st.integers(1, 5), min_size=1, max_size=40)


def read(right, left, *, marks=(), case=None, ratings=(None, None)):
    """The result of one reading: the decisions of the right and of the left breast."""
    said = zip("RL", (right, left), ratings, strict=True)
    breasts = [BreastDecision(side, decision, rating) for side, decision, rating in said]
    return judge_reading(case or a_case(), marks, breasts)


def figure(results, name):
    return {each.name: each for each in summarise(results).figures}[name]


def fraction(results, name):
    found = figure(results, name)
    return found.numerator, found.denominator


def a_plain_case(right, left, panels=("RTS", "RTS")):
    breasts = (BreastTruth("R", right, panels[0]), BreastTruth("L", left, panels[1]))
    return a_case(breasts=breasts, lesions=())


def test_sensitivity_is_malignant_breasts_recalled_of_malignant_breasts():
    results = [read("RECALL", "RTS"), read("RTS", "RTS"), read("RECALL", "RECALL")]
    assert fraction(results, "sensitivity") == (2, 3)
    assert figure(results, "sensitivity").value == pytest.approx(2 / 3)


def test_specificity_counts_normal_and_benign_breasts_returned():
    results = [
        read("RTS", "RECALL", case=a_plain_case("benign", "normal")),
        read("RTS", "RTS", case=a_plain_case("normal", "malignant")),
    ]
    assert fraction(results, "specificity") == (2, 3)


def test_correct_recall_and_return_follow_the_panel_and_not_the_pathology():
    case = a_plain_case("benign", "malignant", ("RECALL", "RTS"))
    results = [read("RECALL", "RTS", case=case), read("RTS", "RTS", case=case)]
    assert fraction(results, "correct_recall") == (1, 2)
    assert fraction(results, "correct_return") == (2, 2)


def test_a_technical_recall_is_in_no_figure_and_is_counted():
    results = [read("TECH", "RTS", marks=[a_mark(rating=5)]), read("RECALL", "RTS")]
    assert fraction(results, "sensitivity") == (1, 1)
    assert fraction(results, "lesions_localised") == (0, 1)
    assert fraction(results, "auc") == (2, 2)
    counts = summarise(results).counts
    assert (counts.technical_breasts, counts.breasts, counts.hits) == (1, 3, 0)


def test_a_breast_without_a_decision_is_undecided_and_never_returned():
    results = [read(None, "RTS"), read("RECALL", None)]
    assert fraction(results, "sensitivity") == (1, 1)
    assert fraction(results, "specificity") == (1, 1)
    assert summarise(results).counts.undecided_breasts == 2
    assert results[0].breasts[0].outcome == "undecided"


def test_a_breast_that_the_reading_leaves_out_is_undecided():
    (right, left) = judge_reading(a_case(), [], [BreastDecision("R", "RECALL")]).breasts
    assert (right.outcome, left.outcome) == ("true-positive", "undecided")


@pytest.mark.parametrize("name", [f.name for f in summarise([]).figures])
def test_without_readings_no_figure_has_a_value_and_each_says_why(name):
    found = figure([], name)
    assert found.value is None
    assert found.reason.startswith("not computable: no ")


@pytest.mark.parametrize(("pathology", "computable"), [("normal", 1), ("malignant", 0)])
def test_a_class_without_breasts_gives_no_figure_instead_of_nought_or_one(pathology, computable):
    results = [read("RTS", "RTS", case=a_plain_case(pathology, pathology))]
    assert figure(results, "auc").value is None
    assert summarise(results).roc == ()
    values = [figure(results, name).value for name in ("sensitivity", "specificity")]
    assert values[1 - computable] is None
    assert values[computable] is not None


def test_the_rating_of_a_breast_is_the_highest_of_its_own_and_its_marks():
    left = a_mark(rating=5, image=LCC, laterality="L")
    marks = [a_mark(rating=2), a_mark(rating=4, image="2.25.9"), left]
    result = read("RECALL", "RECALL", marks=marks, ratings=(3, None))
    assert [breast.rating for breast in result.breasts] == [4, 5]


def test_the_rating_of_a_label_is_no_rating_of_the_breast():
    result = read("RTS", "RTS", marks=[a_mark(rating=5, flags=("not-a-location",))])
    assert result.breasts[0].rating is None
    assert result.marks[0].verdict == "ignored"


def test_a_returned_breast_without_rating_counts_as_1_and_a_recalled_one_as_3():
    results = [read("RTS", "RECALL")]
    assert [breast.rating_used for breast in results[0].breasts] == [1, 3]
    assert [breast.rating for breast in results[0].breasts] == [None, None]
    counts = summarise(results).counts
    assert (counts.unrated_returned, counts.unrated_recalled) == (1, 1)


def test_a_rating_that_contradicts_the_decision_is_kept_as_it_was_given():
    result = read("RTS", "RECALL", ratings=(5, 1))
    assert [breast.rating_used for breast in result.breasts] == [5, 1]


def test_a_lesion_seen_and_returned_is_localised_and_missed_by_decision():
    result = read("RTS", "RTS", marks=[a_mark(rating=2)])
    assert result.lesions[0].localised is True
    assert (result.lesions[0].rating, result.lesions[0].marks) == (2, (0,))
    assert result.breasts[0].outcome == "false-negative"
    assert result.breasts[0].agrees_with_panel is False


def test_a_lesion_without_region_is_in_no_figure_and_is_counted():
    case = a_case(lesions=(a_lesion(), a_lesion(lesion_id="L2", regions=())))
    results = [read("RECALL", "RTS", marks=[a_mark()], case=case)]
    assert fraction(results, "lesions_localised") == (1, 1)
    assert summarise(results).counts.lesions_without_region == 1


def test_benign_lesions_count_among_all_and_not_among_malignant_ones():
    spot = a_lesion(lesion_id="L2", laterality="L", malignant=False, regions=(a_region(image=LCC),))
    case = a_case(lesions=(a_lesion(), spot))
    results = [read("RECALL", "RTS", marks=[a_mark(image=LCC, laterality="L")], case=case)]
    assert fraction(results, "lesions_localised") == (1, 2)
    assert fraction(results, "malignant_lesions_localised") == (0, 1)


def test_marks_are_counted_as_hits_repeats_and_false_positive_locations():
    marks = [a_mark(), a_mark(), a_mark(at=(1.0, 1.0)), a_mark(image="2.25.9", laterality=None)]
    counts = summarise([read("RECALL", "RTS", marks=marks)]).counts
    assert (counts.hits, counts.repeats, counts.false_positive_locations) == (1, 1, 2)


@given(RATINGS, RATINGS)
def test_the_roc_area_is_scikit_learns(diseased, healthy):
    truth = [1] * len(diseased) + [0] * len(healthy)
    assert roc_area(diseased, healthy).value == pytest.approx(
        roc_auc_score(truth, diseased + healthy), abs=1e-12
    )


@given(RATINGS, RATINGS)
def test_the_roc_points_are_scikit_learns_and_enclose_the_area(diseased, healthy):
    truth = [1] * len(diseased) + [0] * len(healthy)
    fpf, tpf, thresholds = roc_curve(truth, diseased + healthy, drop_intermediate=False)
    points = roc_points(diseased, healthy)
    assert [p.fpf for p in points] == pytest.approx(list(fpf))
    assert [p.tpf for p in points] == pytest.approx(list(tpf))
    assert [p.threshold for p in points[1:]] == list(thresholds[1:])
    area = np.trapezoid([p.tpf for p in points], [p.fpf for p in points])
    assert area == pytest.approx(roc_area(diseased, healthy).value, abs=1e-12)
    assert (points[0].fpf, points[0].tpf, points[0].threshold) == (0.0, 0.0, None)
    assert (points[-1].fpf, points[-1].tpf) == (1.0, 1.0)


@given(RATINGS, RATINGS)
def test_the_roc_area_turned_round_is_its_complement(diseased, healthy):
    there, back = roc_area(diseased, healthy), roc_area(healthy, diseased)
    assert there.numerator + back.numerator == there.denominator == back.denominator


def test_a_rating_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        roc_area([math.nan], [1])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["RTS", "RECALL", "TECH", None]),
            st.sampled_from(["RTS", "RECALL", "TECH", None]),
            st.one_of(st.none(), st.integers(1, 5)),
            st.lists(st.sampled_from([(100.0, 200.0), (5.0, 5.0)]), max_size=3),
        ),
        max_size=12,
    )
)
def test_whatever_is_read_the_figures_add_up(readings):
    results = [
        read(right, left, marks=[a_mark(at=at) for at in places], ratings=(rating, None))
        for right, left, rating, places in readings
    ]
    summary = summarise(results)
    counts = summary.counts
    everything = counts.breasts + counts.technical_breasts + counts.undecided_breasts
    assert everything == 2 * len(readings)
    assert counts.malignant_breasts + counts.other_breasts == counts.breasts
    assert fraction(results, "sensitivity")[1] == counts.malignant_breasts
    assert fraction(results, "specificity")[1] == counts.other_breasts
    pairs = counts.malignant_breasts * counts.other_breasts
    assert fraction(results, "auc")[1] == pairs
    assert fraction(results, "lesions_localised")[0] == counts.hits
    for each in summary.figures:
        assert (each.value is None) == (each.denominator == 0) == (each.reason is not None)
        assert each.value is None or 0 <= each.value <= 1


def test_two_sets_of_60_have_the_breasts_that_the_scheme_published():
    """240 breasts: 161 normal, 70 malignant, 9 benign (PERFORMS.md A1.5)."""
    kinds = ["normal"] * 161 + ["malignant"] * 70 + ["benign"] * 9
    pairs = zip(kinds[::2], kinds[1::2], strict=True)
    results = [read("RTS", "RECALL", case=a_plain_case(*pair)) for pair in pairs]
    counts = summarise(results).counts
    assert (counts.breasts, counts.malignant_breasts, counts.other_breasts) == (240, 70, 170)
    assert fraction(results, "auc")[1] == 70 * 170


def rows_of(file):
    return list(csv.DictReader((FROC / file).read_text("utf-8").splitlines()))


def published(name, modality, reader):
    """The highest rating of each case of a published data set; unmarked is minus infinity."""
    if not FROC.exists():
        pytest.skip(f"no published data at {FROC}")
    truth = rows_of(f"{name}_truth.csv")
    diseased = {row["case_id"]: row["diseased"] == "1" for row in truth}
    highest = defaultdict(lambda: -math.inf)
    for row in rows_of(f"{name}_ratings.csv"):
        if (row["modality"], row["reader"]) == (modality, reader):
            highest[row["case_id"]] = max(highest[row["case_id"]], float(row["rating"]))
    return [[highest[case] for case in diseased if diseased[case] == is_so] for is_so in (1, 0)]


@pytest.mark.parametrize(
    ("name", "modality", "reader", "area"),
    [
        ("dataset02", "0", "0", 0.9196457327),
        ("dataset02", "0", "4", 0.8297906602),
        ("dataset02", "1", "3", 0.9993558776),
        ("dataset01", "BT", "1", 0.795997191),
        ("dataset01", "BT", "5", 0.8465589888),
        ("dataset01", "DM", "2", 0.7211493446),
    ],
)
def test_the_roc_area_of_published_readings_is_the_published_one(name, modality, reader, area):
    diseased, healthy = published(name, modality, reader)
    assert roc_area(diseased, healthy).value == pytest.approx(area, abs=5e-11)


def test_marks_on_an_image_truth_does_not_name_count_for_the_breast_they_claim():
    result = read("RECALL", "RTS", marks=[a_mark(image="2.25.9", rating=5, laterality="L")])
    assert [breast.rating for breast in result.breasts] == [None, 5]


def test_the_documentation_tells_every_figure_and_the_rule_in_force():
    figures = PAGE[PAGE.index("| `sensitivity` |") :].split("\n\n", 1)[0]
    told = re.findall(r"^\| `(\w+)` \|", figures, re.MULTILINE)
    assert told == [each.name for each in summarise([]).figures]
    assert f"`{RULE}`" in PAGE


def test_the_documentation_names_what_is_left_out_as_the_counts_do():
    for name in ("technical_breasts", "undecided_breasts", "unrated_returned", "unrated_recalled"):
        assert f"`{name}`" in PAGE
        assert hasattr(summarise([]).counts, name)
