"""One load's desk: the services joined with a house and a PACS that a test tells what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer
from pacs_bridge.domain.loading import Load
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.people import Enrolment, Role, Round, Site
from pacs_bridge.domain.ports import Convert, ImageKey, Message, Sendable, StoreAnswer
from pacs_bridge.services.plan import start_load
from pacs_bridge.services.send import send_next
from pacs_bridge.services.verify import Sweep, verify_load
from tests.loads import MG, START, House, a_house, a_pacs, a_passport

SET, PACS = "PERFORMS121", "hospital"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    """The images of every test of a module: what is archived is never changed."""
    archive = LocalArchive(tmp_path_factory.mktemp("images"))
    a_passport(archive, 3)
    return archive


@pytest.fixture
def house(tmp_path: Path, archive: LocalArchive) -> Iterator[House]:
    with a_house(tmp_path, archive) as house:
        yield house


@pytest.fixture
def desk(house: House) -> Desk:
    """A load of two cases that is not yet planned, into a PACS that takes all."""
    passport = a_passport(None, 2)
    with house.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(a_pacs(104), START)
    return Desk(house, FakePeer(), passport)


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
    asked: list[str] = field(default_factory=list)
    mute: bool = False

    def echo(self, pacs: Pacs) -> None:
        raise NotImplementedError

    def find_images(self, pacs: Pacs, images: Sequence[ImageKey]) -> dict[str, bool | None]:
        self.asked += [each.sop_instance_uid for each in images]
        if self.down or self.mute:
            raise PeerUnavailable(pacs.name, "answer", "it gave no answer")
        return {each.sop_instance_uid: each.sop_instance_uid in self.has for each in images}

    def store(
        self, pacs: Pacs, objects: Iterable[Sendable], *, convert: Convert | None = None
    ) -> Iterator[StoreAnswer]:
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
    options: dict[str, Any] = field(default_factory=dict)

    def start(self) -> Load:
        return start_load(SET, PACS, begin=self.house.begin, now=self.house.now)

    def send(self, limit: int = 16, attempts: int = 3, **options: Any) -> int:
        return send_next(
            1,
            limit,
            begin=self.house.begin,
            peer=self.peer,
            archive=self.house.archive,
            now=self.house.now,
            attempts=attempts,
            **{**self.options, **options},
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
