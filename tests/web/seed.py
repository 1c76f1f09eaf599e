"""A small scheme in a real database, for looking at pages.

Two hospitals: *northfield* has a ready load and three readers at different points;
*southmere* has one that is partly there. Nothing here is about a real person or place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy.orm import sessionmaker

from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.migrate import migrate
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.caseset import Case, Instance, Passport, Series, Study
from pacs_bridge.domain.conflicts import Clash, Conflict, word_conflict
from pacs_bridge.domain.found import FoundImage
from pacs_bridge.domain.identifiers import PERFORMS
from pacs_bridge.domain.loading import (
    CaseVerdict,
    Completeness,
    Findable,
    InstanceState,
    Near,
    Readiness,
)
from pacs_bridge.domain.marks import BreastDecision, Mark, ReadObject
from pacs_bridge.domain.objects import (
    Association,
    AssociationOutcome,
    Caller,
    ReceivedObject,
    Refusal,
)
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Role, Round, Site
from pacs_bridge.domain.ports import Message
from pacs_bridge.domain.reading import Reading
from pacs_bridge.domain.sentences import NEEDS_CONTACT, KnownAs, about, word_absent, word_partial
from pacs_bridge.services.folded import reading_uid_of
from tests.databases import ON_POSTGRESQL
from tests.isolation import put_proven
from tests.web.summaries import a_summary

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SET = "PERFORMS121"
WORD = "K7QD"  # printed on practice case 001
DATABASE = "web.sqlite"
PASSWORD = "correct-horse-battery"
PEOPLE = {
    "admin": "admin@office.example",
    "contact": "pacs@northfield.example",
    "contact2": "pacs@southmere.example",
    "done": "reader-done@northfield.example",
    "midway": "reader-midway@northfield.example",
    "fresh": "reader-fresh@southmere.example",
    "nobody": "reader-idle@southmere.example",
}
_HASH: list[str] = []


@dataclass
class RecordingQueue:
    """Stands for the job queue: keeps what would have been queued."""

    jobs: list[tuple[Any, ...]] = field(default_factory=list)

    def __call__(
        self,
        transaction: Any,
        job: str,
        *args: Any,
        key: str | None = None,
        partition: str | None = None,
        delay: float = 0.0,
    ) -> None:
        self.jobs.append((job, *args))


@dataclass
class Scheme:
    """A database on disk with people in it, and the clock that its pages go by."""

    url: str
    queue: RecordingQueue
    clock: list[datetime]
    begin: Callable[[], UnitOfWork]
    loads: dict[str, int] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.clock[0]

    def pass_time(self, **by: float) -> None:
        self.clock[0] += timedelta(**by)


def an_empty_scheme(folder: Path) -> Scheme:
    """Tables and nobody in them."""
    scheme = open_scheme(folder)
    engine = make_engine(scheme.url)
    migrate(engine)
    engine.dispose()
    return scheme


def open_scheme(folder: Path) -> Scheme:
    """A scheme whose database lies in a folder."""
    url, forget = f"sqlite:///{folder / DATABASE}", _keep
    if ON_POSTGRESQL:
        url, forget = _on_postgresql(folder / DATABASE)
    engine, queue = make_engine(url), RecordingQueue()
    begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), queue)

    def close() -> None:
        engine.dispose()
        forget()

    return Scheme(url, queue, [NOW], begin, close=close)


def _on_postgresql(place: Path) -> tuple[str, Callable[[], None]]:
    """Make a database: a copy of the one whose address a file says, which says the copy's then.

    Gives also what takes a copy away again; what copies are made of is kept.
    """
    from tests.postgres import cluster

    is_copy = place.exists()
    url = cluster().copied(place.read_text()) if is_copy else cluster().empty()
    place.write_text(url)
    return url, partial(cluster().drop, url) if is_copy else _keep


def _keep() -> None:
    """Leave a database where it is: a file goes with its folder."""


def a_scheme(folder: Path) -> Scheme:
    """The scheme of the module's description."""
    scheme = an_empty_scheme(folder)
    with scheme.begin() as uow:
        _places(uow)
        _people(uow)
        scheme.loads = _loads(uow)
        _readings(uow)
        _traffic(uow)
    return scheme


