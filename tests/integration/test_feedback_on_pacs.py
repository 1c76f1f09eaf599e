"""Truth on a PACS: only after the last reader, with its end promised, and proven gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pydicom
import pytest

from pacs_bridge.cli import results_feedback
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.feedback import Feedback, FeedbackState
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.objects import Caller, ReceivedObject
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Role, Site
from pacs_bridge.domain.ports import ImageKey, Sendable, StoreAnswer
from pacs_bridge.domain.reader_copies import CopyNaming
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.extend import extend_reader
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.people import open_round
from pacs_bridge.services.render_image import render_frame
from pacs_bridge.services.send_feedback import FeedbackSender
from pacs_bridge.services.show_feedback import ask_feedback, list_feedback, offer_feedback
from pacs_bridge.services.withdraw import REJECTION, withdraw_load
from pacs_bridge.services.withdraw_feedback import (
    ask_withdrawal,
    feedback_due,
    withdraw_feedback,
)
from pacs_bridge.sr.read import read_object
from tests.builders import NOON
from tests.case_set_builders import KEY_UID, SET, Desk
from tests.case_set_builders import desk as desk
from tests.integration.test_feedback import GSPS, RCC
from tests.integration.test_feedback import ended as ended
from tests.integration.test_sr_judges import errors_of_dciodvfy, said_by, saved
from tests.orthanc import running_orthanc
from tests.peers import need

NAME, DAY = str(SET), timedelta(days=1)


@dataclass
class APeer:
    """A PACS in the test's own hands: it keeps what it is sent, and breaks off when told."""

    held: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    breaks_at: int = 0
    loses: bool = False
    status: int = 0
    obeys: bool = False
    deaf: bool = False

    def store(self, pacs: Pacs, objects: Iterable[Sendable], **_: Any) -> Iterator[StoreAnswer]:
        """Take each; after the one it breaks at there is no answer, though it may be kept."""
        for each in objects:
            self.sent.append(each.sop_instance_uid)
            breaks = len(self.sent) == self.breaks_at
            if not (breaks and self.loses) and not self.status:
                content = each.path.read_bytes()
                self.held[each.sop_instance_uid] = content
                if self.obeys and each.sop_class_uid.endswith("88.59"):
                    self._reject(pydicom.dcmread(BytesIO(content)))
            if breaks:
                raise PeerUnavailable(pacs.name, "answer", "it broke off")
            yield StoreAnswer(each.sop_instance_uid, self.status)

    def find_images(self, pacs: Pacs, images: Iterable[ImageKey]) -> dict[str, bool | None]:
        """Say honestly what it has, unless it finds nothing that it has."""
        held = {} if self.deaf else self.held
        return {each.sop_instance_uid: each.sop_instance_uid in held for each in images}

    def _reject(self, note: pydicom.Dataset) -> None:
        [study] = note.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                self.held.pop(item.ReferencedSOPInstanceUID)


@dataclass
class Hall:
    """A closed round whose set stands in a PACS with a contact, and readers R001 and R002."""

    desk: Desk
    peer: Any
    copy: int = 0

    def __post_init__(self) -> None:
        self.begin, self.now, self.jobs = (
            self.desk.database.begin, self.desk.database.clock, self.desk.database.jobs,
        )  # fmt: skip
        with self.begin() as uow:
            uow.pacs.put(Pacs("hospital", (Endpoint("HOSPITAL", "127.0.0.1", 104, ()),)), NOON)
            uow.sites.put(Site("north", "hospital"))
            uow.readers.add("R002", NOON)
            for reader in ("R001", "R002"):
                copy = self.copy if reader == "R001" else 0
                uow.enrolments.put(Enrolment(NAME, reader, "north", copy, consent=True))
            load = uow.loads.plan(uow.case_sets.get(NAME), "hospital", NOON)
            uow.loads.set_readiness(load.load_id, Readiness.READY)
            uow.accounts.put("pacs@hospital.example", "x", [Role.CONTACT], NOON, sites=["north"])

    def ask(self, reader: str = "R001", **more: Any) -> Feedback:
        """Ask for truth on the PACS."""
        where = {} if reader else {"pacs": "hospital"}
        return ask_feedback(NAME, reader, begin=self.begin, now=self.now, **where, **more)

    def send(self, number: int = 1) -> Feedback:
        """Do what the job does."""
        return FeedbackSender(
            self.begin, self.peer, self.desk.archive, self.now, KEY_UID, render_frame
        ).send(number)

    def withdraw(self, number: int = 1) -> Feedback:
        """Do what the job does."""
        return withdraw_feedback(number, begin=self.begin, peer=self.peer, now=self.now)

    def queued(self) -> list[str]:
        """Jobs of feedback that were ever queued."""
        return [name for name, _ in self.jobs.jobs if name.endswith("_feedback")]

    def mails(self) -> list[str]:
        """Subjects of what the contact was told, oldest first."""
        with self.begin() as uow:
            return [line.message.subject for line in reversed(uow.mails.newest())]


