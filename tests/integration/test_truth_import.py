"""Truth of a set: checked against its images, kept as versions, queued for the scorer."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.truth_file import truth_from_payload
from pacs_bridge.services.truth import TruthReport, import_truth, read_truth_file
from tests.case_set_builders import KEY_UID, SET, Desk, uid_of
from tests.mammograms import ROOT, a_folder

ELLIPSE = {"shape": "ELLIPSE", "points": [[2, 5], [8, 5], [5, 3], [5, 7]]}


def a_region(image: int, study: int = 2, **changes: Any) -> dict[str, Any]:
    """An ellipse on one of the views; 1 RCC, 2 LCC, 3 RMLO, 4 LMLO."""
    return {"sop_instance_uid": f"{ROOT}.{study}.{image}.1", **ELLIPSE, **changes}


def a_truth(*regions: dict[str, Any]) -> dict[str, Any]:
    """A practice case that is normal and a test case with a cancer on the right."""
    lesion = {"lesion_id": "M1", "laterality": "R", "finding": "mass", "malignant": True,
              "regions": list(regions or (a_region(1), a_region(3)))}  # fmt: skip
    return {"cases": [
        {"number": 1, "kind": "practice", "breasts": breasts("normal"), "lesions": []},
        {"number": 101, "kind": "test", "breasts": breasts("malignant"), "lesions": [lesion]},
    ]}  # fmt: skip


def breasts(right: str) -> list[dict[str, str]]:
    panel = "RTS" if right == "normal" else "RECALL"
    return [
        {"laterality": "R", "pathology": right, "panel": panel},
        {"laterality": "L", "pathology": "normal", "panel": "RTS"},
    ]


@pytest.fixture
def truth_desk(desk: Desk) -> Desk:
    """A desk at which a set of two cases was imported."""
    a_folder(desk.folder, 2)
    desk.take()
    return desk


def take(desk: Desk, document: Any) -> TruthReport:
    return import_truth(
        document, SET, begin=desk.database.begin, key_uid=KEY_UID, now=desk.database.clock
    )


def reasons_of(desk: Desk, document: Any) -> dict[str, str]:
    with pytest.raises(RefusedInput) as refused:
        take(desk, document)
    with desk.database.begin() as uow:
        assert uow.truths.latest("PERFORMS121") is None
    assert desk.database.jobs.jobs == []
    return dict(refused.value.reasons)


def test_truth_names_the_images_as_they_are_distributed(truth_desk: Desk) -> None:
    report = take(truth_desk, a_truth())
    with truth_desk.database.begin() as uow:
        kept = uow.truths.latest("PERFORMS121")
    assert kept is not None
    truth = truth_from_payload(kept.payload)

    assert (report.version, report.cases, report.lesions, report.new) == (1, 2, 1, True)
    assert (truth.version, kept.delivered_at) == (1, None)
    assert [region.image for region in truth.cases[1].lesions[0].regions] == [
        uid_of(f"{ROOT}.2.1.1"), uid_of(f"{ROOT}.2.3.1"),
    ]  # fmt: skip


def test_a_new_version_is_queued_for_the_scorer_with_its_own_key(truth_desk: Desk) -> None:
    take(truth_desk, a_truth())

    assert truth_desk.database.jobs.jobs == [("deliver_truth", ("PERFORMS121", 1))]
    assert truth_desk.database.jobs.keys == {"truth-PERFORMS121-1"}


def test_images_may_be_named_as_distributed_already(truth_desk: Desk) -> None:
    take(truth_desk, a_truth())
    ours = a_truth(
        a_region(1, sop_instance_uid=uid_of(f"{ROOT}.2.1.1")),
        a_region(3, sop_instance_uid=uid_of(f"{ROOT}.2.3.1")),
    )

    assert take(truth_desk, ours).new is False


def test_the_same_truth_makes_no_version_and_another_makes_the_next(truth_desk: Desk) -> None:
    take(truth_desk, a_truth())
    again = take(truth_desk, copy.deepcopy(a_truth()))
    changed = a_truth(a_region(1))
    other = take(truth_desk, changed)
    back = take(truth_desk, a_truth())

    assert (again.version, again.new) == (1, False)
    assert (other.version, other.new, back.version) == (2, True, 3)
    assert [args for _, args in truth_desk.database.jobs.jobs] == [
        ("PERFORMS121", 1), ("PERFORMS121", 2), ("PERFORMS121", 3),
    ]  # fmt: skip


def test_test_cases_without_truth_are_named(truth_desk: Desk) -> None:
    document = a_truth()
    del document["cases"][1]

    assert take(truth_desk, document).without == ("PERFORMS121101",)


@pytest.mark.parametrize(("region", "why"), [
    (a_region(2), "lies on an image of the other"),
    (a_region(1, study=1), "an image of another case"),
    (a_region(1, sop_instance_uid="1.2.3"), "not in this set"),
    (a_region(1, frame=2), "frame 2 of an image with 1"),
    (a_region(1, points=[[102, 5], [108, 5], [105, 3], [105, 7]]), "outside of its image"),
    (a_region(1, shape="POLYGON", points=[[1, 1], [9, 1], [9, 99]]), "leaves its image"),
])  # fmt: skip
def test_a_region_that_is_not_on_its_breast_and_image_is_refused(
    region: dict[str, Any], why: str, truth_desk: Desk
) -> None:
    (reason,) = reasons_of(truth_desk, a_truth(region)).values()

    assert why in reason


def test_a_case_that_the_set_does_not_have_is_refused(truth_desk: Desk) -> None:
    document = a_truth()
    document["cases"][1]["number"] = 102
    document["cases"][1]["lesions"] = []

    assert "no such case" in reasons_of(truth_desk, document)["PERFORMS121102"]


def test_truth_of_a_set_that_is_not_here_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFound):
        import_truth(
            a_truth(), SetName(99, 9), begin=desk.database.begin, key_uid=KEY_UID,
            now=desk.database.clock,
        )  # fmt: skip


def test_a_truth_file_is_json_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(a_truth()))

    assert read_truth_file(path) == a_truth()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_bytes(content)

    with pytest.raises(RefusedInput, match=r"truth\.json cannot be read as JSON"):
        read_truth_file(path)
