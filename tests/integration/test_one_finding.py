"""One finding on two views is two marks, one finding, and one false positive at most."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from pacs_bridge.domain.marks import Mark
from pacs_bridge.domain.truth import Lesion, Region
from pacs_bridge.scoring.contract import Reading
from pacs_bridge.scoring.hits import locate_marks
from pacs_bridge.scoring.payload import parse_body, reading_marks
from pacs_bridge.services.canonical import reading_of
from pacs_bridge.sr.canonical import write_canonical
from pacs_bridge.sr.read import read_object
from tests.builders import a_mark, a_read_object, both_decided
from tests.databases import TestDatabase
from tests.reading_world import ReadingWorld
from tests.unit.sr_builders import a_code, a_group, a_report, an_item, coordinates, four_views

RCC, LCC, RMLO = "1.2.101.4.1", "1.2.101.4.2", "1.2.101.4.3"
TRACK = "1.2.3.77"


@pytest.fixture
def world(database: TestDatabase) -> ReadingWorld:
    return ReadingWorld(database)


def on(image: str, x: float = 100.0, **changes: Any) -> Mark:
    view = {RCC: "CC", LCC: "CC", RMLO: "MLO"}[image]
    place = {"points": ((x, 200.0),), "centre": (x, 200.0), "laterality": "R", "view": view}
    return a_mark(image=image, **(place | changes))


def links(world: ReadingWorld) -> list[str | None]:
    return [mark.get("link") for mark in world.sent()[-1]["marks"]]


def test_two_marks_of_one_tracking_uid_are_one_finding_to_the_scorer(world: ReadingWorld) -> None:
    marks = (on(RCC, tracking_uid=TRACK), on(RMLO, tracking_uid=TRACK), on(RCC, 300.0))
    world.take(a_read_object(marks=marks, breasts=both_decided()))
    assert world.settle() == "closed"
    one, other, alone = links(world)
    assert one is not None
    assert (one, alone) == (other, None)
    assert [mark.also for mark in world.receipt().marks] == [("R MLO",), ("R CC",), ()]


def test_the_views_may_come_in_two_objects_and_either_order(world: ReadingWorld) -> None:
    world.take(a_read_object("1.2.3.1", marks=(on(RMLO, tracking_uid=TRACK),)))
    assert world.settle() == "closed"
    world.take(a_read_object("1.2.3.2", marks=(on(RCC, tracking_uid=TRACK),)))
    assert world.settle() == "closed"
    assert [len(each["marks"]) for each in world.sent()] == [1, 2]
    assert len(set(links(world))) == 1
    assert None not in links(world)


def test_learning_that_two_marks_are_one_finding_is_something_new(world: ReadingWorld) -> None:
    world.take(a_read_object("1.2.3.1", marks=(on(RCC), on(RMLO))))
    world.settle()
    linked = (on(RCC, link="1.2.1"), on(RMLO, link="1.2.1"))
    world.take(a_read_object("1.2.3.2", kind="measurement-report", marks=linked))
    world.settle()
    world.take(a_read_object("1.2.3.3", kind="measurement-report", marks=linked))
    assert world.settle() == "closed"
    assert [each["revision"] for each in world.sent()] == [1, 2]


@pytest.mark.parametrize(
    "marks",
    [
        (on(RCC, tracking_uid=TRACK), on(LCC, tracking_uid=TRACK, laterality="L")),
        (on(RCC, link="1.2.1"), on(RCC, 300.0, link="1.2.1")),
        (on(RCC, link="1.2.1"), on(RMLO, link="1.2.2")),
    ],
    ids=["two breasts", "one image", "two groups"],
)  # fmt: skip
def test_what_is_not_one_finding_is_not_linked(
    world: ReadingWorld, marks: tuple[Mark, ...]
) -> None:
    world.take(a_read_object(marks=marks, breasts=both_decided()))
    assert world.settle() == "closed"
    assert links(world) == [None, None]


def test_a_mark_that_is_taken_back_leaves_no_finding_of_two(world: ReadingWorld) -> None:
    marks = (on(RCC, tracking_uid=TRACK), on(RMLO, tracking_uid=TRACK))
    world.take(a_read_object(marks=marks, breasts=both_decided()))
    world.answer(world.receipt().marks[0].key, "drop")
    assert world.settle() == "closed"
    assert links(world) == [None]
    assert [mark.also for mark in world.receipt().marks] == [(), ()]


def test_a_measurement_group_that_draws_on_two_images_is_one_finding() -> None:
    cc, mlo = coordinates("POINT", 1, 2, image=RCC), coordinates("POINT", 3, 4, image=RMLO)
    both, alone = a_group(cc, mlo), a_group(coordinates("POINT", 5, 6, image=RCC))
    read = read_object(a_report(both, alone))
    assert [mark.link for mark in read.marks] == ["1.1.1", "1.1.1", None]
    assert [row.get("link") for row in read.as_json("x")["marks"]] == ["1.1.1", "1.1.1", None]
    loose = an_item("CONTAINER", a_code("1", "99X"), cc, mlo)
    assert [mark.link for mark in read_object(a_report(loose)).marks] == [None, None]


def uid_of(text: str) -> str:
    return f"2.25.{int(sha256(text.encode()).hexdigest()[:24], 16)}"


LESION = Lesion(
    "l1", "R", "mass", malignant=True,
    regions=(Region(RCC, "CIRCLE", ((100.0, 200.0), (110.0, 200.0))),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "verdicts"),
    [
        ((on(RCC, link="a"), on(RMLO, link="a")), ["hit", "repeat"]),
        ((on(RCC), on(RMLO)), ["hit", "false-positive"]),
        ((on(RCC, 300.0, link="a", rating=2), on(RMLO, link="a", rating=5)),
         ["repeat", "false-positive"]),
        ((on(RCC, 300.0, link="a"), on(RMLO, link="b")), ["false-positive", "false-positive"]),
        ((on(RMLO, link="a", rating=5), on(RCC, link="a", rating=1)), ["repeat", "hit"]),
    ],
)  # fmt: skip
def test_one_finding_is_no_more_than_one_false_positive(
    marks: tuple[Mark, ...], verdicts: list[str]
) -> None:
    assert [each.verdict for each in locate_marks(marks, [LESION])] == verdicts


def test_the_link_travels_to_the_scorer_and_a_sender_without_it_is_understood(
    world: ReadingWorld,
) -> None:
    marks = (on(RCC, tracking_uid=TRACK), on(RMLO, tracking_uid=TRACK), on(RCC, 300.0))
    world.take(a_read_object(marks=marks, breasts=both_decided()))
    world.settle()
    _, body = parse_body(json.dumps(world.sent()[0]).encode(), Reading)
    one, other, alone = reading_marks(body.marks)
    assert one.link == other.link != alone.link is None


def test_the_report_of_a_reading_follows_one_finding_by_one_uid(world: ReadingWorld) -> None:
    linked = (on(RCC, link="1.2.1"), on(RMLO, link="1.2.1"), on(RCC, 300.0))
    world.take(a_read_object(kind="measurement-report", marks=linked, breasts=both_decided()))
    world.settle()
    images = four_views()
    for image, uid in zip(images, (RCC, LCC, RMLO, "1.2.101.4.4"), strict=True):
        image.SOPInstanceUID = uid
    written = write_canonical(
        reading_of(world.sent()[0]),
        images,
        lambda text: f"2.25.{int(sha256(text.encode()).hexdigest()[:24], 16)}",
    )
    again = read_object(written[0])
    one, other, alone = (mark.tracking_uid for mark in again.marks)
    assert one == other != alone