@pytest.fixture
def hall(ended: Desk) -> Hall:
    return Hall(ended, APeer())


def test_truth_goes_to_a_real_pacs_is_judged_there_and_leaves_by_the_promised_day(
    ended: Desk, tmp_path: Path
) -> None:
    hall = Hall(ended, DimsePeer())
    with running_orthanc(tmp_path / "orthanc") as pacs:
        with hall.begin() as uow:
            port = pacs.dicom_port
            where = (Endpoint("HOSPITAL", "127.0.0.1", port, ()),)
            uow.pacs.put(Pacs("hospital", where, plain=True), NOON)
        first = hall.ask()
        assert hall.ask() == first  # once asked, once queued
        assert hall.queued() == ["send_feedback"]
        done = hall.send()
        assert done.state(hall.now()) is FeedbackState.SHOWN, done
        assert hall.send() == hall.send()  # no more to do
        going = withdraw_load(1, begin=hall.begin, peer=hall.peer, now=hall.now, tell=False).csv
        assert "PERFORMS121101" in going
        assert going.splitlines()[-1].endswith(",2,0,0,0,3")  # two states, three captures
        names = pacs.get("/instances")
        url = f"http://127.0.0.1:{pacs.http_port}/instances"
        held = [httpx.get(f"{url}/{each}/file", timeout=60).content for each in names]
        objects = [pydicom.dcmread(BytesIO(content)) for content in held]
        with hall.begin() as uow:
            ledger = uow.feedback.objects(1)
        assert {ds.SOPInstanceUID for ds in objects} == {o.sop_instance_uid for o in ledger}
        for number, ds in enumerate(objects):
            path = tmp_path / f"{number}.dcm"
            path.write_bytes(held[number])
            assert errors_of_dciodvfy(path) == []
            if ds.SOPClassUID == GSPS:
                assert "Test passed" in said_by(need("dcmpschk", "dcmtk"), path)[1]
        broken = next(ds for ds in objects if ds.SOPClassUID == GSPS)
        del broken.DisplayedAreaSelectionSequence
        broken = saved(broken, tmp_path / "broken.dcm")
        assert "Test passed" not in said_by(need("dcmpschk", "dcmtk"), broken)[1]

        hall.now.moment = first.withdrawal.due_at
        assert feedback_due(begin=hall.begin, now=hall.now) == 1
        assert feedback_due(begin=hall.begin, now=hall.now) == 0
        late = hall.withdraw()
        assert late.state(hall.now()) is FeedbackState.LATE
        assert late.withdrawal.left == {"PERFORMS121101": f"{len(held)} objects still there"}
        for each in names:
            pacs.delete(f"/instances/{each}")
        hall.now.pass_(3600)
        assert hall.withdraw().state(hall.now()) is FeedbackState.GONE
    assert hall.mails() == [
        "Truth of PERFORMS121 in hospital: it should have gone by now",
        "Truth of PERFORMS121 in hospital: it has gone",
    ]


def test_asked_for_again_after_it_went_it_comes_under_other_uids(hall: Hall) -> None:
    hall.peer.obeys = True
    with hall.begin() as uow:
        uow.proofs.put("hospital", REJECTION, {"works": True}, NOON)
    hall.ask()
    hall.send()
    first = set(hall.peer.held)
    ask_withdrawal(1, begin=hall.begin, now=hall.now)
    gone = hall.withdraw()
    assert gone.state(hall.now()) is FeedbackState.GONE, gone
    assert not first & set(hall.peer.held)
    again = hall.ask()
    assert again.run == 2
    hall.send(again.feedback_id)
    with hall.begin() as uow:
        second = {each.sop_instance_uid for each in uow.feedback.objects(2)}
    assert len(second) == 5
    assert not first & second


