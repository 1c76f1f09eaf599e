"""What the scoring server makes of readings, truth and questions; all traffic fits OpenAPI."""

from __future__ import annotations

import sqlite3

import pytest

from pacs_bridge.domain.marks import BreastDecision, Code
from pacs_bridge.domain.reading import hash_payload
from pacs_bridge.domain.truth import BreastTruth
from pacs_bridge.scoring.payload import truth_as_payload
from tests.scoring_builders import a_case, a_lesion, a_mark, a_reading, a_truth
from tests.signed_client import SignedClient, a_scoring_app, sentence

UID = "PERFORMS121101-R1"


@pytest.fixture
def app(tmp_path):
    with a_scoring_app(tmp_path) as app:
        yield app


@pytest.fixture
def scorer(app):
    return SignedClient(app)


@pytest.fixture
def informed(scorer):
    """A scorer that has the truth of case 101."""
    assert scorer.put_truth(truth_as_payload(a_truth())).status_code == 200
    return scorer


def body(**changes):
    return a_reading(**changes).as_payload()


# Readings


def test_a_reading_gets_a_receipt_with_the_hash_of_its_content(informed):
    response = informed.post_reading(body())
    assert response.status_code == 200
    assert response.get_json() == {
        "reading": UID,
        "revision": 1,
        "content_hash": a_reading().content_hash(),
        "status": "scored",
        "reports": [],
    }


def test_the_same_reading_again_is_one_reading_with_the_same_receipt(informed):
    first = informed.post_reading(body()).get_json()
    again = [informed.post_reading(body()).get_json() for _ in range(3)]
    assert again == [{**first, "status": "duplicate"}] * 3
    assert informed.summary("PERFORMS121", "R1").get_json()["counts"]["readings"] == 1


def test_a_later_revision_replaces_the_reading(informed):
    informed.post_reading(body())
    returned = (BreastDecision("R", "RTS"), BreastDecision("L", "RTS"))
    later = informed.post_reading(body(revision=2, breasts=returned)).get_json()
    assert later["status"] == "scored"
    result = informed.result(UID).get_json()
    assert (result["revision"], result["breasts"][0]["outcome"]) == (2, "false-negative")
    assert informed.summary("PERFORMS121", "R1").get_json()["counts"]["readings"] == 1


def test_what_is_exposed_is_in_no_figure_until_a_revision_says_that_it_is_not(informed):
    counted = []
    for revision, exposed in ((1, False), (2, True), (3, False)):
        informed.post_reading(body(revision=revision, exposed=exposed))
        summary = informed.summary("PERFORMS121", "R1").get_json()
        counted.append((summary["counts"]["readings"], summary["readings_exposed"]))
        assert informed.result(UID).get_json()["exposed"] is exposed
    assert counted == [(1, 0), (0, 1), (1, 0)]


def test_an_older_revision_that_comes_late_is_kept_and_replaces_nothing(informed):
    informed.post_reading(body(revision=10))
    late = informed.post_reading(body(revision=9, marks=()))
    assert late.get_json()["status"] == "stored"
    assert informed.result(UID).get_json()["revision"] == 10
    assert informed.post_reading(body(revision=9, marks=())).get_json()["status"] == "duplicate"


def test_one_revision_with_two_contents_is_refused(informed):
    informed.post_reading(body())
    assert "later revision" in sentence(informed.post_reading(body(marks=())), 422)
    assert informed.result(UID).get_json()["content_hash"] == a_reading().content_hash()


def test_a_reading_never_changes_its_case_or_reader(informed):
    informed.post_reading(body())
    assert "another case" in sentence(informed.post_reading(body(revision=2, reader="R2")), 422)


def test_one_reader_has_one_reading_of_a_case(informed):
    informed.post_reading(body())
    other = informed.post_reading(body(reading_uid="another", revision=2))
    assert "under another name" in sentence(other, 422)


def test_a_reading_before_its_truth_may_come_again(scorer):
    assert "send the truth" in sentence(scorer.post_reading(body()), 409)
    scorer.put_truth(truth_as_payload(a_truth()))
    assert scorer.post_reading(body()).get_json()["status"] == "scored"


def test_a_reading_of_a_case_that_truth_does_not_have_may_come_again(informed):
    reading = body(reading_uid="PERFORMS121102-R1", accession="PERFORMS121102")
    assert "PERFORMS121102" in sentence(informed.post_reading(reading), 409)


