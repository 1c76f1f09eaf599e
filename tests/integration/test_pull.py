"""Marks that a PACS holds and does not push are asked for, fetched and read, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from pacs_bridge.cli import marks, pacs
from pacs_bridge.domain.errors import NotFound, PausedPeer, PeerUnavailable, RefusedInput
from pacs_bridge.domain.pacs import Endpoint
from pacs_bridge.domain.pulling import Pulled
from pacs_bridge.domain.retrieving import Progress, Retrieved
from pacs_bridge.jobs import engine
from pacs_bridge.sandbox.orthanc import Orthanc
from pacs_bridge.scp.contexts import STORED
from pacs_bridge.scp.status import store_status
from pacs_bridge.services.group_commit import GroupCommit
from pacs_bridge.services.pull import pulls_due
from pacs_bridge.services.receipts import show_receipt
from pacs_bridge.services.receive import Rules, receive_object
from pacs_bridge.wiring.jobs import build_jobs
from pacs_bridge.wiring.node import build_node
from pacs_bridge.wiring.pulling import build_pull
from tests.homes import a_home
from tests.hospital import a_hospital
from tests.nodes import a_request, an_alien, our_report
from tests.orthanc import running_orthanc
from tests.peers import free_port, need
from tests.pulling import CASE, OTHER_CASE, World, a_mark, at_pacs
from tests.waiting import wait_until
from tests.web_pacs import PLUGIN, SETTINGS, asked_by_web


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home once, for every test to have a copy of."""
    folder = tmp_path_factory.mktemp("empty") / "home"
    a_home(folder).engine.dispose()
    return folder


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, empty: Path, orthanc: Orthanc) -> World:
    for study in orthanc.get("/studies"):
        orthanc.delete(f"/studies/{study}")
    return World(empty, tmp_path, orthanc.dicom_port)


def case_of(pulled: Pulled) -> Any:
    return next(each for each in pulled.cases if each.accession == CASE)


def test_a_state_that_is_not_forwarded_is_pulled_and_receipted_once(world: World) -> None:
    world.save(a_mark())
    first = world.pull()
    assert first.counts == {
        "found": 1, "had": 0, "fetched": 1, "refused": 0, "failed": 0, "unasked": 0
    }  # fmt: skip
    assert len(world.work()) == 1
    kept = world.objects()["1.2.3.9.1"]
    assert (kept.caller.pacs, kept.accession, kept.state) == ("hospital", CASE, "read")
    again = world.pull()
    assert (again.counts["had"], again.counts["fetched"]) == (1, 0)
    assert world.work() == []
    receipt = show_receipt("R001", CASE, begin=world.home.begin, now=world.home.now)
    assert len(receipt.marks) == 1


def test_a_report_saved_as_a_study_of_its_own_is_rescued(world: World) -> None:
    report = our_report(StudyInstanceUID="1.2.77.1")
    world.save(at_pacs(report, "SR", SeriesInstanceUID="1.2.77.2"))
    pulled = world.pull()
    assert (pulled.counts["fetched"], case_of(pulled).elsewhere) == (1, 1)
    assert world.objects()["1.2.3.9.2"].accession == CASE


def test_a_large_report_is_pulled_byte_for_byte(world: World) -> None:
    report = our_report(StudyInstanceUID="1.2.101.1")
    report.add_new(0x00420011, "OB", bytes(range(256)) * 8192)
    report = at_pacs(report, "SR")
    world.save(report)
    assert world.pull().counts["fetched"] == 1
    kept = world.objects()["1.2.3.9.2"]
    assert kept.size > 2 << 20
    with world.home.archive.open(kept.content_hash) as file:
        assert bytes(range(256)) * 8192 in file.read()
    assert world.work() == ["parked"]


def counts(pulled: Pulled) -> tuple[int, ...]:
    """Found, had, fetched, refused, failed, unasked."""
    return tuple(pulled.counts.values())


