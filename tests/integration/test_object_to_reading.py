"""Received object → marks → reading → outbox, over a real database."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.errors import ScorerRefused, ScorerUnavailable, UnreadableObject
from pacs_bridge.domain.marks import BreastDecision, Observer
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import ScorerReceipt
from pacs_bridge.services.close import close_reading
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.forward import deliver_truth, forward_reading
from pacs_bridge.wiring.jobs import read_archived
from tests.builders import (
    a_mark,
    a_passport,
    a_read_object,
    a_received_object,
    an_image,
    both_decided,
)
from tests.databases import TestDatabase
from tests.integration.test_marks_like_viewers import save
from tests.unit.sr_builders import a_group, a_report, an_image_item
from tests.unit.test_sr_room import a_tomosynthesis, in_room

SETTLE = 60.0


class FakeArchive:
    """Every object is a path that says its hash."""

    def path(self, content_hash: str) -> Path:
        return Path(content_hash)


class FakeScorer:
    """Keeps what it is given; may be made to fail."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, int], dict[str, Any]] = {}
        self.truths: list[tuple[str, int]] = []
        self.error: Exception | None = None

    def put_truth(self, set_name: str, version: int, truth: dict[str, Any]) -> None:
        self._fail()
        self.truths.append((set_name, version))

    def post_reading(self, payload: dict[str, Any]) -> ScorerReceipt:
        self._fail()
        self.readings[payload["reading"], payload["revision"]] = payload
        return ScorerReceipt(payload["reading"], payload["revision"], "")

    def get_result(self, reading_uid: str) -> dict[str, Any]:
        return {"reading": reading_uid}

    def get_summary(self, set_name: str, reader: str) -> dict[str, Any]:
        return {"figures": {}}

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class World:
    """A database with a set, a PACS and a reader, and the three services."""

    def __init__(self, database: TestDatabase) -> None:
        self.begin, self.jobs, self.clock = database.begin, database.jobs, database.clock
        self.scorer = FakeScorer()
        with self.begin() as uow:
            uow.case_sets.add(a_passport(1, 101, 102))
            uow.pacs.put(
                Pacs("hospital", (Endpoint("HOSPITAL", "127.0.0.1", 104, ()),)), self.clock()
            )
            uow.readers.add("R001", self.clock())
            uow.readers.set_alias("hospital", "JSmith", "R001")

    def take(self, read, **changes) -> str:
        """Let an object arrive and be looked into."""
        uid = read.sop_instance_uid
        with self.begin() as uow:
            uow.objects.add(a_received_object(uid, **changes))
        return self.extract(uid, lambda _: read)

    def extract(self, uid, read_file) -> str:
        return extract_object(
            uid, begin=self.begin, archive=FakeArchive(), read_file=read_file, now=self.clock,
            settle=SETTLE,
        )  # fmt: skip

    def close(self, reading="PERFORMS121101-R001") -> str:
        return close_reading(reading, begin=self.begin, now=self.clock, settle=SETTLE)

    def give_truth(self, version=1) -> None:
        with self.begin() as uow:
            uow.truths.add("PERFORMS121", version, "d", {"cases": []}, self.clock())
        deliver_truth("PERFORMS121", version, begin=self.begin, scorer=self.scorer, now=self.clock)

    def forward(self, outbox_id=1) -> str:
        return forward_reading(outbox_id, begin=self.begin, scorer=self.scorer, now=self.clock)

    def reading(self, uid="PERFORMS121101-R001"):
        with self.begin() as uow:
            return uow.readings.find(uid)

    def found(self, uid="1.2.3.1"):
        with self.begin() as uow:
            return uow.objects.find(uid)


@pytest.fixture
def world(database) -> World:
    return World(database)


def test_an_object_of_a_known_reader_opens_the_reading_of_its_case(world):
    assert world.take(a_read_object()) == "read"
    assert (world.found().reader, world.reading().state) == ("R001", "open")
    with world.begin() as uow:
        (kept,) = uow.marks.of_reading("PERFORMS121101-R001")
    assert kept == a_read_object()


def test_every_object_queues_its_own_closing(world):
    world.take(a_read_object("1.2.3.1"))
    world.take(a_read_object("1.2.3.2"))
    assert [job for job, _ in world.jobs.jobs] == ["close", "close"]


