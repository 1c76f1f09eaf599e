"""A load from its start to READY and back: plan, send, verify, release, tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import (
    GiveUp,
    MailUnavailable,
    NotFound,
    PeerUnavailable,
    RefusedInput,
)
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer
from pacs_bridge.domain.loading import InstanceState, Load, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.people import Enrolment, Role, Round, Site
from pacs_bridge.domain.ports import Message, Sendable, StoreAnswer
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.mails import deliver_mail, queue_mail
from pacs_bridge.services.plan import (
    find_load,
    load_status,
    load_statuses,
    queue_verify,
    start_again,
    start_load,
)
from pacs_bridge.services.release import release_due
from pacs_bridge.services.send import note_load, park_load, reopen_missing, send_next
from pacs_bridge.services.verify import Sweep, verify_load
from tests.loads import MG, START, House, a_house, a_pacs, a_passport
from tests.orthanc import running_orthanc

SET, PACS = "PERFORMS121", "hospital"


@dataclass
class FakePeer:
    """A PACS that keeps what it is sent and lists it; told to misbehave by a test."""

    has: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    answer: Callable[[str], int] = lambda _uid: 0x0000
    break_at: str | None = None
    phase: str = "answer"
    down: bool = False
    hidden: set[str] = field(default_factory=set)
    associations: int = 0

    def echo(self, pacs: Pacs) -> None:
        raise NotImplementedError

    def store(self, pacs: Pacs, objects: Iterable[Sendable]) -> Iterator[StoreAnswer]:
        self.associations += 1
        if self.down:
            raise PeerUnavailable(pacs.name, "connect", "connection refused")
        for each in objects:
            uid = each.sop_instance_uid
            if uid == self.break_at:
                raise PeerUnavailable(pacs.name, self.phase, "it broke off")
            assert each.path.is_file()
            self.sent.append(uid)
            status = self.answer(uid)
            if status in (0x0000, 0xB000):
                self.has.add(uid)
            yield StoreAnswer(uid, status, "", "00100020" if status == 0xB000 else "")

    def find_case(self, pacs: Pacs, case: Case) -> PacsAnswer:
        return next(self.find_cases(pacs, [case]))

    def find_cases(self, pacs: Pacs, cases: Iterable[Case]) -> Iterator[PacsAnswer]:
        for case in cases:
            if self.down:
                yield PacsAnswer(error="it is down")
                continue
            there = [
                i.sop_instance_uid
                for i in case.instances()
                if i.sop_instance_uid in self.has - self.hidden
            ]
            study = FoundStudy(
                case.studies[0].study_instance_uid,
                case.accession,
                case.patient_id,
                images=tuple(FoundImage(uid, MG, 32, 24, "ONLINE") for uid in there),
            )
            yield PacsAnswer(
                {study.study_instance_uid: study if there else None}, by_name=bool(there)
            )


@dataclass
class Desk:
    """The services of one load, joined with a house and a peer."""

    house: House
    peer: Any
    passport: Passport

    def start(self) -> Load:
        return start_load(SET, PACS, begin=self.house.begin, now=self.house.now)

    def send(self, limit: int = 16, attempts: int = 3) -> int:
        return send_next(
            1,
            limit,
            begin=self.house.begin,
            peer=self.peer,
            archive=self.house.archive,
            now=self.house.now,
            attempts=attempts,
        )

    def send_all(self) -> None:
        while self.send():
            pass

    def verify(self, grace: float = 900.0) -> Sweep:
        return verify_load(
            1,
            begin=self.house.begin,
            peer=self.peer,
            now=self.house.now,
            grace=grace,
            public_url="https://performs.example/",
        )

    def load(self) -> Load:
        with self.house.begin() as uow:
            return uow.loads.get(1)

    def states(self) -> list[str]:
        with self.house.begin() as uow:
            return [row.state.value for row in uow.loads.ledger(1)]

    def mails(self) -> list[Message]:
        with self.house.begin() as uow:
            return [line.message for line in reversed(uow.mails.newest())]

    def events(self, kind: str) -> list[dict[str, Any]]:
        with self.house.begin() as uow:
            return [event.detail for event in uow.events.newest(kind=kind)]

    def uids(self) -> list[str]:
        return [image.sop_instance_uid for *_, image in self.passport.instances()]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    """The images of every test: what is archived is never changed."""
    archive = LocalArchive(tmp_path_factory.mktemp("images"))
    a_passport(archive, 3)
    return archive


@pytest.fixture
def house(tmp_path: Path, archive: LocalArchive) -> Iterator[House]:
    with a_house(tmp_path, archive) as house:
        yield house


@pytest.fixture
def desk(house: House) -> Desk:
    passport = a_passport(None, 2)
    with house.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(a_pacs(104), START)
    return Desk(house, FakePeer(), passport)


def people(desk: Desk, *, opens: float = -60, consent: bool = True, copy: int = 0) -> None:
    """One reader and one contact at a site of the PACS, and a round that opens then."""
    with desk.house.begin() as uow:
        uow.sites.put(Site("unit", PACS))
        uow.readers.add("R1", START)
        uow.rounds.put(Round(SET, START + timedelta(seconds=opens), START + timedelta(days=30)))
        uow.enrolments.put(Enrolment(SET, "R1", "unit", copy=copy, consent=consent))
        uow.accounts.put("r1@hospital.example", "x", [Role.READER], START, reader="R1")
        uow.accounts.put("pacs@hospital.example", "x", [Role.CONTACT], START, sites=["unit"])
        uow.accounts.put("admin@scheme.example", "x", [Role.ADMIN], START)


def released(desk: Desk) -> bool:
    with desk.house.begin() as uow:
        enrolment = uow.enrolments.find(SET, "R1")
    assert enrolment is not None
    return enrolment.released_at is not None


# Planning


def test_a_start_plans_every_image_and_queues_one_job(desk):
    load = desk.start()
    assert (load.set_name, load.pacs, load.readiness) == (SET, PACS, Readiness.PLANNED)
    assert desk.states() == ["pending"] * 8
    assert desk.house.queued.jobs == [("load", (1, 1), "load-1-1", PACS)]


def test_a_second_start_makes_no_second_ledger_and_a_job_of_its_own(desk):
    assert (
        desk.start().load_id == start_again(1, begin=desk.house.begin, now=desk.house.now).load_id
    )
    assert len(desk.states()) == 8
    assert [key for _, _, key, _ in desk.house.queued.jobs] == ["load-1-1", "load-1-2"]


def test_a_job_is_queued_only_where_its_plan_is_kept(desk):
    class Broken:
        def __call__(self, *args: Any, **more: Any) -> None:
            raise PeerUnavailable

    begin = partial(type(desk.house.begin()), desk.house.begin()._make_session, Broken())
    with pytest.raises(PeerUnavailable):
        start_load(SET, PACS, begin=begin, now=desk.house.now)
    with desk.house.begin() as uow:
        assert uow.loads.all() == []


def test_a_start_names_what_is_not_there(desk):
    start = partial(start_load, begin=desk.house.begin, now=desk.house.now)
    with pytest.raises(NotFound, match="PERFORMS999"):
        start("PERFORMS999", PACS)
    with pytest.raises(NotFound, match="elsewhere"):
        start(SET, "elsewhere")
    with pytest.raises(RefusedInput):
        start("../../etc", PACS)


def test_starting_again_opens_what_failed_and_keeps_what_is_stored(desk):
    bad = desk.uids()[2]
    desk.peer.answer = lambda uid: 0xA900 if uid == bad else 0
    desk.start()
    desk.send_all()
    assert desk.states().count("failed") == 1
    desk.peer.answer = lambda _uid: 0
    assert desk.start().readiness is Readiness.PLANNED
    desk.peer.sent.clear()
    desk.send_all()
    assert desk.peer.sent == [bad]
    assert desk.verify().readiness is Readiness.READY


def test_a_ready_load_that_is_started_again_stays_ready(desk):
    desk.start()
    desk.send_all()
    desk.verify()
    assert desk.start().readiness is Readiness.READY
    assert desk.send() == 0
    assert desk.load().readiness is Readiness.READY


def test_an_image_whose_answer_was_lost_and_that_is_there_is_not_sent_again(desk):
    lost = desk.peer.break_at = desk.uids()[2]
    desk.start()
    with pytest.raises(PeerUnavailable):
        desk.send(attempts=1)
    desk.peer.has.add(lost)
    desk.peer.break_at = None
    desk.send_all()
    assert desk.verify().readiness is Readiness.READY
    desk.start()
    assert desk.states().count("failed") == 1
    assert desk.send() == 0
    assert lost not in desk.peer.sent


def test_an_incomplete_load_with_nothing_to_send_is_verified_again(desk):
    desk.start()
    desk.send_all()
    desk.peer.hidden = set(desk.uids()[:1])
    desk.verify(grace=0)
    assert desk.load().readiness is Readiness.INCOMPLETE
    assert desk.start().readiness is Readiness.SENT


def test_a_sweep_is_queued_once_however_often_it_is_asked_for(desk):
    desk.start()
    for _ in range(2):
        queue_verify(1, begin=desk.house.begin, now=desk.house.now)
    jobs = [job for job in desk.house.queued.jobs if job[0] == "verify"]
    assert {key for _, _, key, _ in jobs} == {jobs[0][2]}
    assert jobs[0][3] == PACS
    desk.house.pass_time(6)
    queue_verify(1, begin=desk.house.begin, now=desk.house.now)
    assert desk.house.queued.jobs[-1][2] != jobs[0][2]


# Sending


def test_images_go_out_in_order_a_chunk_an_association(desk):
    desk.start()
    assert desk.send(limit=3) == 5
    assert desk.load().readiness is Readiness.SENDING
    assert desk.send(limit=3) == 2
    assert desk.send(limit=3) == 0
    assert desk.peer.sent == desk.uids()
    assert desk.peer.associations == 3
    load = desk.load()
    assert load.readiness is Readiness.SENT
    assert load.last_sent_at == START


def test_each_answer_is_kept_before_the_next_image_goes_out(desk):
    seen: list[int] = []

    def answer(uid: str) -> int:
        seen.append(desk.states().count("stored"))
        return 0

    desk.peer.answer = answer
    desk.start()
    desk.send()
    assert seen == list(range(8))


def test_a_warning_means_stored_and_says_what_was_changed(desk):
    desk.peer.answer = lambda _uid: 0xB000
    desk.start()
    desk.send_all()
    assert set(desk.states()) == {"warned"}
    with desk.house.begin() as uow:
        row = uow.loads.ledger(1)[0]
        counts = uow.loads.counts(1)
    assert row.status == 0xB000
    assert row.comment == "0xB000: stored, some values changed, elements 00100020"
    assert (counts.total, counts.confirmed, counts.warned, counts.failed) == (8, 8, 8, 0)
    assert desk.verify().readiness is Readiness.READY


def test_a_broken_line_keeps_what_was_answered_and_goes_on_from_there(desk):
    uids = desk.uids()
    desk.peer.break_at = uids[3]
    desk.start()
    with pytest.raises(PeerUnavailable, match="failed at: answer"):
        desk.send()
    assert desk.states() == ["stored"] * 3 + ["pending"] * 5
    desk.peer.break_at = None
    desk.peer.sent.clear()
    desk.send_all()
    assert desk.peer.sent == uids[3:]


def test_a_pacs_that_cannot_be_reached_costs_no_image_an_attempt(desk):
    desk.start()
    desk.peer.down = True
    for _ in range(10):
        with pytest.raises(PeerUnavailable, match="connect"):
            desk.send()
    assert desk.states() == ["pending"] * 8


def test_an_image_over_which_a_pacs_breaks_off_each_time_does_not_stop_the_rest(desk):
    bad = desk.peer.break_at = desk.uids()[2]
    desk.start()
    for _ in range(3):
        with pytest.raises(PeerUnavailable):
            desk.send(attempts=3)
    desk.send_all()
    assert desk.states() == ["stored", "stored", "failed"] + ["stored"] * 5
    sweep = desk.verify()
    assert sweep.readiness is Readiness.INCOMPLETE
    assert sweep.missing == ()
    status = load_status(1, begin=desk.house.begin)
    assert "1 refused by the PACS (hospital could not be reached" in status.cases[0].evidence
    assert bad not in desk.peer.has


def test_a_full_pacs_is_offered_the_image_again_and_in_the_end_no_more(desk):
    bad = desk.uids()[0]
    desk.peer.answer = lambda uid: 0xA700 if uid == bad else 0
    desk.start()
    with pytest.raises(PeerUnavailable, match="0xA700: out of resources"):
        desk.send()
    assert desk.states() == ["pending"] + ["stored"] * 7
    with pytest.raises(PeerUnavailable):
        desk.send()
    assert desk.send() == 0
    assert desk.states()[0] == "failed"
    assert desk.peer.sent.count(bad) == 3


@pytest.mark.parametrize("status", [0xA900, 0xC001, 0x0122, 0x0110, 0x0001])
def test_a_refused_image_fails_at_once_and_the_others_arrive(desk, status):
    bad = desk.uids()[1]
    desk.peer.answer = lambda uid: status if uid == bad else 0
    desk.start()
    assert desk.send() == 0
    assert desk.states().count("failed") == 1
    with desk.house.begin() as uow:
        row = next(r for r in uow.loads.ledger(1) if r.sop_instance_uid == bad)
    assert row.state is InstanceState.FAILED
    assert row.comment.startswith(f"0x{status:04X}: ")
    assert desk.verify().readiness is Readiness.INCOMPLETE


def test_a_note_is_gone_once_sending_goes_on(desk):
    desk.start()
    note_load(1, "it is down", begin=desk.house.begin)
    assert desk.load().note == "it is down"
    desk.send(limit=1)
    assert desk.load().note == ""


def test_a_process_that_died_after_the_last_image_still_ends_at_sent(desk):
    desk.start()
    desk.send_all()
    with desk.house.begin() as uow:
        uow.loads.set_readiness(1, Readiness.SENDING)
    assert desk.send() == 0
    assert desk.load().readiness is Readiness.SENT


# Verifying


def test_a_load_of_which_every_case_is_proven_is_ready(desk):
    desk.start()
    desk.send_all()
    sweep = desk.verify()
    assert sweep == Sweep(Readiness.READY, waiting=False)
    load = desk.load()
    assert (load.readiness, load.ready_at, load.verified_at) == (Readiness.READY, START, START)


def test_a_late_index_is_waited_for_and_then_sent_again(desk):
    lost = desk.uids()[5]
    desk.start()
    desk.send_all()
    desk.peer.has.discard(lost)
    sweep = desk.verify()
    assert (sweep.readiness, sweep.waiting, sweep.missing) == (Readiness.SENT, True, (lost,))
    desk.house.pass_time(901)
    sweep = desk.verify()
    assert (sweep.readiness, sweep.waiting, sweep.missing) == (
        Readiness.INCOMPLETE,
        False,
        (lost,),
    )
    assert reopen_missing(1, sweep.missing, begin=desk.house.begin, now=desk.house.now) == 1
    desk.peer.sent.clear()
    desk.send_all()
    assert desk.peer.sent == [lost]
    assert desk.verify().readiness is Readiness.READY


def test_reopening_what_is_pending_changes_nothing(desk):
    desk.start()
    assert reopen_missing(1, desk.uids(), begin=desk.house.begin, now=desk.house.now) == 0


def test_a_sweep_while_images_go_out_takes_nothing_for_missing(desk):
    desk.start()
    desk.send(limit=2)
    desk.house.pass_time(10_000)
    sweep = desk.verify()
    assert (sweep.readiness, sweep.missing) == (Readiness.SENDING, ())


def test_a_pacs_that_does_not_answer_leaves_everything_as_it_was(desk):
    desk.start()
    desk.send_all()
    desk.verify()
    desk.peer.down = True
    for _ in range(3):
        sweep = desk.verify()
        assert (sweep.readiness, sweep.unanswered) == (Readiness.READY, 2)
    assert desk.load().misses == 0


def test_a_start_during_a_sweep_is_not_overruled_by_it(desk):
    desk.start()
    desk.send_all()
    desk.peer.hidden = set(desk.uids()[:1])
    desk.house.pass_time(1000)
    find = desk.peer.find_cases

    def find_and_start(pacs: Pacs, cases: Iterable[Case]) -> Iterator[PacsAnswer]:
        yield from find(pacs, cases)
        with desk.house.begin() as uow:
            uow.loads.start_run(1)

    desk.peer.find_cases = find_and_start
    assert desk.verify().readiness is Readiness.SENT
    assert desk.load().readiness is Readiness.SENT


# What follows


def test_readers_are_released_and_everybody_is_told_once(desk):
    people(desk)
    desk.start()
    desk.send_all()
    desk.verify()
    assert released(desk)
    contact, reader = sorted(desk.mails(), key=lambda mail: mail.to)
    assert (reader.to, contact.to) == ("r1@hospital.example", "pacs@hospital.example")
    assert "https://performs.example/" in reader.body
    assert SET in reader.body
    assert f"{SET} is ready in {PACS}" == contact.subject
    assert "https://performs.example/loads/1" in contact.body
    assert "Readers told that they can read now: 1" in contact.body
    keys = {f"mail-{reader.key}", f"mail-{contact.key}"}
    assert {key for job, _, key, _ in desk.house.queued.jobs if job == "mail"} == keys
    for _ in range(2):
        desk.verify()
        release_due(begin=desk.house.begin, now=desk.house.now)
    assert len(desk.mails()) == 2
    assert len(desk.events("load-ready")) == 1


def test_release_readiness_and_mails_stand_together_or_not_at_all(desk):
    people(desk)
    desk.start()
    desk.send_all()
    queue = desk.house.queued

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("the queue is gone")

    begin = partial(type(desk.house.begin()), desk.house.begin()._make_session, broken)
    with pytest.raises(RuntimeError):
        verify_load(1, begin=begin, peer=desk.peer, now=desk.house.now)
    assert desk.load().readiness is Readiness.SENT
    assert not released(desk)
    assert desk.mails() == []
    assert queue.named("mail") == []
    desk.verify()
    assert released(desk)


@pytest.mark.parametrize("change", [{"opens": 60}, {"consent": False}, {"copy": 1}])
def test_a_reader_who_may_not_read_yet_is_not_released(desk, change):
    people(desk, **change)
    desk.start()
    desk.send_all()
    desk.verify()
    assert not released(desk)
    assert [mail.to for mail in desk.mails()] == ["pacs@hospital.example"]


def test_a_round_that_opens_later_releases_its_readers_then(desk):
    people(desk, opens=60)
    desk.start()
    desk.send_all()
    desk.verify()
    due = partial(release_due, begin=desk.house.begin, now=desk.house.now)
    assert due() == 0
    desk.house.pass_time(61)
    assert due() == 1
    assert released(desk)
    assert due() == 0


def test_a_load_that_is_not_ready_releases_nobody(desk):
    people(desk)
    desk.start()
    assert release_due(begin=desk.house.begin, now=desk.house.now) == 0


def test_a_load_without_a_round_is_ready_all_the_same(desk):
    desk.start()
    desk.send_all()
    assert desk.verify().readiness is Readiness.READY
    assert release_due(begin=desk.house.begin, now=desk.house.now) == 0


def test_a_ready_load_that_loses_a_case_falls_back_and_the_contact_is_told(desk):
    people(desk)
    desk.start()
    desk.send_all()
    desk.verify()
    desk.house.pass_time(5000)
    desk.peer.has -= set(desk.uids()[4:])
    assert desk.verify().readiness is Readiness.READY
    assert desk.load().misses == 1
    sweep = desk.verify()
    assert sweep.readiness is Readiness.INCOMPLETE
    told = desk.mails()[-1]
    assert told.to == "pacs@hospital.example"
    assert "cases are missing" in told.subject
    assert f"{SET}102: The case did not arrive" in told.body
    assert f"{SET}101" not in told.body
    assert desk.events("load-fell-back") == [{"cases": [f"{SET}102"]}]
    assert released(desk)  # what was told cannot be taken back


def test_a_parked_load_reaches_its_contact_once_a_start(desk):
    people(desk)
    desk.start()
    desk.send_all()
    desk.peer.has.clear()
    desk.verify(grace=0)
    park = partial(park_load, 1, "It needs you.", begin=desk.house.begin, now=desk.house.now)
    park()
    park()
    (mail,) = desk.mails()
    assert mail.body.startswith("It needs you.")
    assert f"{SET}101: The case did not arrive" in mail.body
    assert desk.load().note == "It needs you."
    desk.start()
    park()
    assert len(desk.mails()) == 2


# How it stands


def test_a_status_has_the_form_that_is_promised(desk):
    desk.start()
    status = load_status(1, begin=desk.house.begin).as_dict()
    assert (status["set"], status["pacs"], status["readiness"]) == (SET, PACS, "planned")
    assert status["instances"] == {"total": 8, "confirmed": 0, "warned": 0, "failed": 0}
    assert status["cases"][0] == {
        "accession": f"{SET}101",
        "complete": "unknown",
        "findable": "not by name",
        "near": "unknown",
        "evidence": "not asked yet",
        "instruction": "",
    }
    desk.send_all()
    desk.verify()
    status = load_status(1, begin=desk.house.begin).as_dict()
    assert status["readiness"] == "ready"
    assert status["instances"]["confirmed"] == 8
    assert status["ready_at"] == START.isoformat()
    assert [case["accession"] for case in status["cases"]] == [f"{SET}101", f"{SET}102"]
    assert {(case["complete"], case["findable"], case["near"]) for case in status["cases"]} == {
        ("proven", "as named", "online")
    }


def test_loads_are_found_by_set_and_pacs(desk):
    with pytest.raises(NotFound, match="never loaded"):
        find_load(SET, PACS, begin=desk.house.begin)
    desk.start()
    assert find_load(SET, PACS, begin=desk.house.begin).load_id == 1
    assert [s.load.load_id for s in load_statuses(begin=desk.house.begin)] == [1]
    assert load_statuses(begin=desk.house.begin, set_name="PERFORMS999") == []
    with pytest.raises(NotFound):
        find_load(SET, "elsewhere", begin=desk.house.begin)


# Mails


@dataclass
class FakeMailer:
    error: Exception | None = None
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(message)


MAIL = Message("a-key", "r1@hospital.example", "subject", "body")


def state_of(house: House) -> tuple[str, str]:
    with house.begin() as uow:
        line = uow.mails.find(MAIL.key)
    assert line is not None
    return line.state, line.reason


@pytest.fixture
def mailed(house: House) -> House:
    with house.begin() as uow:
        assert queue_mail(uow, MAIL, START)
        assert not queue_mail(uow, MAIL, START)
    return house


def test_a_mail_is_queued_once_a_key_and_delivered_once(mailed):
    mailer = FakeMailer()
    for _ in range(2):
        deliver_mail(MAIL.key, begin=mailed.begin, mailer=mailer, now=mailed.now)
    assert mailer.sent == [MAIL]
    assert state_of(mailed) == ("sent", "")
    assert mailed.queued.named("mail") == [(MAIL.key,)]


def test_a_mail_waits_while_the_server_is_away(mailed):
    with pytest.raises(MailUnavailable):
        deliver_mail(
            MAIL.key, begin=mailed.begin, mailer=FakeMailer(MailUnavailable()), now=mailed.now
        )
    assert state_of(mailed) == ("waiting", "")


@pytest.mark.parametrize("mailer", [None, FakeMailer(GiveUp("never"))])
def test_a_mail_that_cannot_be_sent_is_parked_with_the_reason(mailed, mailer):
    deliver_mail(MAIL.key, begin=mailed.begin, mailer=mailer, now=mailed.now)
    state, reason = state_of(mailed)
    assert state == "parked"
    assert reason
    deliver_mail("no such key", begin=mailed.begin, mailer=None, now=mailed.now)


# With a real PACS


def test_a_whole_load_against_orthanc(tmp_path, house):
    passport = a_passport(None, 3)
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        with house.begin() as uow:
            uow.case_sets.add(passport)
            uow.pacs.put(replace(a_pacs(orthanc.dicom_port), name=PACS), START)
        desk = Desk(house, DimsePeer(), passport)
        people(desk)
        desk.start()
        desk.send_all()
        assert desk.verify().readiness is Readiness.READY
        assert released(desk)
        (study,) = orthanc.find("Study", AccessionNumber=f"{SET}102")
        orthanc.delete(f"/studies/{study['ID']}")
        house.pass_time(5000)
        desk.verify()
        sweep = desk.verify()
        assert sweep.readiness is Readiness.INCOMPLETE
        assert len(sweep.missing) == 4
        reopen_missing(1, sweep.missing, begin=house.begin, now=house.now)
        desk.send_all()
        assert desk.verify().readiness is Readiness.READY
    assert desk.verify().unanswered == 3
