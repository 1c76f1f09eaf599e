"""Truth files and truth payloads: taken whole, or refused with every reason."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.truth_file import (
    check_outline,
    parse_truth,
    truth_as_payload,
    truth_from_payload,
)
from tests.scoring_builders import a_case, a_lesion, a_region, a_truth

SET = SetName.parse("PERFORMS121")
ELLIPSE = [[60, 200], [140, 200], [100, 180], [100, 220]]


def a_document():
    return {
        "cases": [
            {
                "number": 101,
                "kind": "test",
                "study_instance_uid": "1.2.3",
                "breasts": [
                    {"laterality": "R", "pathology": "malignant", "panel": "RECALL"},
                    {"laterality": "L", "pathology": "normal", "panel": "RTS"},
                ],
                "lesions": [
                    {
                        "lesion_id": "L1",
                        "laterality": "R",
                        "finding": "mass",
                        "malignant": True,
                        "regions": [
                            {
                                "sop_instance_uid": "1.2.3.4",
                                "laterality": "R",
                                "view": "CC",
                                "shape": "ELLIPSE",
                                "points": copy.deepcopy(ELLIPSE),
                            }
                        ],
                    }
                ],
            }
        ]
    }


def ours(uid):
    return {"1.2.3.4": "2.25.1", "1.2.3.5": "2.25.2"}.get(uid)


def parse(document, **options):
    return parse_truth(document, SET, ours, **options)


def refusal(document):
    with pytest.raises(RefusedInput) as refused:
        parse(document)
    return refused.value


def test_a_truth_file_becomes_truth_on_the_distributed_images():
    truth = parse(a_document(), version=3)
    (case,) = truth.cases
    (region,) = case.lesions[0].regions
    assert (truth.set_name, truth.version) == ("PERFORMS121", 3)
    assert (case.accession, case.kind) == ("PERFORMS121101", "test")
    assert (region.image, region.shape, region.frame) == ("2.25.1", "ELLIPSE", None)
    assert region.points == ((60.0, 200.0), (140.0, 200.0), (100.0, 180.0), (100.0, 220.0))
    assert case.breasts[0].pathology == "malignant"


def test_the_payload_is_plain_json_and_comes_back_the_same():
    truth = parse(a_document())
    payload = truth_as_payload(truth)
    assert truth_from_payload(json.loads(json.dumps(payload))) == truth
    assert truth_as_payload(truth_from_payload(payload)) == payload


def test_cases_stand_in_order_whatever_the_files():
    document = a_document()
    document["cases"].insert(0, {**document["cases"][0], "number": 102, "lesions": []})
    assert [case.accession[-3:] for case in parse(document).cases] == ["101", "102"]


def test_an_image_outside_the_set_is_refused_naming_the_case():
    document = a_document()
    document["cases"][0]["lesions"][0]["regions"][0]["sop_instance_uid"] = "1.2.3.99"
    refused = refusal(document)
    assert "case 101" in str(refused)
    assert "not in this set" in str(refused)


def change(path, value):
    def apply(document):
        target = document["cases"][0]
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return apply


REGION = ("lesions", 0, "regions", 0)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("number",), "101", "number is not a whole number"),
        (("number",), True, "number is not a whole number"),
        (("number",), 50, "outside this scheme's ranges"),
        (("number",), 1, "called a test case"),
        (("kind",), "exam", "kind is not one of practice, test"),
        (("breasts",), {}, "breasts is not a list"),
        (("breasts",), [], "one right and one left"),
        (("breasts", 1, "laterality"), "R", "one right and one left"),
        (("breasts", 0, "pathology"), "fine", "pathology is not one of"),
        (("breasts", 0, "pathology"), ["normal"], "pathology is not one of"),
        (("breasts", 0, "panel"), "TECH", "panel is not one of RTS, RECALL"),
        (("breasts", 0, "pathology"), "benign", "malignant and its breast benign"),
        (("lesions",), None, "lesions is not a list"),
        (("lesions", 0, "malignant"), 1, "malignant is not true or false"),
        (("lesions", 0, "lesion_id"), "", "lesion_id is not a text"),
        (("lesions", 0, "lesion_id"), "a\nb", "lesion_id is not a text"),
        (("lesions", 0, "finding"), "m" * 65, "finding is not a text"),
        ((*REGION, "laterality"), "L", "other breast"),
        ((*REGION, "shape"), "POINT", "shape is not one of"),
        ((*REGION, "frame"), 0, "numbered from 1"),
        ((*REGION, "frame"), 1.5, "frame is not a whole number"),
        ((*REGION, "points"), "here", "points is not a list"),
        ((*REGION, "points"), ELLIPSE[:3], "ELLIPSE is drawn by 4 points"),
        ((*REGION, "points"), [[1, 2], [3]], "pair of column and row"),
        ((*REGION, "points"), [[1, 2], [3, float("nan")]], "pair of column and row"),
        ((*REGION, "points"), [[1, 2], [3, float("inf")]], "pair of column and row"),
        ((*REGION, "points"), [[1, 2], [3, True]], "pair of column and row"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(path, value, reason):
    document = a_document()
    change(path, value)(document)
    refused = refusal(document)
    assert reason in str(refused)
    assert "correct it" in str(refused)
    assert len(refused.reasons) == 1


def test_every_bad_case_is_named_at_once():
    document = a_document()
    document["cases"] += [{"number": 102}, {"number": 103, "kind": "test"}]
    refused = refusal(document)
    assert [where for where, _ in refused.reasons] == ["case 102", "case 103"]
    assert "1 more case" in str(refused)


def test_one_case_twice_is_refused():
    document = a_document()
    document["cases"] *= 2
    assert "twice" in str(refusal(document))


def test_two_lesions_of_one_name_are_refused():
    document = a_document()
    document["cases"][0]["lesions"] *= 2
    assert "one lesion_id" in str(refusal(document))


def test_lesions_of_both_breasts_on_one_image_are_refused():
    document = a_document()
    other = copy.deepcopy(document["cases"][0]["lesions"][0])
    other.update(lesion_id="L2", laterality="L", malignant=False)
    other["regions"][0]["laterality"] = "L"
    document["cases"][0]["lesions"].append(other)
    assert "both breasts" in str(refusal(document))


@pytest.mark.parametrize("document", [None, [], "cases", {}, {"cases": 1}, {"cases": []}])
def test_something_that_is_no_truth_file_is_refused(document):
    assert refusal(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["cases", "number", "kind", "breasts", "lesions", "regions"]), inner
            )
        ),
    )
)
def test_whatever_the_document_it_is_refused_and_nothing_else_happens(document):
    with pytest.raises(RefusedInput):
        parse({"cases": document})


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ("CIRCLE", [[5, 5], [5, 5]]),
        ("CIRCLE", [[5, 5]]),
        ("POLYGON", [[0, 0], [5, 5]]),
        ("POLYGON", [[0, 0], [5, 5], [0, 0]]),
        ("POLYGON", [[0.0, 0.0], [0.1, 0.1], [0.3, 0.3]]),
        ("ELLIPSE", [[0, 0], [10, 0], [5, 5], [5, 5]]),
        ("ELLIPSE", [[0, 0], [100, 0], [100, 80], [0, 80]]),  # corners of a box
        ("ELLIPSE", [[0, 0], [100, 0], [10, -20], [90, 20]]),  # crossing aslant
        ("ELLIPSE", [[0, 0], [100, 0], [10, -20], [10, 20]]),  # crossing off the middle
    ],
)
def test_an_outline_that_encloses_nothing_or_is_none_is_refused(shape, points):
    with pytest.raises(RefusedInput):
        check_outline(shape, points)


def test_a_polygon_closed_by_its_first_point_loses_the_repetition():
    assert len(check_outline("POLYGON", [[0, 0], [5, 0], [5, 5], [0, 0]])) == 3


def test_an_ellipse_rounded_to_whole_pixels_is_taken():
    assert check_outline("ELLIPSE", [[10, 10], [31, 24], [24, 12], [17, 22]])


def test_a_payload_of_another_sets_case_is_refused():
    payload = truth_as_payload(a_truth(a_case(accession="PERFORMS122101")))
    with pytest.raises(RefusedInput, match="no case of PERFORMS121"):
        truth_from_payload(payload)


def test_a_payload_with_an_image_that_is_no_uid_is_refused():
    lesion = a_lesion(regions=(a_region(image="../../evil"),))
    with pytest.raises(RefusedInput, match="not a DICOM UID"):
        truth_from_payload(truth_as_payload(a_truth(a_case(lesions=(lesion,)))))


@pytest.mark.parametrize("version", [0, -1, "1", None, True])
def test_a_payload_needs_a_version_from_1_up(version):
    with pytest.raises(RefusedInput):
        truth_from_payload({**truth_as_payload(a_truth()), "version": version})