def test_a_practice_case_is_refused_and_never_scored(scorer):
    practice = a_case(accession="PERFORMS121001", kind="practice")
    scorer.put_truth(truth_as_payload(a_truth(a_case(), practice)))
    refused = scorer.post_reading(body(reading_uid="p", accession="PERFORMS121001"))
    assert "practice case" in sentence(refused, 422)
    assert scorer.result("p").status_code == 404
    assert scorer.summary("PERFORMS121", "R1").get_json()["test_cases"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"case": "PERFORMS122101"}, "not of this set"),
        ({"case": "PERFORMS12110107"}, "copy"),
        ({"case": "PERFORMS121999"}, "outside this scheme's ranges"),
        ({"set": "121"}, "A set is named"),
        ({"scale": "0-100"}, "scale: input should be 'uk-1-5'"),
        ({"revision": 0}, "revision: input should be greater"),
        ({"revision": "1"}, "revision: input should be a valid integer"),
        ({"reading": "../../evil"}, "reading: string should match"),
        ({"reader": "Dr Jane Doe"}, "reader: string should match"),
        ({"closed_at": "2026-01-02T03:04:05"}, "closed_at: input should have timezone"),
        ({"breasts": [{"laterality": "R"}]}, "breasts[0].decision: field required (and 2 more)"),
        ({"marks": None}, "marks: input should be a valid"),
    ],
)
def test_a_reading_that_is_not_as_agreed_is_refused_in_one_sentence(informed, change, said):
    assert said in sentence(informed.post_reading({**body(), **change}), 422)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"rating": 6}, "marks[0].rating"),
        ({"rating": 4.0}, "marks[0].rating"),
        ({"frame": 0}, "marks[0].frame"),
        ({"image": "1.2.3\n"}, "marks[0].image"),
        ({"laterality": "B"}, "marks[0].laterality"),
        ({"centre": [1, 2, 3]}, "marks[0].centre"),
        ({"centre": [1, 1e7]}, "marks[0].centre[1]"),
        ({"shape": "BLOB"}, "marks[0].shape"),
    ],
)
def test_a_mark_that_is_not_as_agreed_is_named_by_its_place(informed, change, where):
    reading = body()
    reading["marks"][0].update(change)
    assert where in sentence(informed.post_reading(reading), 422)


def test_a_misspelt_key_is_an_error_and_not_a_silence(informed):
    reading = body()
    reading["marks"][0]["ratng"] = reading["marks"][0].pop("rating")
    assert "marks[0].rating: field required" in sentence(informed.post_reading(reading), 422)


def test_one_breast_decided_twice_is_refused(informed):
    twice = (BreastDecision("R", "RTS"), BreastDecision("R", "RECALL"))
    assert "decided twice" in sentence(informed.post_reading(body(breasts=twice)), 422)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    ids=["empty", "binary", "html", "deep", "nan", "key twice", "surrogate", "huge number"],
)
def test_what_is_no_json_is_refused(informed, raw):
    assert "not JSON" in sentence(informed.post_raw(raw), 422)


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"x"', b"1"])
def test_json_that_is_no_object_is_refused(informed, raw):
    assert "body" in sentence(informed.post_raw(raw), 422)


@pytest.mark.parametrize("key", ["", UID, f"{UID}:{'0' * 64}", "other:" + "0" * 64])
def test_a_key_that_does_not_name_the_content_is_refused(informed, key):
    assert "Idempotency-Key" in sentence(informed.post_reading(body(), key=key), 422)


def test_unknown_keys_are_passed_over_hashed_and_not_kept(informed, tmp_path):
    finding = Code("MILL", "99PERFORMS", "Mrs Example has a mass")
    reading = {**body(marks=(a_mark(finding=finding),)), "comment": "seen by Dr Example"}
    receipt = informed.post_reading(reading).get_json()
    assert receipt["content_hash"] == hash_payload(reading)
    with sqlite3.connect(tmp_path / "scorer.sqlite") as connection:
        (kept,) = connection.execute("SELECT body FROM reading").fetchone()
    connection.close()
    assert "Example" not in kept
    assert "MILL" in kept


# Truth


def test_truth_again_is_a_duplicate_and_another_content_a_conflict(informed):
    again = informed.put_truth(truth_as_payload(a_truth())).get_json()
    assert again["status"] == "duplicate"
    assert again["content_hash"] == hash_payload(truth_as_payload(a_truth()))
    other = truth_as_payload(a_truth(a_case(lesions=())))
    assert "next version" in sentence(informed.put_truth(other), 409)
    assert informed.post_reading(body()).status_code == 200
    assert informed.result(UID).get_json()["lesions"] != []