def test_looking_into_an_object_twice_changes_nothing(world):
    world.take(a_read_object())
    assert world.extract("1.2.3.1", lambda _: pytest.fail("read again")) == "read"
    assert len(world.jobs.jobs) == 1


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (a_read_object(observer=Observer()), "which reader"),
        (a_read_object(observer=Observer(login="stranger")), "which reader"),
        (a_read_object(observer=Observer(login="jsmith", device=True)), "device"),
        (a_read_object(marks=(), breasts=()), "No mark or decision"),
        (a_read_object(marks=(), breasts=(), refused="DISPLAY units."), "DISPLAY units"),
        (a_read_object(referenced_images=("1.2.101.4.1", "1.2.102.4.1"),
                       referenced_studies=()), "more than one case"),
    ],
    ids=["nobody", "stranger", "device", "empty", "refused", "two cases"],
)  # fmt: skip
def test_what_cannot_be_placed_is_kept_and_parked_with_a_reason(world, read, reason):
    assert world.take(read) == "parked"
    assert reason in world.found().reason
    assert world.jobs.jobs == []


def test_an_object_that_kills_its_reader_is_parked(world):
    with world.begin() as uow:
        uow.objects.add(a_received_object())

    def read_file(_):
        raise UnreadableObject("Reading it took too long; it is kept.")

    assert world.extract("1.2.3.1", read_file) == "parked"
    assert world.found().reason == "Reading it took too long; it is kept."


def test_room_coordinates_are_read_by_the_case_s_own_images(world, tmp_path):
    image = an_image(101, 0)
    tomosynthesis = a_tomosynthesis(image=image.sop_instance_uid)
    item = in_room("POINT", 5, 2, 1.1, relationship="CONTAINS")
    naming = an_image_item(image.sop_instance_uid, relationship="CONTAINS")
    report = a_report(a_group(naming, item), SOPInstanceUID="1.2.3.1")
    saved = save(report, tmp_path / "report.dcm")
    headers = save(tomosynthesis, tmp_path / "image.dcm")
    asked, given = [], []

    def read_file(file):
        asked.append(file.images)
        here = replace(file, path=saved, images=(headers,) if file.images else ())
        given.append(read_archived(here))
        return given[-1]

    with world.begin() as uow:
        uow.objects.add(a_received_object("1.2.3.1"))
    world.extract("1.2.3.1", read_file)
    assert asked == [(), tuple(Path(an_image(101, view).content_hash) for view in range(4))]
    assert given[0].marks == ()
    [mark] = given[1].marks
    assert (mark.image, mark.frame) == (image.sop_instance_uid, 2)
    assert mark.points == (pytest.approx((50.5, 20.5), abs=0.01),)


def test_an_object_about_no_image_falls_back_on_its_accession_number(world):
    read = a_read_object(referenced_images=(), referenced_studies=(), marks=())
    assert world.take(read) == "read"


def test_laterality_and_view_come_from_the_image_and_not_from_the_mark(world):
    wrong = a_mark(image="1.2.101.4.4", laterality=None, view=None)
    world.take(a_read_object(marks=(wrong,)))
    with world.begin() as uow:
        (kept,) = uow.marks.of_reading("PERFORMS121101-R001")
    assert (kept.marks[0].laterality, kept.marks[0].view) == ("L", "MLO")


def test_a_reading_closes_after_the_settle_time_and_goes_to_the_outbox(world):
    world.take(a_read_object())
    assert world.close() == "open"
    world.clock.pass_(SETTLE)
    assert world.close() == "closed"
    assert world.jobs.jobs[-1] == ("forward", (1,))


def test_a_reading_with_one_breast_undecided_stays_open(world):
    world.take(a_read_object(breasts=(BreastDecision("R", "RECALL"),)))
    world.clock.pass_(SETTLE)
    assert world.close() == "open"


def test_a_practice_reading_is_kept_and_never_scored(world):
    world.take(
        a_read_object(referenced_studies=("1.2.1.1",), referenced_images=(), marks=()),
        accession="PERFORMS121001",
    )
    world.clock.pass_(SETTLE)
    assert world.close("PERFORMS121001-R001") == "kept"
    assert all(job != "forward" for job, _ in world.jobs.jobs)