def an_account(scheme: Scheme, email: str, *roles: Role, **more: Any) -> None:
    """Add one more account with the common password."""
    with scheme.begin() as uow:
        uow.accounts.put(email, _password_hash(), roles, NOW, **more)


def a_passport(title: str = "SA12 part 1") -> Passport:
    """A full set: 4 practice and 60 test cases of four images."""
    return Passport(SET, title, "PERFORMS", NOW, tuple(map(_case, PERFORMS.numbers())))


def _case(number: int) -> Case:
    root = f"2.25.{number}"
    views = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
    images = tuple(
        Instance(
            f"{root}.{place}", "1.2.840.10008.5.1.4.1.1.1.2", place, 2294, 1914, 1, side, view,
            "1.2.840.10008.1.2.1", "0" * 64, "0" * 64, 8_782_000,
        )
        for place, (side, view) in enumerate(views, 1)
    )  # fmt: skip
    series = Series(f"{root}.9.1", 1, "MG", images)
    study = Study(f"{root}.9", f"S{number}", "20240101", (series,))
    kind = PERFORMS.kind_of(number)
    name = f"{SET}{number:03d}"
    word = WORD if number == 1 else ""
    return Case(name, number, kind, name, f"{SET}^{number:03d}", "19600101", "F", (study,), word)  # type: ignore[arg-type]


def _places(uow: UnitOfWork) -> None:
    for name, host in (("northfield", "10.20.0.5"), ("southmere", "10.30.0.7")):
        endpoint = Endpoint(name.upper(), host, 104, ("store", "query", "calls-from"))
        put_proven(uow, Pacs(name, (endpoint,)), NOW)
        uow.sites.put(Site(f"{name}-unit", name))
    uow.case_sets.add(a_passport())
    uow.rounds.put(Round(SET, NOW - timedelta(days=20), NOW + timedelta(days=40)))


def _people(uow: UnitOfWork) -> None:
    def account(who: str, *roles: Role, reader: str | None = None, site: str = "") -> None:
        if reader:
            uow.readers.add(reader, NOW)
        sites = (f"{site}-unit",) if site else ()
        uow.accounts.put(PEOPLE[who], _password_hash(), roles, NOW, reader=reader, sites=sites)

    account("admin", Role.ADMIN)
    account("contact", Role.CONTACT, site="northfield")
    account("contact2", Role.CONTACT, site="southmere")
    for who, code in (("done", "R101"), ("midway", "R102"), ("fresh", "R201"), ("nobody", "R299")):
        account(who, Role.READER, reader=code)
    uow.enrolments.put(Enrolment(SET, "R101", "northfield-unit", consent=True))
    uow.enrolments.put(Enrolment(SET, "R102", "northfield-unit", consent=True))
    uow.enrolments.put(Enrolment(SET, "R201", "southmere-unit", consent=True))
    for code in ("R101", "R102"):
        uow.enrolments.release(SET, code, NOW - timedelta(days=18))


def _loads(uow: UnitOfWork) -> dict[str, int]:
    passport = a_passport()
    found: dict[str, int] = {}
    for pacs in ("northfield", "southmere"):
        load = uow.loads.plan(passport, pacs, NOW - timedelta(days=19))
        found[pacs] = load.load_id
    _ready(uow, found["northfield"], passport)
    _partial(uow, found["southmere"], passport)
    return found


def _ready(uow: UnitOfWork, load_id: int, passport: Passport) -> None:
    for _, _, _, image in passport.instances():
        uow.loads.settle(
            load_id, image.sop_instance_uid, InstanceState.STORED, NOW - timedelta(days=18, hours=2)
        )
    verdicts = [_verdict(case.accession) for case in passport.cases]
    uow.loads.keep_sweep(load_id, verdicts, Readiness.READY, 0, NOW - timedelta(days=18))


