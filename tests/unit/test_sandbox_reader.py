"""Simulated readers: repeatable, honest about both breasts, and the better the more skilled."""

from __future__ import annotations

import math

import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox.reader import RECALL_FROM, known_lesions, parse_skill, read_case
from pacs_bridge.sandbox.reader_set import write_reading
from pacs_bridge.sandbox.viewer import OpenCase
from pacs_bridge.sandbox.viewer_hanging import hang
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import STUDY, a_mammogram, four_views

CENTRE = (140.0, 250.0)


def a_truth(side: str = "R", *, malignant: bool = True) -> dict[str, object]:
    x, y = CENTRE
    points = [[x - 20, y], [x + 20, y], [x, y - 15], [x, y + 15]]
    regions = [
        {"laterality": side, "view": view, "shape": "ELLIPSE", "points": points}
        for view in ("CC", "MLO")
    ]  # fmt: skip
    lesion = {
        "lesion_id": "1", "laterality": side, "finding": "mass", "malignant": malignant,
        "regions": regions,
    }  # fmt: skip
    return {"number": 101, "kind": "test", "breasts": [], "lesions": [lesion]}


def read_by(skill: float, number: int, truth=None, login="r1", seed=1):
    lesions = known_lesions(truth or a_truth())
    case = f"PERFORMS121{number:03d}"
    return read_case(hang(four_views()), lesions, login=login, case=case, skill=skill, seed=seed)


def test_a_reading_repeats_itself_and_nobody_else_s():
    assert read_by(0.5, 101) == read_by(0.5, 101)
    others = [read_by(0.5, 102), read_by(0.5, 101, login="r2"), read_by(0.5, 101, seed=2)]
    assert all(other != read_by(0.5, 101) for other in others)


def test_both_breasts_are_always_decided_by_their_worst_mark():
    for number in range(101, 161):
        read = read_by(0.4, number)
        assert [breast.laterality for breast in read.decisions] == ["R", "L"]
        for breast in read.decisions:
            ratings = [m.rating for m in read.marks if m.laterality == breast.laterality]
            assert breast.rating == max(ratings, default=breast.rating)
            assert (breast.decision == "RECALL") == (breast.rating >= RECALL_FROM)


def test_every_mark_lies_in_its_image_and_most_lie_on_the_lesion():
    hits = marks = 0
    for number in range(101, 161):
        for mark in read_by(0.95, number).marks:
            assert all(0 <= x <= 416 and 0 <= y <= 512 for x, y in mark.points)
            marks += 1
            hits += math.dist(mark.centre, CENTRE) < 20 and mark.laterality == "R"
    assert marks > 60
    assert hits / marks > 0.9


def share_recalled(skill: float, side: str) -> float:
    """Of 60 women with a cancer in the right breast, those recalled for a breast."""
    decisions = [b for n in range(101, 161) for b in read_by(skill, n).decisions]
    mine = [b for b in decisions if b.laterality == side]
    return sum(b.decision == "RECALL" for b in mine) / len(mine)


def test_the_skilled_find_more_and_recall_fewer_healthy_breasts():
    assert share_recalled(0.95, "R") > share_recalled(0.7, "R") > share_recalled(0.2, "R")
    assert share_recalled(0.95, "L") < share_recalled(0.2, "L")


def test_a_skill_is_a_name_or_a_share():
    assert parse_skill("expert") > parse_skill("average") > parse_skill("trainee")
    assert parse_skill("0.5") == 0.5
    for wrong in ("genius", "1.5", "-1", "nan"):
        with pytest.raises(RefusedInput):
            parse_skill(wrong)


@pytest.mark.parametrize(("kind", "count"), [("gsps", 1), ("sr", 1), ("both", 2)])
def test_a_reading_is_saved_whole_in_each_form_and_the_same_again(kind, count):
    case = OpenCase("PERFORMS121101", STUDY, tuple(four_views()))
    read = next(r for n in range(101, 161) if (r := read_by(0.95, n)).marks)
    objects = write_reading(case, read, "r1", kind, 1, 101)
    assert objects == write_reading(case, read, "r1", kind, 1, 101)
    assert len({ds.SOPInstanceUID for ds in objects}) == count
    for ds in objects:
        back = read_object(ds)
        assert back.breasts == read.decisions
        assert back.observer.login == "r1"
        drawn = [mark for mark in back.marks if mark.shape != "TEXT"]
        assert {m.tracking_uid for m in drawn} == {m.tracking_uid for m in read.marks}
        assert {m.rating for m in drawn} == {m.rating for m in read.marks}


def test_images_of_two_sizes_make_two_states_and_one_statement_of_the_decisions():
    images = [a_mammogram("R", "CC"), a_mammogram("R", "MLO", rows=600)]
    case = OpenCase("PERFORMS121101", STUDY, tuple(images))
    first, second = write_reading(case, read_by(0.95, 101), "r1", "gsps", 1, 101)
    assert len(read_object(first).breasts) == 2
    assert read_object(second).breasts == ()
