"""Two readers, one PACS, one shared log-in: who may do what, and what each is shown."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.marks import Mark, Observer
from pacs_bridge.domain.pacs import Endpoint, Isolation, Pacs
from pacs_bridge.domain.people import Enrolment, Role, Round, Site
from pacs_bridge.domain.pulling import HeldMark
from pacs_bridge.domain.reader_copies import CopyNaming
from pacs_bridge.domain.retrieving import Asked
from pacs_bridge.services import answers, claim_decisions, claims
from pacs_bridge.services.case_opened import CaseOpened
from pacs_bridge.services.clear_turn import clear_turn
from pacs_bridge.services.close import close_reading
from pacs_bridge.services.exposure import Guarded, watch_exposure
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.release import release_due
from pacs_bridge.services.turns import finish_turn, hand_on
from pacs_bridge.services.way import Way, way_of
from tests.builders import GSPS, a_passport, a_read_object, a_received_object, both_decided
from tests.databases import TestDatabase
from tests.isolation import PacsModel, put_proven
from tests.reading_world import PathArchive

SET, SETTLE, SHARED = "PERFORMS121", 60.0, "breastunit"
READERS = ("R001", "R002")
CASES = (101, 102)


@dataclass
class Saved:
    """One object that a reader saved in the viewer."""

    author: str
    mark: HeldMark
    accession: str
    arrived: bool = False


@dataclass
class Unit:
    """The hospital unit, with the services of an installation over a PACS that is a model."""

    database: TestDatabase
    mode: Isolation
    claims_it: bool = True  # whether the mode is proven
    pacs: PacsModel = field(default_factory=PacsModel)
    saved: list[Saved] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))
    reads: dict[str, Any] = field(default_factory=dict)
    done: int = 0

    def __post_init__(self) -> None:
        self.begin, self.clock = self.database.begin, self.database.clock
        self.opened = CaseOpened(self.begin, self.begin, self.clock)
        copied = self.mode is Isolation.COPIES
        opened = self.clock()
        master = a_passport(1, *CASES)
        passports = {0: master} | ({n: _copy(master, n) for n in (1, 2)} if copied else {})
        self.passports = passports
        with self.begin() as uow:
            endpoint = Endpoint("HOSPITAL", "127.0.0.1", 104, ("store", "query", "calls-from"))
            pacs = Pacs("hospital", (endpoint,), isolation=self.mode)
            uow.pacs.put(pacs, opened)
            if self.claims_it:
                put_proven(uow, pacs, opened, self.mode)
            uow.sites.put(Site("north", "hospital"))
            uow.rounds.put(Round(SET, opened - timedelta(days=1), opened + timedelta(days=30)))
            uow.logins.share("hospital", SHARED, "Everybody there uses it.", opened)
            for number, passport in passports.items():
                uow.case_sets.add(passport)
                load = uow.loads.plan(passport, "hospital", opened)
                uow.loads.set_readiness(load.load_id, Readiness.READY)
                del number
            for nth, code in enumerate(READERS, 1):
                uow.readers.add(code, opened)
                uow.readers.set_alias("hospital", f"own-{code}", code)
                copy = nth if copied else 0
                uow.enrolments.put(Enrolment(SET, code, "north", copy=copy, consent=True))
                uow.accounts.put(f"{code}@north.example", "x", [Role.READER], opened, reader=code)
            uow.accounts.put("it@north.example", "x", [Role.CONTACT], opened, sites=["north"])
        self.work()

    # What happens -----------------------------------------------------------------------------

    def way(self, reader: str) -> Way | None:
        """How a reader reads; None before the release."""
        with self.begin() as uow:
            enrolment = uow.enrolments.find(SET, reader)
            if enrolment is None or enrolment.released_at is None:
                return None
            return way_of(uow, enrolment, self.clock())

    def read(self, reader: str, number: int) -> str:
        """Let a reader read a case as our page says; gives what they did."""
        way = self.way(reader)
        if way is None or way.way == "wait":
            return "nothing"
        if way.way == "sheet":
            self.place(reader, number)
            return "sheet"
        self.save(reader, number)
        return "saved"

    def place(self, reader: str, number: int) -> None:
        """Put a mark on our page."""
        x = float(next(self.numbers) % 400)
        answers.place_mark(
            reader, f"{SET}{number}", image=f"1.2.{number}.4.1", frame=None, shape="POINT",
            points=[(x, 9.0)], rating=4, finding=None, **self._ports(),
        )  # fmt: skip

    def decide_breast(self, reader: str, number: int, side: str) -> None:
        """Decide a breast on our page."""
        answers.decide_breast(reader, f"{SET}{number}", side, "RTS", **self._ports())

    def sent(self) -> list[dict[str, Any]]:
        """The payloads that wait for the scorer, oldest first."""
        with self.begin() as uow:
            return [dict(item.payload) for item in uow.outbox.in_state("waiting")]

    def save(self, reader: str, number: int, copy: int | None = None, login: str = SHARED) -> Saved:
        """Save a mark in the viewer, on the reader's own copy unless told; it is on its way."""
        number_of = self.copy_of(reader) if copy is None else copy
        case = self.case(number, number_of)
        uid = f"1.2.9.{next(self.numbers)}"
        study = case.studies[0]
        held = HeldMark(
            study.study_instance_uid, f"{uid}.7", uid, GSPS, elsewhere=False, modality="PR"
        )
        self.pacs.held.append(held)
        self.saved.append(Saved(reader, held, case.accession))
        image = study.series[0].instances[0].sop_instance_uid
        x = float(next(self.numbers) % 400)
        self.reads[uid] = a_read_object(
            uid, observer=Observer(login, login, None, evidence={"ContentCreatorName": login}),
            marks=(Mark(image, None, "POINT", ((x, 5.0),), (x, 5.0), rating=4),),
            breasts=both_decided(), referenced_images=(image,),
            referenced_studies=(study.study_instance_uid,),
        )  # fmt: skip
        return self.saved[-1]

    def arrive(self, one: Saved) -> None:
        """Let what was saved come to us."""
        uid = one.mark.sop_instance_uid
        with self.begin() as uow:
            received = {"received_at": self.clock(), "accession": one.accession}
            uow.objects.add(a_received_object(uid, **received))
        one.arrived = True
        self._extract(uid)
        self.work()

    def claim_own(self, reader: str) -> None:
        """Let a reader claim what they saved, and nothing else."""
        mine = {each.mark.sop_instance_uid for each in self.saved if each.author == reader}
        with self.begin() as uow:
            enrolment = uow.enrolments.find(SET, reader)
        if enrolment is None or enrolment.released_at is None:
            return
        shown = claims.claimable(reader, SET, begin=self.begin, now=self.clock)
        wanted = [w.object_uid for group in shown.groups for w in group.objects]
        chosen = [uid for uid in wanted if uid in mine]
        if chosen:
            claims.claim_objects(reader, SET, chosen, **self._ports())
        self.work()

    def decide(self, one: Saved, reader: str) -> None:
        """Let an administrator say whose an object is."""
        claim_decisions.decide_claim(
            one.mark.sop_instance_uid, reader, because="Asked both.", **self._ports()
        )
        self.work()

    def finish(self, reader: str) -> None:
        """Let a reader say that they have finished."""
        finish_turn(reader, SET, begin=self.begin, now=self.clock)
        self.work()

    def hand_on(self, to: str = "") -> None:
        """Let the contact hand the turn on, to somebody or to whoever is next."""
        hand_on("hospital", SET, to=to, begin=self.begin, now=self.clock)
        self.work()

    def open_case(self, reader: str, number: int) -> bool:
        """Let our page open a case to a reader; true where its reading was flagged by that."""
        flagged = self.opened(reader, f"{SET}{number:03d}")
        self.work()
        return flagged

    def remove(self, one: Saved) -> None:
        """Let the PACS manager remove an object."""
        self.pacs.held = [each for each in self.pacs.held if each != one.mark]

    def clear(self) -> None:
        """Ask whether the marks of a turn have gone."""
        clear_turn(
            "hospital", SET, begin=self.begin, finder=self.pacs, reject=self.pacs.reject,
            now=self.clock,
        )  # fmt: skip

    def watch(self, case: str = "") -> Guarded:
        """Let the guard look, at one case or all."""
        guarded = watch_exposure(
            "hospital", SET, begin=self.begin, finder=self.pacs, now=self.clock, case=case
        )
        self.work()
        return guarded

    def work(self) -> None:
        """Do what the clock and the jobs do, but asking the PACS, which is a step of its own."""
        release_due(begin=self.begin, now=self.clock)
        while self.done < len(self.database.jobs.jobs):
            job, args = self.database.jobs.jobs[self.done]
            self.done += 1
            if job == "extract":
                self._extract(*args)
            elif job == "close":
                close_reading(*args, begin=self.begin, now=self.clock, settle=0.0)

    def step(self, chance: random.Random) -> str:
        """Let one thing happen."""
        self.clock.pass_(chance.choice((1.0, 30.0, 400.0)))
        reader = chance.choice(READERS)
        waiting = [each for each in self.saved if not each.arrived]
        steps = {
            "read": lambda: self.read(reader, chance.choice(CASES)),
            "arrive": lambda: self.arrive(chance.choice(waiting)) if waiting else None,
            "claim": lambda: self.claim_own(reader),
            "finish": lambda: self.finish(reader),
            "remove": lambda: self._remove_one(chance),
            "clear": self.clear,
            "work": self.work,
        }
        what = chance.choice(("read", "read", "arrive", "arrive", *steps))
        steps[what]()
        return f"{reader} {what}"

    def _remove_one(self, chance: random.Random) -> None:
        """The PACS manager removes what the list of an ended turn names, one by one."""
        with self.begin() as uow:
            ended = [t for t in uow.reading_turns.at(SET, "hospital") if t.ended_at and t.left]
        there = [each for each in self.saved if each.mark in self.pacs.held]
        if ended and there and ended[-1].gone_at is None:
            self.remove(chance.choice(there))

    # What is seen -----------------------------------------------------------------------------

    def shown_to(self, reader: str) -> set[str]:
        """What C-FIND and C-GET give at the workstation of a reader, on the cases they open."""
        way = self.way(reader)
        if way is None or way.way == "wait":
            return set()
        with self.begin() as uow:
            pacs = uow.pacs.get("hospital")
        cases = self.passports[self.copy_of(reader)].cases
        found = set()
        for held in self.pacs.find_marks(pacs, cases, everything=True):
            found |= {each.sop_instance_uid for each in held.marks}
        studies = {study.study_instance_uid for case in cases for study in case.studies}
        for one in self.saved:
            if one.mark.study_instance_uid in studies:
                asked = Asked(
                    one.mark.study_instance_uid, one.mark.series_instance_uid,
                    (one.mark.sop_instance_uid,),
                )  # fmt: skip
                found |= set(self.pacs.get(pacs, asked, lambda _: _Nowhere()).arrived)
        return found

    def leaks(self) -> list[str]:
        """What any reader is shown of another, and what became another's than its author's."""
        author = {each.mark.sop_instance_uid: each.author for each in self.saved}
        found = [
            f"{reader} is shown {uid} of {author[uid]}"
            for reader in READERS
            for uid in sorted(self.shown_to(reader))
            if author[uid] != reader
        ]
        with self.begin() as uow:
            for uid, whose in author.items():
                kept = uow.objects.find(uid)
                if kept is not None and kept.reader not in (None, whose):
                    found.append(f"{uid} of {whose} went to {kept.reader}")
        return found

    def exposed(self) -> dict[str, str]:
        """The flagged readings, and why."""
        with self.begin() as uow:
            return {uid: each.words for uid, each in uow.exposures.of_set(SET).items()}

    def case(self, number: int, copy: int) -> Case:
        """A case as one copy has it."""
        return next(c for c in self.passports[copy].cases if c.number == number)

    def copy_of(self, reader: str) -> int:
        """The copy that a reader reads."""
        return READERS.index(reader) + 1 if self.mode is Isolation.COPIES else 0

    def mails(self, to: str) -> list[Any]:
        """What somebody was written."""
        with self.begin() as uow:
            return [each.message for each in uow.mails.newest() if each.message.to == to]

    def _extract(self, uid: str) -> None:
        extract_object(
            uid, begin=self.begin, archive=PathArchive(),  # type: ignore[arg-type]
            read_file=lambda _: self.reads[uid], now=self.clock, settle=SETTLE,
        )  # fmt: skip

    def _ports(self) -> dict[str, Any]:
        return {"begin": self.begin, "now": self.clock, "settle": SETTLE}


class _Nowhere:
    def write(self, data: memoryview) -> None:
        del data

    def finish(self) -> int:
        return 0

    def abort(self) -> None:
        return None


def _copy(master: Passport, number: int) -> Passport:
    naming = CopyNaming(b"k" * 32, SET, number)
    return replace(master, copy=number, cases=tuple(map(naming.case, master.cases)))


a_unit = partial(Unit)
