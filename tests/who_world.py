"""Two readers at one PACS, their viewers, and the services that find out whose what is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from pacs_bridge.db.repositories.claims import Claims
from pacs_bridge.domain.handshake import VIEWS, Counts
from pacs_bridge.domain.marks import Mark, Observer, ReadObject
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Role, Round, Site
from pacs_bridge.services import claim_decisions, claims, handshake, reading_sessions
from pacs_bridge.services.extract import extract_object
from tests.builders import a_mark, a_passport, a_read_object, a_received_object, both_decided
from tests.databases import TestDatabase
from tests.isolation import put_proven
from tests.reading_world import PathArchive

SET, SETTLE = "PERFORMS121", 60.0
PRACTICE, CASE = f"{SET}001", f"{SET}101"


def seed(database: TestDatabase, readers: Iterable[str] = ("R001", "R002"), **site: Any) -> None:
    """Put a set, a hospital and its readers into a database."""
    opened = database.clock()
    with database.begin() as uow:
        uow.case_sets.add(a_passport(1, 101, 102))
        pacs = Pacs("hospital", (Endpoint("HOSPITAL", "127.0.0.1", 104, ()),))
        put_proven(uow, pacs, opened)
        uow.sites.put(Site("north", "hospital"))
        uow.rounds.put(Round(SET, opened - timedelta(days=1), opened + timedelta(days=30)))
        for code in readers:
            uow.readers.add(code, opened)
            uow.enrolments.put(Enrolment(SET, code, "north", consent=True, **site))
            uow.enrolments.release(SET, code, opened)
            uow.accounts.put(
                f"{code.lower()}@north.example", "x", [Role.READER], opened, reader=code
            )


class WhoWorld:
    """The services over a seeded database; whatever is queued for looking into is done at once."""

    def __init__(self, database: TestDatabase) -> None:
        self.begin, self.jobs, self.clock = database.begin, database.jobs, database.clock
        self.reads: dict[str, ReadObject] = {}
        self.numbers = count(1)
        self._done = 0

    # Viewers --------------------------------------------------------------------------------

    def save(self, read: ReadObject, *, accession: str = CASE, **changes: Any) -> str:
        """Let an object arrive; gives its SOP Instance UID."""
        uid = f"1.2.3.{next(self.numbers)}"
        self.reads[uid] = replace(read, sop_instance_uid=uid)
        with self.begin() as uow:
            given = {"received_at": self.clock(), "accession": accession} | changes
            uow.objects.add(a_received_object(uid, **given))
        self._extract(uid)
        self.run_jobs()
        return uid

    def mark(self, login: str | None = None, number: int = 101, **changes: Any) -> str:
        """Let a reader draw on a test case under a log-in."""
        observer = changes.pop("observer", None) or an_observer(login)
        mark = a_mark(image=f"1.2.{number}.4.1", points=((float(next(self.numbers)), 9.0),))
        read = a_read_object(
            observer=observer, marks=(mark,), breasts=both_decided(),
            referenced_images=(f"1.2.{number}.4.1",), referenced_studies=(f"1.2.{number}.1",),
        )  # fmt: skip
        return self.save(read, accession=f"{SET}{number:03d}", **changes)

    def draw(self, counts: Counts, login: str | None = None, **changes: Any) -> str:
        """Let a reader draw so many marks on the views of the practice case."""
        observer = changes.pop("observer", None) or an_observer(login)
        read = a_read_object(
            observer=observer, marks=tuple(self.drawing(counts)), breasts=(),
            referenced_images=("1.2.1.4.1",), referenced_studies=("1.2.1.1",),
        )  # fmt: skip
        return self.save(read, accession=PRACTICE, **changes)

    def drawing(self, counts: Counts) -> Iterable[Mark]:
        """Marks so many a view, each at a place of its own."""
        for view, wanted in enumerate(counts):
            for _ in range(wanted):
                x = float(next(self.numbers) * 3 % 400)
                y = float(next(self.numbers) * 3 % 500)
                yield Mark(f"1.2.1.4.{view + 1}", None, "POINT", ((x, y),), (x, y))

    def run_jobs(self) -> None:
        """Look into whatever was queued for that."""
        while self._done < len(self.jobs.jobs):
            job, args = self.jobs.jobs[self._done]
            self._done += 1
            if job == "extract":
                self._extract(*args)

    def _extract(self, uid: str) -> None:
        extract_object(
            uid, begin=self.begin, archive=PathArchive(),  # type: ignore[arg-type]
            read_file=lambda _: self.reads[uid], now=self.clock, settle=SETTLE,
        )  # fmt: skip

    # Readers --------------------------------------------------------------------------------

    def ask(self, reader: str = "R001", code: Counts | None = None) -> handshake.HandshakeNow:
        """Ask for a handshake; its code is the given one, else the first free."""
        made = handshake.issue_handshake(
            SET, reader, begin=self.begin, now=self.clock,
            choose=lambda free: code if code in free else free[0],
        )  # fmt: skip
        self.run_jobs()
        return made

    def stands(self, reader: str = "R001") -> handshake.HandshakeNow:
        """How a handshake stands."""
        return handshake.show_handshake(SET, reader, begin=self.begin, now=self.clock)

    def claimable(self, reader: str = "R001") -> claims.Claimable:
        """What a reader is asked about."""
        return claims.claimable(reader, SET, begin=self.begin, now=self.clock)

    def asked(self, reader: str = "R001") -> list[str]:
        """The objects that a reader is asked about."""
        return [w.object_uid for group in self.claimable(reader).groups for w in group.objects]

    def claim(self, *uids: str, reader: str = "R001") -> int:
        """Let a reader claim objects."""
        done = claims.claim_objects(reader, SET, uids, **self._ports())
        self.run_jobs()
        return done

    def none_of(self, *uids: str, reader: str = "R001") -> int:
        """Let a reader say that objects are not theirs."""
        return claims.none_of_these(reader, SET, uids, begin=self.begin, now=self.clock)

    def dispute(self, uid: str, reader: str = "R002") -> None:
        """Let a reader dispute a claim."""
        claims.dispute_claim(reader, SET, uid, **self._ports())
        self.run_jobs()

    def decide(self, uid: str, reader: str | None, because: str = "Asked both.") -> None:
        """Let an administrator say whose an object is."""
        claim_decisions.decide_claim(uid, reader, because=because, **self._ports())
        self.run_jobs()

    def open_session(self, reader: str = "R001", at: str = "WS1") -> None:
        """Let a reader say where they read."""
        reading_sessions.open_session(reader, SET, at, begin=self.begin, now=self.clock)

    def silence(self, reader: str = "R001") -> str:
        """What a reader is told of a silence."""
        return reading_sessions.silence_of(reader, SET, begin=self.begin, now=self.clock)

    # What stands ------------------------------------------------------------------------------

    def owner(self, uid: str) -> str | None:
        """Whose an object is."""
        with self.begin() as uow:
            found = uow.objects.find(uid)
        assert found is not None
        return found.reader

    def reason(self, uid: str) -> str:
        """Why an object waits."""
        with self.begin() as uow:
            found = uow.objects.find(uid)
        assert found is not None
        return found.reason

    def in_reading(self, reader: str, number: int = 101) -> list[str]:
        """The objects of a reader's reading."""
        uid = f"{SET}{number:03d}-{reader}"
        with self.begin() as uow:
            return [read.sop_instance_uid for read in uow.marks.of_reading(uid)]

    def way(self, reader: str = "R001") -> str:
        """How a reader reads."""
        with self.begin() as uow:
            enrolment = uow.enrolments.find(SET, reader)
        assert enrolment is not None
        return enrolment.way

    def aliases(self) -> dict[str, tuple[str, bool]]:
        """The log-ins known at the hospital."""
        with self.begin() as uow:
            return uow.readers.aliases("hospital")

    def events(self, kind: str) -> list[Any]:
        """What happened of one kind."""
        with self.begin() as uow:
            return uow.events.newest(kind=kind)

    def _ports(self) -> dict[str, Any]:
        return {"begin": self.begin, "now": self.clock, "settle": SETTLE}


def an_observer(login: str | None, station: str = "", **evidence: str) -> Observer:
    """Who made a presentation state, as its head says."""
    said = {"ContentCreatorName": login} if login else {}
    said |= {"StationName": station} if station else {}
    return Observer(login, login, None, evidence=said | evidence)


__all__ = ["CASE", "PRACTICE", "SET", "VIEWS", "Claims", "WhoWorld", "an_observer", "seed"]