def test_a_new_truth_scores_the_kept_readings_anew(informed):
    informed.post_reading(body())
    assert informed.result(UID).get_json()["breasts"][0]["outcome"] == "true-positive"
    breasts = (BreastTruth("R", "benign", "RTS"), BreastTruth("L", "normal", "RTS"))
    corrected = a_truth(a_case(breasts=breasts, lesions=()), version=2)
    informed.put_truth(truth_as_payload(corrected))
    result = informed.result(UID).get_json()
    assert (result["truth_version"], result["breasts"][0]["outcome"]) == (2, "false-positive")
    summary = informed.summary("PERFORMS121", "R1").get_json()
    assert summary["figures"]["specificity"]["numerator"] == 1
    assert summary["truth_version"] == 2


def test_an_older_truth_that_comes_late_does_not_come_into_force(scorer):
    scorer.put_truth(truth_as_payload(a_truth(version=2)))
    scorer.put_truth(truth_as_payload(a_truth(a_case(lesions=()), version=1)))
    scorer.post_reading(body())
    assert scorer.result(UID).get_json()["truth_version"] == 2


def test_a_case_that_a_new_truth_drops_is_unscored_and_counted(informed):
    informed.post_reading(body())
    informed.put_truth(truth_as_payload(a_truth(a_case(accession="PERFORMS121102"), version=2)))
    result = informed.result(UID).get_json()
    assert (result["status"], result["breasts"], result["truth_version"]) == ("unscored", [], 2)
    summary = informed.summary("PERFORMS121", "R1").get_json()
    assert (summary["readings_unscored"], summary["counts"]["readings"]) == (1, 0)
    assert informed.post_reading(body()).get_json()["status"] == "duplicate"


def test_truth_at_an_address_that_is_not_its_own_is_refused(scorer):
    payload = truth_as_payload(a_truth())
    for path in ("/v1/truth/PERFORMS122/1", "/v1/truth/PERFORMS121/2"):
        assert "address" in sentence(scorer.put_truth(payload, path), 422)


def test_truth_that_contradicts_itself_is_refused_naming_the_case(scorer):
    payload = truth_as_payload(a_truth(a_case(lesions=(a_lesion(laterality="L"),))))
    assert "PERFORMS121101: lesion L1 is malignant" in sentence(scorer.put_truth(payload), 422)


# Questions


def test_a_result_tells_decisions_hits_and_versions(informed):
    marks = (a_mark(rating=4), a_mark(at=(103.0, 201.0)), a_mark(at=(900.0, 900.0)))
    informed.post_reading(body(marks=marks))
    result = informed.result(UID).get_json()
    right, left = result["breasts"]
    assert (right["decision"], right["pathology"], right["panel"]) == (
        "RECALL", "malignant", "RECALL",
    )  # fmt: skip
    assert (right["rating"], right["rating_used"], left["rating_used"]) == (4, 4, 1)
    assert (right["outcome"], left["outcome"]) == ("true-positive", "true-negative")
    assert left["agrees_with_panel"] is True
    assert [mark["verdict"] for mark in result["marks"]] == ["hit", "repeat", "false-positive"]
    assert (result["lesions"][0]["localised"], result["lesions"][0]["marks"]) == (True, [0, 1])
    assert (result["truth_version"], result["rule"]) == (1, "centre-in-region/2")
    assert (result["case"], result["reader"], result["status"]) == (
        "PERFORMS121101", "R1", "scored",
    )  # fmt: skip


def test_a_summary_tells_every_figure_with_its_n(informed):
    informed.post_reading(body())
    summary = informed.summary("PERFORMS121", "R1").get_json()
    assert list(summary["figures"]) == [
        "sensitivity",
        "specificity",
        "correct_recall",
        "correct_return",
        "auc",
        "lesions_localised",
        "malignant_lesions_localised",
    ]
    for figure in summary["figures"].values():
        assert (figure["value"], figure["numerator"], figure["denominator"]) == (1.0, 1.0, 1)
    assert summary["roc"] == [
        {"threshold": None, "fpf": 0.0, "tpf": 0.0},
        {"threshold": 4.0, "fpf": 0.0, "tpf": 1.0},
        {"threshold": 1.0, "fpf": 1.0, "tpf": 1.0},
    ]


def test_readers_are_told_apart(informed):
    informed.post_reading(body())
    informed.post_reading(body(reading_uid="PERFORMS121101-R2", reader="R2", marks=()))
    hits = [
        informed.summary("PERFORMS121", reader).get_json()["counts"]["hits"]
        for reader in ("R1", "R2")
    ]
    assert hits == [1, 0]


def test_a_summary_of_nothing_has_no_values_and_says_why(scorer):
    summary = scorer.summary("PERFORMS121", "R9").get_json()
    assert summary["truth_version"] is None
    assert summary["counts"]["readings"] == 0
    for figure in summary["figures"].values():
        assert figure["value"] is None
        assert "not computable" in figure["reason"]


def test_an_unknown_reading_has_no_result(scorer):
    assert "No such reading" in sentence(scorer.result("nobody"), 404)