def _partial(uow: UnitOfWork, load_id: int, passport: Passport) -> None:
    cases = {case.number: about(case, known=KnownAs()) for case in passport.cases}
    study = cases[117].study
    (first, *_) = study.instances()
    size = FoundImage(first.sop_instance_uid, first.sop_class_uid, 16, 12)
    smaller = Conflict(Clash.SIZE, study, size, first)
    trouble = {
        1: (Completeness.PARTIAL, "3 of 4 images found by UID", word_partial(cases[1], 3)),
        103: (Completeness.MISSING, "0 of 4 images found by UID", word_absent(cases[103])),
        117: (
            Completeness.CONFLICT,
            f"4 of 4 images found by UID; {smaller.evidence}",
            word_conflict(smaller, cases[117]),
        ),
    }
    for place, (_, _, _, image) in enumerate(passport.instances()):
        failed = place in (3, 24, 25)
        uow.loads.settle(
            load_id,
            image.sop_instance_uid,
            InstanceState.FAILED if failed else InstanceState.STORED,
            NOW - timedelta(hours=2),
            status=0xA700 if failed else 0,
            comment="out of storage" if failed else "",
        )
    verdicts = [
        _verdict(case.accession, *trouble[case.number])
        if case.number in trouble
        else _verdict(case.accession)
        for case in passport.cases
    ]
    uow.loads.keep_sweep(load_id, verdicts, Readiness.INCOMPLETE, 0, NOW - timedelta(minutes=40))
    uow.loads.set_readiness(
        load_id,
        Readiness.INCOMPLETE,
        note=NEEDS_CONTACT,
    )


def _verdict(
    accession: str,
    complete: Completeness = Completeness.PROVEN,
    evidence: str = "4 of 4 images found by UID",
    instruction: str = "",
) -> CaseVerdict:
    there = complete is not Completeness.MISSING
    return CaseVerdict(
        accession,
        complete,
        Findable.AS_NAMED if there else Findable.NOT_BY_NAME,
        Near.ONLINE if there else Near.UNKNOWN,
        evidence,
        instruction,
        4,
        4,
    )


def _readings(uow: UnitOfWork) -> None:
    for place, number in enumerate(PERFORMS.numbers()):
        a_reading(uow, "R101", number, NOW - timedelta(days=10, minutes=-place))
    uow.summaries.put(
        SET,
        "R101",
        uow.summaries.ask(SET, "R101"),
        a_summary(SET, "R101"),
        NOW - timedelta(days=10),
    )
    for place, number in enumerate([1, 2, *range(101, 113)]):
        a_reading(uow, "R102", number, NOW - timedelta(hours=3, minutes=-place))
    a_reading(uow, "R102", 113, NOW - timedelta(minutes=1), closed=False)
    uow.summaries.put(
        SET, "R102", uow.summaries.ask(SET, "R102"), a_summary(SET, "R102", readings=12), NOW
    )