def test_a_later_object_makes_a_revision(world):
    world.take(a_read_object("1.2.3.1"))
    world.clock.pass_(SETTLE)
    world.close()
    world.take(a_read_object("1.2.3.2", breasts=both_decided("RTS")))
    world.clock.pass_(SETTLE)
    world.close()
    with world.begin() as uow:
        assert [item.revision for item in uow.outbox.in_state("waiting")] == [1, 2]


def test_a_later_object_that_adds_nothing_makes_no_revision(world):
    world.take(a_read_object("1.2.3.1"))
    world.clock.pass_(SETTLE)
    world.close()
    world.take(a_read_object("1.2.3.2"))
    world.clock.pass_(SETTLE)
    assert world.close() == "closed"
    with world.begin() as uow:
        assert len(uow.outbox.in_state("waiting")) == 1


def test_closing_twice_forwards_once(world):
    world.take(a_read_object())
    world.clock.pass_(SETTLE)
    assert [world.close(), world.close()] == ["closed", "closed"]
    assert [job for job, _ in world.jobs.jobs].count("forward") == 1


def closed(world) -> World:
    world.take(a_read_object())
    world.clock.pass_(SETTLE)
    world.close()
    return world


def test_a_reading_waits_for_the_truth_and_is_queued_when_it_came(world):
    closed(world)
    assert world.forward() == "waiting"
    assert world.scorer.readings == {}
    world.give_truth()
    assert world.jobs.jobs[-1] == ("forward", (1,))
    assert world.forward() == "settled"


def test_a_settled_reading_is_scored_with_its_result_kept(world):
    world.give_truth()
    closed(world)
    world.forward()
    assert world.reading().state == "scored"
    assert world.reading().result == {"reading": "PERFORMS121101-R001", "revision": 1}


def test_forwarding_twice_posts_once(world):
    world.give_truth()
    closed(world)
    world.forward()
    world.scorer.error = ScorerUnavailable("must not be asked")
    assert world.forward() == "settled"


def test_a_scorer_that_is_away_leaves_the_reading_waiting_and_counted(world):
    world.give_truth()
    closed(world)
    world.scorer.error = ScorerUnavailable("away")
    with pytest.raises(ScorerUnavailable):
        world.forward()
    with world.begin() as uow:
        assert uow.outbox.get(1).attempts == 1
    world.scorer.error = None
    assert world.forward() == "settled"


def test_a_reading_the_scorer_never_takes_is_parked_where_a_person_sees_it(world):
    world.give_truth()
    closed(world)
    world.scorer.error = ScorerRefused("no such case")
    assert world.forward() == "parked"
    assert world.reading().state == "parked"
    with world.begin() as uow:
        (event,) = uow.events.newest(kind="reading-parked")
    assert event.detail == {"reason": "no such case"}


def test_a_new_truth_fetches_every_settled_result_again(world):
    world.give_truth()
    closed(world)
    world.forward()
    world.clock.pass_(timedelta(days=1).total_seconds())
    world.give_truth(version=2)
    assert world.jobs.jobs[-1] == ("forward", (1,))


def test_a_revision_that_came_while_the_first_was_scored_stays_open(world):
    world.give_truth()
    closed(world)
    world.take(a_read_object("1.2.3.9", breasts=both_decided("RTS")))
    world.forward()
    assert world.reading().state == "open"


def test_figures_that_know_fewer_readings_never_replace_those_that_know_more(world):
    world.give_truth()
    with world.begin() as uow:
        first = uow.summaries.ask("PERFORMS121", "R001")
        second = uow.summaries.ask("PERFORMS121", "R001")
        assert uow.summaries.find("PERFORMS121", "R001") is None
        uow.summaries.put("PERFORMS121", "R001", second, {"readings": 60}, world.clock())
        uow.summaries.put("PERFORMS121", "R001", first, {"readings": 59}, world.clock())
        assert uow.summaries.find("PERFORMS121", "R001") == ({"readings": 60}, world.clock())


def test_a_closing_that_goes_by_a_clock_that_is_behind_comes_again(world):
    world.take(a_read_object())
    queued = len(world.jobs.jobs)
    assert world.close() == "open"
    assert world.jobs.jobs[queued:] == [("close", ("PERFORMS121101-R001",))]
    assert world.close() == "open"
    assert len(world.jobs.jobs) == queued + 1  # one is enough
    world.clock.pass_(SETTLE)
    assert world.close() == "closed"