@pytest.mark.parametrize("loses", [False, True])
def test_a_pacs_that_breaks_off_is_tried_again_and_gets_nothing_twice(
    hall: Hall, *, loses: bool
) -> None:
    hall.peer.breaks_at, hall.peer.loses = 2, loses
    hall.ask()
    held_up = hall.send()
    assert "broke off" in held_up.note
    assert held_up.next_at is not None
    assert feedback_due(begin=hall.begin, now=hall.now) == 0
    hall.now.moment = held_up.next_at
    assert feedback_due(begin=hall.begin, now=hall.now) == 1
    assert hall.send().state(hall.now()) is FeedbackState.SHOWN
    lost = hall.peer.sent[1]
    assert hall.peer.sent.count(lost) == (2 if loses else 1)
    assert all(hall.peer.sent.count(uid) == 1 for uid in hall.peer.sent if uid != lost)


def test_a_pacs_that_takes_none_of_it_is_told_and_has_nothing_to_lose(hall: Hall) -> None:
    hall.peer.status = 0x0122
    hall.ask()
    assert "none of them: 0x0122" in hall.send().note
    ask_withdrawal(1, begin=hall.begin, now=hall.now)
    assert hall.withdraw().ended


def test_a_pacs_that_finds_nothing_is_not_believed_to_be_rid_of_it(hall: Hall) -> None:
    hall.peer.deaf = True
    hall.ask()
    assert "not found there yet" in hall.send().note
    ask_withdrawal(1, begin=hall.begin, now=hall.now)
    left = hall.withdraw()
    assert not left.ended
    assert "proves nothing" in left.withdrawal.left["PERFORMS121101"]
    assert hall.mails() == ["Truth of PERFORMS121 in hospital: please remove it"]
    leave(hall, Readiness.WITHDRAWN)  # the studies are gone, and were seen to be
    assert hall.withdraw().ended


def test_a_reader_s_own_copy_bears_it_and_nothing_of_the_master(ended: Desk) -> None:
    hall = Hall(ended, APeer(), copy=7)
    naming = CopyNaming(KEY_UID, NAME, 7)
    with hall.begin() as uow:
        master = uow.case_sets.get(NAME).cases
        case = next(each for each in master if each.kind == "test")
    assert "do not stand in hospital" in offer(hall).why  # the copy is not there
    with hall.begin() as uow:
        load = uow.loads.plan(copied(uow.case_sets.get(NAME), naming), "hospital", NOON)
        uow.loads.set_readiness(load.load_id, Readiness.READY)
    hall.ask()
    hall.send()
    assert hall.peer.held
    ours = {image.sop_instance_uid for image in case.instances()}
    ours.add(case.studies[0].study_instance_uid)
    for content in hall.peer.held.values():
        ds = pydicom.dcmread(BytesIO(content))
        assert ds.AccessionNumber == ds.PatientID == "PERFORMS12110107"
        assert ds.StudyInstanceUID == naming.uid(case.studies[0].study_instance_uid)
        assert not any(uid.encode() in content for uid in ours)
    states = [pydicom.dcmread(BytesIO(each)) for each in hall.peer.held.values()]
    drawn = [m.image for ds in states if ds.SOPClassUID == GSPS for m in read_object(ds).marks]
    assert naming.uid(RCC) in drawn


def copied(passport: Any, naming: CopyNaming) -> Any:
    from dataclasses import replace

    cases = tuple(naming.case(case) for case in passport.cases)
    return replace(passport, cases=cases, copy=naming.copy)


def offer(hall: Hall, reader: str = "R001") -> Any:
    return offer_feedback(NAME, reader, read=hall.begin, now=hall.now)


def longer(hall: Hall) -> None:
    with hall.begin() as uow:
        uow.enrolments.extend(NAME, "R002", NOON + DAY)


def leave(hall: Hall, readiness: Readiness) -> None:
    with hall.begin() as uow:
        uow.loads.set_readiness(1, readiness)