def a_reading(
    uow: UnitOfWork, reader: str, number: int, at: datetime, *, closed: bool = True
) -> None:
    """One reading with one mark, as far as it goes."""
    accession = f"{SET}{number:03d}"
    uid = f"2.25.7.{number}.{reader[1:]}"
    recall = number % 3 == 0
    mark = Mark(
        f"2.25.{number}.1", None, "POINT", ((900.0, 700.0),), (900.0, 700.0), rating=4,
        laterality="R", view="CC",
    )  # fmt: skip
    breasts = [BreastDecision("R", "RECALL" if recall else "RTS", 4 if recall else 1)]
    if closed:
        breasts.append(BreastDecision("L", "RTS", None))
    marks = (mark,) if recall else ()
    uow.objects.add(
        ReceivedObject(
            uid, "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.1.2.1", "0" * 64, "0" * 64, 4_210,
            Caller("NORTHFIELD", "PACSBRIDGE", "10.20.0.5", "northfield"), accession, at,
        )
    )  # fmt: skip
    read = ReadObject(
        "1.2.840.10008.5.1.4.1.1.11.1", uid, "presentation-state", marks=marks,
        breasts=tuple(breasts),
    )  # fmt: skip
    reading_uid, kind = reading_uid_of(accession, reader), PERFORMS.kind_of(number)
    uow.objects.set_read(
        uid, kind="presentation-state", reader=reader, observed_at=at, reading_uid=reading_uid
    )
    uow.marks.keep(read, accession=accession, reader=reader)
    uow.readings.touch(
        reading_uid=reading_uid, set_name=SET, accession=accession, kind=kind, reader=reader,
        pacs="northfield", now=at,
    )  # fmt: skip
    if closed:
        reading = Reading(reading_uid, 1, SET, accession, reader, marks, tuple(breasts), (uid,), at)
        uow.readings.close(reading, "kept" if kind == "practice" else "closed", at)
        if kind != "practice":
            uow.readings.set_scored(reading_uid, 1, {"status": "scored"}, at)


def _traffic(uow: UnitOfWork) -> None:
    here = Caller("NORTHFIELD", "PACSBRIDGE", "10.20.0.5", "northfield")
    for place in range(6):
        start = NOW - timedelta(minutes=7 * place + 5)
        ended = start + timedelta(seconds=4 + place)
        outcome = AssociationOutcome.ABORTED if place == 3 else AssociationOutcome.RELEASED
        note = "the caller broke off" if place == 3 else ""
        uow.associations.put(
            Association(f"a{place}", start, here, outcome, ended, place % 3, 0, 1, note)
        )
    uow.associations.put(Association("open", NOW - timedelta(seconds=8), here, stored=2))
    stranger = Caller("OTHERPACS", "PACSBRIDGE", "10.99.1.2")
    uow.associations.put(
        Association(
            "s1", NOW - timedelta(hours=1), stranger, AssociationOutcome.REJECTED,
            NOW - timedelta(hours=1), note="calling AE title or address not registered",
        )
    )  # fmt: skip
    northfield, viewer = uow.pacs.get("northfield"), ("NFVIEWER", "10.20.0.9")
    known = Endpoint(*viewer, 0, ("calls-from",), viewer[1], plain=True)
    uow.pacs.put(replace(northfield, endpoints=(*northfield.endpoints, known)), NOW)
    told = {"ae_title": viewer[0], "address": viewer[1], "by": "1"}
    uow.events.add(NOW - timedelta(hours=2), "pacs-caller-adopted", "northfield", **told)
    uow.refusals.add(
        Refusal(
            NOW - timedelta(minutes=30), here, "1.2.840.10008.5.1.4.1.1.88.11", 18_220, 0x0124,
            "alien", "Not a case of this scheme; its content was discarded unread.", "ab" * 32,
        )
    )  # fmt: skip
    uow.objects.add(
        ReceivedObject(
            "2.25.900", "1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.1.2.1", "1" * 64, "1" * 64,
            2_048, here, f"{SET}104", NOW - timedelta(minutes=20),
        )
    )  # fmt: skip
    uow.objects.park(
        "2.25.900", "The log-in in it belongs to no reader here; add it as an alias.",
        kind="key-object",
    )  # fmt: skip
    uow.mails.add(
        Message("released-R101", PEOPLE["done"], "PERFORMS121 is ready to read", "…"),
        NOW - timedelta(days=18),
    )
    uow.mails.set_sent("released-R101", NOW - timedelta(days=18))


def _password_hash() -> str:
    """Hash the common password once, as cheaply as can be: what it costs is checked elsewhere.

    A hash says itself what it costs, and hundreds of tests sign in with this one.
    """
    if not _HASH:
        cheap = Argon2id(salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=8)
        _HASH.append(cheap.derive_phc_encoded(PASSWORD.encode()))
    return _HASH[0]
