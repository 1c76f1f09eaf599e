"""A report or state in which several people had a hand: each says what is theirs, nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from pacs_bridge.cli import marks as marks_command
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.domain.objects import part_uid
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.services.claim_decisions import decide_claim, waiting_objects
from pacs_bridge.services.extract import extract_object
from pacs_bridge.sr.read import read_object
from tests.builders import a_case, a_passport
from tests.databases import TestDatabase
from tests.nodes import as_file
from tests.reading_world import SETTLE, PathArchive, ReadingWorld
from tests.unit.sr_builders import (
    a_code,
    a_coded,
    a_graphic,
    a_group,
    a_reference,
    a_report,
    a_state,
    a_text,
    an_annotation,
    an_item,
    coordinates,
)  # fmt: skip

RCC, LCC = "1.2.101.4.1", "1.2.101.4.2"


def said_by(login: str) -> Dataset:
    return an_item(
        "TEXT", a_code("128774"), relationship="HAS OBS CONTEXT", TextValue=login
    )  # fmt: skip


def by_a_device() -> Dataset:
    return a_coded(a_code("121005"), a_code("121007"), relationship="HAS OBS CONTEXT")


def rated(number: int) -> Dataset:
    return a_coded(a_code("SUSPICION", "99PERFORMS"), a_code(f"M{number}", "99PERFORMS"))


def drawn(x: float, *contexts: Dataset, image: str = RCC, rating: int = 4) -> Dataset:
    return a_group(*contexts, rated(rating), coordinates("POINT", x, 50.0, image=image))


def decided(side: str, decision: str) -> Dataset:
    code = {"RTS": "111140", "RECALL": "111591"}[decision]
    value, name = {"R": ("24028007", "Right"), "L": ("7771000", "Left")}[side]
    where = a_coded(
        a_code("363698007", "SCT"), a_code("76752008", "SCT"),
        a_coded(a_code("272741003", "SCT"), a_code(value, "SCT", name)),
        relationship="HAS CONCEPT MOD",
    )  # fmt: skip
    return a_group(where, a_coded(a_code("111053"), a_code(code)))


def report(*groups: Dataset, root: str = "jsmith", **changes: Any) -> Dataset:
    contexts = (said_by(root),) if root else ()
    evidence = Dataset()
    evidence.StudyInstanceUID = "1.2.101.1"
    series = Dataset()
    series.SeriesInstanceUID = "1.2.101.2"
    series.ReferencedSOPSequence = [a_reference(RCC), a_reference(LCC)]
    evidence.ReferencedSeriesSequence = [series]
    named = {"CurrentRequestedProcedureEvidenceSequence": [evidence]}
    return a_report(*groups, contexts=contexts, **(named | changes))


class World(ReadingWorld):
    """Takes whole data sets, and does the jobs of the parts that they are dealt out into."""

    def read(self, ds: Dataset) -> list[str]:
        read = read_object(ds)
        states = [self.take(read)]
        with self.begin() as uow:
            parts = uow.objects.parts_of(read.sop_instance_uid)
        return states + [self.again(each.sop_instance_uid, read) for each in parts]

    def again(self, uid: str, read: ReadObject) -> str:
        return extract_object(
            uid, begin=self.begin, archive=PathArchive(), read_file=lambda _: read,  # type: ignore[arg-type]
            now=self.clock, settle=SETTLE,
        )  # fmt: skip

    def places(self, reader: str) -> list[float]:
        return sorted(mark.centre[0] for mark in self.receipt(reader).marks)

    def waiting(self) -> list[str]:
        return [each.waiting.object_uid for each in waiting_objects(begin=self.begin)]


@pytest.fixture
def world(database: TestDatabase) -> World:
    return World(database)


def test_marks_of_a_group_that_names_another_reader_are_that_readers(world: World) -> None:
    ds = report(drawn(10.0), drawn(20.0, said_by("mjones")), drawn(30.0, said_by("jsmith")))
    assert world.read(ds) == ["read", "read"]
    assert (world.places("R001"), world.places("R002")) == ([10.0, 30.0], [20.0])
    assert world.waiting() == []
    assert [job for job, _ in world.jobs.jobs].count("extract") == 1


def test_whom_nobody_knows_waits_to_be_claimed_and_the_known_reader_gets_only_theirs(
    world: World,
) -> None:
    ds = report(drawn(10.0), drawn(20.0, said_by("stranger")))
    assert world.read(ds) == ["read", "parked"]
    part = part_uid(str(ds.SOPInstanceUID), read_object(ds).others[0].person)
    assert (world.places("R001"), world.waiting()) == ([10.0], [part])
    decide_claim(
        part, "R002", because="asked", begin=world.begin, now=world.clock, settle=SETTLE
    )  # fmt: skip
    assert world.again(part, read_object(ds)) == "read"
    assert (world.places("R001"), world.places("R002"), world.waiting()) == ([10.0], [20.0], [])


def test_only_the_person_of_a_group_is_known_and_nothing_else_is_given_to_them(
    world: World,
) -> None:
    ds = report(drawn(10.0), drawn(20.0, said_by("mjones")), root="stranger")
    assert world.read(ds) == ["parked", "read"]
    assert (world.places("R002"), world.waiting()) == ([20.0], [str(ds.SOPInstanceUID)])


def test_two_people_of_groups_under_a_root_that_names_nobody_are_two(world: World) -> None:
    ds = report(drawn(10.0, said_by("jsmith")), drawn(20.0, said_by("mjones")), root="")
    assert world.read(ds) == ["read", "read", "read"]
    assert (world.places("R001"), world.places("R002")) == ([10.0], [20.0])


def test_the_same_place_drawn_by_two_people_is_a_mark_of_each(world: World) -> None:
    world.read(report(drawn(10.0, rating=5), drawn(10.0, said_by("mjones"), rating=2)))
    ratings = [[mark.rating for mark in world.receipt(r).marks] for r in ("R001", "R002")]
    assert ratings == [[5], [2]]


def test_a_devices_group_in_a_persons_report_is_nobodys_reading(world: World) -> None:
    ds = report(drawn(10.0), drawn(20.0, by_a_device()))
    assert world.read(ds) == ["read", "parked"]
    assert (world.places("R001"), world.waiting()) == ([10.0], [])


def test_each_persons_decisions_are_their_own_and_contradict_nobodys(world: World) -> None:
    other = decided("R", "RTS")
    other.ContentSequence = [said_by("mjones"), *other.ContentSequence]
    assert world.read(report(decided("R", "RECALL"), other)) == ["read", "read"]
    decisions = [world.receipt(r).breasts[0].decision for r in ("R001", "R002")]
    assert decisions == ["RECALL", "RTS"]


def test_a_newer_report_replaces_each_persons_own_words_and_nobody_elses(world: World) -> None:
    world.read(report(drawn(10.0), drawn(20.0, said_by("mjones"))))
    before = Dataset()
    before.ReferencedSOPClassUID, before.ReferencedSOPInstanceUID = "1.2", "1.2.3.9.2"
    series, study = Dataset(), Dataset()
    series.ReferencedSOPSequence, study.ReferencedSeriesSequence = [before], [series]
    world.clock.pass_(5)
    world.read(
        report(drawn(40.0), SOPInstanceUID="1.2.3.9.3", PredecessorDocumentsSequence=[study])
    )
    states = {r: [m.state for m in world.receipt(r).marks] for r in ("R001", "R002")}
    assert states == {"R001": ["dropped", "read"], "R002": ["read"]}


def test_one_reader_under_two_names_saved_once(world: World) -> None:
    with world.begin() as uow:
        uow.readers.set_alias("hospital", "smith-j", "R001")
        profile = uow.profiles.get("hospital")
        uow.profiles.put("hospital", profile.__class__(saves_whole=True), world.clock())
    world.read(report(drawn(10.0), drawn(20.0, said_by("smith-j"))))
    receipt = world.receipt("R001")
    assert [(m.state, m.question) for m in receipt.marks] == [("read", "")] * 2
    assert len(receipt.objects) == 1


def test_looking_into_it_again_deals_nothing_out_twice(world: World) -> None:
    ds = report(drawn(10.0), drawn(20.0, said_by("mjones")))
    first = world.read(ds)
    with world.begin() as uow:
        for uid in (str(ds.SOPInstanceUID), *(p.sop_instance_uid for p in uow.objects.parts_of(
            str(ds.SOPInstanceUID)
        ))):  # fmt: skip
            uow.claims.take_back(uid)
    read = read_object(ds)
    with world.begin() as uow:
        parts = uow.objects.parts_of(read.sop_instance_uid)
    uids = [read.sop_instance_uid, *(each.sop_instance_uid for each in parts)]
    assert [world.again(uid, read) for uid in uids] == first
    assert (world.places("R001"), world.places("R002")) == ([10.0], [20.0])


@pytest.mark.parametrize("keyword", ["AuthorObserverSequence", "ParticipantSequence"])
def test_two_authors_of_whom_one_is_known_are_asked_about(world: World, keyword: str) -> None:
    people = []
    for name in ("jsmith", "stranger"):
        item = Dataset()
        item.PersonName = name
        people.append(item)
    assert world.read(report(drawn(10.0), root="", **{keyword: people})) == ["parked"]
    (held,) = waiting_objects(begin=world.begin)
    assert not held.waiting.claimable


def test_a_layer_that_bears_another_persons_name_is_theirs(world: World) -> None:
    with world.begin() as uow:
        uow.readers.set_alias("hospital", "Jones^Mary", "R002")
    layers = []
    for name, words in (("ONE", "Rectangle"), ("TWO", "Jones^Mary^^Dr")):
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerDescription = name, words
        layers.append(layer)
    ds = a_state(
        an_annotation(a_graphic("POINT", 10.0, 50.0), images=(RCC,), GraphicLayer="ONE"),
        an_annotation(
            a_graphic("POINT", 20.0, 50.0), a_text("L RTS"), images=(RCC,), GraphicLayer="TWO"
        ),
        images=(RCC,), ContentCreatorName="jsmith", GraphicLayerSequence=layers,
    )  # fmt: skip
    assert world.read(ds) == ["read", "read"]
    assert (world.places("R001"), world.places("R002")) == ([10.0], [20.0])
    assert [b.decision for b in world.receipt("R002").breasts if b.laterality == "L"] == ["RTS"]
    assert not any(b.decision for b in world.receipt("R001").breasts)


def test_the_command_tells_which_marks_are_whose(tmp_path: Path) -> None:
    ds = report(drawn(10.0), drawn(20.0, said_by("mjones")))
    file = as_file(tmp_path / "two.dcm", ds)
    told = json.loads(CliRunner().invoke(marks_command.app, ["read", str(file), "--json"]).stdout)
    assert len(told["marks"]) == 2
    assert [(each["observer"]["login"], each["marks"]) for each in told["others"]] == [
        ("mjones", [1])
    ]


def test_on_a_readers_own_copy_a_stranger_of_a_group_is_not_that_reader(world: World) -> None:
    images = tuple(replace(image, sop_instance_uid=f"{image.sop_instance_uid}.7")
                   for image in a_case(101).instances())  # fmt: skip
    (study,) = a_case(101).studies
    (series,) = study.series
    copied = replace(
        study, study_instance_uid="1.2.101.1.7", series=(replace(series, instances=images),)
    )
    case = replace(a_case(101), accession="PERFORMS12110107", studies=(copied,))
    with world.begin() as uow:
        uow.case_sets.add(replace(a_passport(101), copy=7, cases=(case,)))
        uow.enrolments.put(Enrolment("PERFORMS121", "R001", "north", copy=7, consent=True))
        uow.enrolments.release("PERFORMS121", "R001", world.clock())
    ds = report(
        drawn(10.0, image=f"{RCC}.7"), drawn(20.0, said_by("stranger"), image=f"{RCC}.7"),
        CurrentRequestedProcedureEvidenceSequence=[], StudyInstanceUID="1.2.101.1.7",
    )  # fmt: skip
    assert world.read(ds) == ["read", "parked"]
    assert (world.places("R001"), len(world.waiting())) == ([10.0], 1)


def by_reference(*path: int) -> Dataset:
    return an_item(
        "", relationship="INFERRED FROM", ReferencedContentItemIdentifier=list(path)
    )  # fmt: skip


def test_a_reader_who_rates_by_reference_what_another_drew_has_marked_it_too(world: World) -> None:
    theirs = a_group(said_by("mjones"), rated(2), by_reference(1, 2, 1, 2))
    world.read(report(drawn(10.0, rating=5), theirs))
    told = [[(m.centre[0], m.rating) for m in world.receipt(r).marks] for r in ("R001", "R002")]
    assert told == [[(10.0, 5)], [(10.0, 2)]]


def test_two_groups_that_rate_one_place_by_reference_are_both_heard(world: World) -> None:
    library = an_item("CONTAINER", a_code("111028"), coordinates("POINT", 10.0, 50.0, image=RCC))
    groups = (
        a_group(said_by("jsmith"), rated(5), by_reference(1, 1, 1, 1)),
        a_group(said_by("mjones"), rated(2), by_reference(1, 1, 1, 1)),
    )
    world.read(report(library, *groups, root=""))
    told = [[m.rating for m in world.receipt(r).marks] for r in ("R001", "R002")]
    assert told == [[5], [2]]


def test_a_measurement_of_a_mark_by_reference_is_no_second_mark(world: World) -> None:
    measured = a_group(an_item("NUM", a_code("410668003"), by_reference(1, 2, 1, 2)))
    ds = report(drawn(10.0), measured)
    assert len(read_object(ds).marks) == 1