def push(world: World, ds: Dataset) -> None:
    """Have the PACS push an object to us."""
    home, key = world.home, world.home.config.secret("alien_hmac")
    receive_object(
        a_request(ds), begin=home.begin, read=home.read, commit=GroupCommit(home.begin_for_many),
        archive=home.archive, rules=Rules(STORED, key, store_status), now=home.now,
    )  # fmt: skip


def test_what_is_pushed_and_pulled_is_one_object_and_one_receipt(world: World) -> None:
    world.save(a_mark(), a_mark("1.2.3.9.3"))
    pull: Any = build_pull(world.home)
    fetch = pull.keywords["fetch"]

    def pushed_first(*asked: Any) -> Any:
        push(world, a_mark())  # after we saw that it is not here
        return fetch(*asked)

    assert counts(pull("hospital", fetch=pushed_first)) == (2, 1, 1, 0, 0, 0)
    push(world, a_mark("1.2.3.9.3"))
    assert len(world.work()) == 2
    assert world.objects().keys() == {"1.2.3.9.1", "1.2.3.9.3"}
    with world.home.read() as uow:
        assert [each.kind for each in uow.refusals.newest()] == []


def test_what_names_our_patient_and_no_case_is_discarded_unread_once(world: World) -> None:
    alien = an_alien(AccessionNumber="", SeriesInstanceUID="1.9.2", Modality="PR")
    alien.PatientID = CASE
    world.save(alien)
    assert [counts(world.pull()) for _ in range(2)] == [(1, 0, 0, 1, 0, 0)] * 2
    with world.home.read() as uow:
        (refusal,) = uow.refusals.newest()
        assert uow.refusals.count_aliens_since("hospital", refusal.at) == 0
    assert (refusal.kind, len(refusal.keyed_hash)) == ("pulled-alien", 64)
    assert world.objects() == {}


def test_a_study_of_another_patient_under_our_number_is_told_and_left_alone(world: World) -> None:
    alien = an_alien(AccessionNumber=CASE, SeriesInstanceUID="1.9.2", Modality="PR")
    world.save(alien, a_mark())
    pulled = world.pull()
    assert counts(pulled) == (1, 0, 1, 0, 0, 1)
    assert "another patient" in case_of(pulled).problems[0]
    assert "PLANTED" not in str(pulled.as_json())


def test_the_command_prints_what_was_pulled_and_the_pacs_shows_it(world: World) -> None:
    world.save(a_mark())
    home = ["--home", str(world.folder / "home")]
    ended = CliRunner().invoke(marks.app, ["pull", "hospital", "--json", *home])
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert (told["found"], told["fetched"], len(told["cases"])) == (1, 1, 2)
    assert told["cases"][0]["accession"] == CASE
    shown = CliRunner().invoke(pacs.app, ["show", "hospital", *home])
    assert "1 found, 0 here already, 1 fetched" in shown.stdout
    with world.home.read() as uow:
        (event,) = uow.events.newest(kind="marks-pulled")
    assert (event.subject, event.detail["fetched"]) == ("hospital", 1)


@pytest.mark.parametrize(
    ("quirk", "expected"),
    [
        ("cap=1", (1, 0, 1, 0, 0, 1)),
        ("refuse-image-level", (2, 0, 2, 0, 0, 0)),
        ("refuse-series-level", (0, 0, 0, 0, 0, 2)),
        ("no-study-root", (2, 0, 2, 0, 0, 0)),
        ("no-counts", (2, 0, 2, 0, 0, 0)),
    ],
)
def test_what_a_pacs_does_not_answer_is_never_taken_for_nothing(
    tmp_path: Path, empty: Path, quirk: str, expected: tuple[int, ...]
) -> None:
    with a_hospital(tmp_path / "pacs", quirks=(quirk,)) as hospital:
        world = World(empty, tmp_path, hospital.port)
        world.save(a_mark(), a_mark("1.2.3.9.3"))
        pulled = world.pull()
    assert counts(pulled) == expected
    assert pulled.is_whole is (expected[4:] == (0, 0))
    assert all(each.problems for each in pulled.cases if each.unasked or each.failed)