def test_truth_is_put_nowhere_while_anybody_may_read_or_where_the_set_is_to_go(hall: Hall) -> None:
    def refused(why: str) -> None:
        assert why in offer(hall).why
        for reader in ("R001", ""):
            with pytest.raises(RefusedInput, match=why):
                hall.ask(reader)

    leave(hall, Readiness.WITHDRAWING)
    refused("do not stand in hospital")
    leave(hall, Readiness.READY)
    longer(hall)
    refused("not closed for everybody")
    hall.now.moment = NOON + 28 * DAY
    refused("promised to leave hospital")
    assert list_feedback(NAME, read=hall.begin) == []
    assert hall.queued() == []


def test_nobody_gets_longer_once_truth_was_shown_and_none_is_sent_if_somebody_has(
    hall: Hall,
) -> None:
    hall.ask()
    until = NOON + 2 * DAY
    ports: dict[str, Any] = {"begin": hall.begin, "now": hall.now, "settle": 1.0}
    with pytest.raises(RefusedInput, match="was put on hospital"):
        extend_reader(NAME, "R002", until, **ports)
    with pytest.raises(RefusedInput, match="was put on hospital"):
        open_round(NAME, opens_at=NOON - 9 * DAY, closes_at=until, release=lambda: 0, **ports)
    longer(hall)  # by whatever way
    assert hall.send().state(hall.now()) is FeedbackState.LEAVING
    assert hall.peer.sent == []
    assert hall.withdraw().ended
    extend_reader(NAME, "R002", until, **ports)  # nobody saw anything


def test_what_comes_back_of_it_is_nobody_s_reading(hall: Hall) -> None:
    hall.ask()
    hall.send()
    uid, content = next(
        (uid, each)
        for uid, each in hall.peer.held.items()
        if pydicom.dcmread(BytesIO(each)).SOPClassUID == GSPS
    )
    with hall.begin() as uow:
        uow.objects.add(a_received(uid, hall.desk.archive.put(content), hall.now()))
    state = extract_object(
        uid, begin=hall.begin, archive=hall.desk.archive, now=hall.now, settle=1.0,
        read_file=lambda asked: read_object(pydicom.dcmread(asked.path)),  # type: ignore[union-attr]
    )  # fmt: skip
    with hall.begin() as uow:
        kept = uow.objects.find(uid)
    assert state == "parked"
    assert kept is not None
    assert "nobody's reading" in kept.reason


def a_received(uid: str, content_hash: str, at: datetime) -> ReceivedObject:
    from tests.builders import a_received_object

    caller = Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital")
    return a_received_object(
        uid, content_hash=content_hash, received_at=at, sop_class_uid=GSPS, caller=caller
    )


def test_the_command_says_what_it_would_do_does_it_once_and_takes_it_away(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(**words: Any) -> Any:
        results_feedback.feedback(NAME, **words, json=True)
        return json.loads(capsys.readouterr().out)

    loading = SimpleNamespace(withdraw_days=28.0)
    config = SimpleNamespace(secret=lambda _name: KEY_UID, loading=loading)
    home = SimpleNamespace(read=hall.begin, begin=hall.begin, now=hall.now, config=config)
    monkeypatch.setattr(results_feedback, "open_home", lambda _home: home)
    would = said(send="hospital", reader="R001", dry_run=True)
    assert (would["may"], would["cases"], would["objects"]) == (True, 1, 5)
    assert hall.queued() == []
    until = f"{NOON + 3 * DAY:%Y-%m-%d}"
    asked = said(send="hospital", reader="R001", until=until)
    assert said(send="hospital", reader="R001") == asked
    assert asked["withdrawal"]["due_at"].startswith(until)
    assert hall.queued() == ["send_feedback"]
    hall.send()
    [going] = said(withdraw="hospital")["feedback"]
    assert len(going["list"].splitlines()) == 1 + 5
    assert said()["feedback"][0]["state"] == "to be withdrawn"
    with pytest.raises(RefusedInput, match="Give one of"):
        said(send="hospital", withdraw="hospital")
    hall.now.moment = NOON - DAY
    with pytest.raises(RefusedInput, match="not closed for everybody"):
        said(send="hospital", reader="R002", dry_run=True)