def test_a_pacs_that_is_down_is_asked_again_by_the_clock(tmp_path: Path, empty: Path) -> None:
    world = World(empty, tmp_path, free_port(), pull_minutes=5)
    begin, start = world.home.begin, world.home.now()
    queued = pulls_due(begin=begin, now=lambda: start)
    pulled = world.pull()
    assert (queued, counts(pulled)) == (1, (0, 0, 0, 0, 0, 2))
    assert "could not be reached" in case_of(pulled).problems[0]
    later = start + timedelta(minutes=11)
    times = (start + timedelta(minutes=1), later, later)
    assert [pulls_due(begin=begin, now=lambda at=at: at) for at in times] == [0, 1, 1]
    with world.home.read() as uow:
        assert len(uow.events.newest(kind="marks-pulled")) == 1


def test_pulling_by_the_clock_is_off_until_it_is_switched_on(world: World) -> None:
    def change(*options: str) -> Any:
        home = ["--home", str(world.folder / "home")]
        return CliRunner().invoke(pacs.app, ["change", "hospital", "--json", *options, *home])

    begin, now = world.home.begin, world.home.now
    assert pulls_due(begin=begin, now=now) == 0
    told = [json.loads(change("--pull-marks", each).stdout)["pull_marks"] for each in ("0", "5")]
    assert (told, pulls_due(begin=begin, now=now)) == ([None, 5], 1)
    refused = [change("--pull-marks", "1441"), change("--pull-marks", "5", "--role", "query")]
    assert [type(each.exception) for each in refused] == [RefusedInput, RefusedInput]
    with begin() as uow:
        assert uow.pacs.get("hospital").pull_minutes == 5


def test_nothing_is_pulled_from_a_paused_pacs_or_for_a_set_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound, match="PERFORMS999"):
        world.pull("PERFORMS999")
    with world.home.begin() as uow:
        uow.pacs.set_paused("hospital", paused=True)
    with pytest.raises(PausedPeer):
        world.pull()


def test_marks_come_by_a_move_to_our_node_where_there_is_no_get(
    tmp_path: Path, empty: Path
) -> None:
    with running_orthanc(tmp_path / "pacs", DicomAlwaysAllowGet=False) as orthanc:
        world = World(empty, tmp_path, orthanc.dicom_port)
        alien = an_alien(AccessionNumber="", SeriesInstanceUID="1.9.2", Modality="PR")
        alien.PatientID = CASE
        world.save(a_mark(), alien)
        unknown = world.pull()
        node = build_node(world.home)
        port = node.start()
        try:
            node_there = {"AET": "PACSBRIDGE", "Host": "127.0.0.1", "Port": port}
            orthanc.put("/modalities/NODE", {**node_there, "AllowGet": False})
            moved = world.pull()
        finally:
            node.stop()
    assert (counts(unknown), counts(moved)) == ((2, 0, 0, 0, 2, 0), (2, 0, 1, 1, 0, 0))
    assert case_of(unknown).problems
    with world.home.read() as uow:  # we asked for it: no fault of the PACS
        # A PACS may send again what was refused; each refusal has a row.
        assert {each.kind for each in uow.refusals.newest()} == {"pulled-alien"}
    kept = world.objects()["1.2.3.9.1"]
    assert (kept.caller.pacs, kept.originator.ae_title) == ("hospital", "PACSBRIDGE")


class Liar:
    """A PACS that says of a retrieval what it likes, and sends nothing; our port, by hand."""

    def __init__(self, got: Retrieved | PeerUnavailable, moved: Retrieved) -> None:
        self.got, self.moved = got, moved

    def get(self, *_: Any, **__: Any) -> Retrieved:
        if isinstance(self.got, PeerUnavailable):
            raise self.got
        return self.got

    def move(self, *_: Any, **__: Any) -> Retrieved:
        return self.moved


ONE_SENT = Retrieved(0x0000, counted=Progress(completed=1))


@pytest.mark.parametrize(
    ("got", "moved", "said"),
    [
        (ONE_SENT, ONE_SENT, ["says that it sent 1 objects, and 0 came", "0x0000 to a C-MOVE"]),
        (Retrieved(0xA900, missing=("1.2.3.9.1",)), Retrieved(0xC000), ["0xA900", "0xC000"]),
        (PeerUnavailable("hospital", "answer"), Retrieved(0xA801), ["not know our AE title"]),
        (PeerUnavailable("hospital", "connect"), ONE_SENT, ["failed at: connect"]),
    ],
)
def test_what_did_not_arrive_has_failed_whatever_the_pacs_says(
    world: World, got: Any, moved: Retrieved, said: list[str]
) -> None:
    world.save(a_mark())
    pull: Any = build_pull(world.home)
    liar: Any = Liar(got, moved)
    fetch = replace(pull.keywords["fetch"], retriever=liar, seconds=0.0)
    pulled = pull("hospital", fetch=fetch)
    assert counts(pulled) == (1, 0, 0, 0, 1, 0)
    problems = case_of(pulled).problems
    assert len(problems) == len(said)
    assert all(each in problem for each, problem in zip(said, problems, strict=True))


def test_a_pacs_that_cannot_be_fetched_from_is_tried_for_one_case_alone(world: World) -> None:
    second = a_mark("1.2.3.9.4")
    second.StudyInstanceUID, second.SeriesInstanceUID = "1.2.102.1", "1.2.102.7"
    second.PatientID = second.AccessionNumber = OTHER_CASE
    world.save(a_mark(), second)
    query, retrieve = Endpoint("HOSPITAL", "127.0.0.1", world.port, ("query",)), free_port()
    elsewhere = Endpoint("HOSPITAL", "127.0.0.1", retrieve, ("retrieve",))
    with world.home.begin() as uow:
        uow.pacs.put(replace(world.pacs, endpoints=(query, elsewhere)), world.home.now())
    pull: Any = build_pull(world.home)
    fetch, asked = pull.keywords["fetch"], list[Any]()

    def counted(*told: Any) -> Any:
        asked.append(told)
        return fetch(*told)

    pulled = pull("hospital", fetch=counted)
    assert (counts(pulled), len(asked)) == ((2, 0, 0, 0, 2, 0), 1)
    assert [len(each.problems) for each in pulled.cases] == [1, 1]


def test_marks_come_by_dicomweb(tmp_path: Path, empty: Path) -> None:
    need(PLUGIN, "orthanc-dicomweb")
    with running_orthanc(tmp_path / "pacs", **SETTINGS) as orthanc:
        world = World(empty, tmp_path, orthanc.dicom_port)
        world.save(a_mark(), at_pacs(our_report(StudyInstanceUID="1.2.77.1"), "SR"))
        web = asked_by_web(orthanc.http_port, name="hospital")
        with world.home.begin() as uow:
            uow.pacs.put(web, world.home.now())
        pulled = [world.pull() for _ in range(2)]
    assert [counts(each) for each in pulled] == [(2, 0, 2, 0, 0, 0), (2, 2, 0, 0, 0, 0)]
    assert len(world.work()) == 2


def test_the_jobs_pull_by_the_clock_until_the_reader_has_a_receipt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TICK_SECONDS", 0.2)
    world.save(a_mark())
    with world.home.begin() as uow:
        uow.pacs.put(replace(world.pacs, pull_minutes=5), world.home.now())
    role = build_jobs(world.home)
    role.start()
    try:
        wait_until(
            lambda: [each.state for each in world.objects().values()] == ["read"],
            "the mark is pulled and read",
        )
    finally:
        role.stop()
    receipt = show_receipt("R001", CASE, begin=world.home.begin, now=world.home.now)
    assert len(receipt.marks) == 1
