"""Random days of two readers, and an independent account of what may follow from them.

The account knows who drew what where, which objects came, and who claimed what. It does not fold
anything: it says what must hold whatever the services make of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Mark, Observer, ReadObject
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Round
from pacs_bridge.domain.receipts import MarkState, Receipt
from pacs_bridge.services import claims
from pacs_bridge.services.claim_decisions import decide_claim
from pacs_bridge.services.close import close_reading, end_rounds
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.logins import set_logins
from tests.builders import SR, a_mark, a_read_object, a_received_object
from tests.databases import TestDatabase
from tests.due_jobs import Killed, Queue, Unit
from tests.isolation import put_proven
from tests.reading_world import SETTLE, PathArchive, ReadingWorld

LOGINS = {"R001": "jsmith", "R002": "mjones"}
SET = "PERFORMS121"
Place = tuple[float, float]


@dataclass
class Drawn:
    """One object as its author saved it."""

    uid: str
    author: str
    read: ReadObject
    named: bool
    came: Any = None  # when it came to us
    pacs: str = ""
    rejected_by: set[str] = field(default_factory=set)
    owner: str | None = None  # whom an administrator or a claim gave it to

    @property
    def places(self) -> set[Place]:
        """Where it draws."""
        return {mark.centre for mark in self.read.marks}


class Day:
    """One random day; `step` lets one thing happen, `check` says what must hold."""

    def __init__(self, database: TestDatabase, seed: int) -> None:
        self.chance, self.clock = random.Random(seed), database.clock
        self.queue = Queue(self.clock)
        self._open = partial(UnitOfWork, database.begin.args[0], self.queue)  # type: ignore[attr-defined]
        self.world = ReadingWorld(database)
        self.world.begin = self.begin  # type: ignore[assignment]
        with self.begin() as uow:
            pacs = Pacs("other", (Endpoint("OTHER", "127.0.0.2", 104, ()),))
            put_proven(uow, pacs, self.clock())
        self.drawn: dict[str, Drawn] = {}
        self.screen: dict[str, list[Mark]] = {code: [] for code in LOGINS}
        self.last_report: dict[str, str] = {}
        self.dropped: dict[str, set[Place]] = {code: set() for code in LOGINS}
        self.sheet: dict[str, set[Place]] = {code: set() for code in LOGINS}
        self.said: dict[str, set[tuple[str, str]]] = {code: set() for code in LOGINS}
        self.told: list[str] = []
        self.sent = 0
        self.end = self.clock() + timedelta(days=30)
        self.skew = {
            code: timedelta(seconds=self.chance.choice((-4000, 0, 0, 900))) for code in LOGINS
        }

    # What happens ---------------------------------------------------------------------------------

    def step(self) -> None:
        """Let one thing happen."""
        steps: dict[str, Callable[[str], object]] = {
            "save": self.save, "deliver": self.deliver, "again": self.again, "work": self.work_one,
            "claim": self.claim, "give": self.give, "reject": self.reject, "answer": self.answer,
            "decide": self.decide, "normal": self.normal, "place": self.place,
            "logins": self.logins, "wait": self.wait,
        }  # fmt: skip
        often = (*("save", "deliver", "work") * 4, "reject", "wait", "decide")
        what, who = self.chance.choice((*often, *steps)), self.chance.choice(sorted(LOGINS))
        self.told.append(f"{who} {what}")
        steps[what](who)

    def save(self, who: str) -> None:
        """Draw, take away or leave as it is; then save in one of the ways of viewers."""
        x = float(len(self.drawn) * 9 + 10 + 4 * (who == "R002"))
        place = (x, 50.0 + 100 * (who == "R002"))
        marks, style = self.screen[who], self.chance.choice(("delta", "whole", "report", "window"))
        if style != "window":
            marks.append(
                a_mark(points=(place,), centre=place, tracking_uid=f"1.7.{who[1:]}.{x:.0f}")
            )
        if len(marks) > 1 and self.chance.random() < 0.2:
            marks.pop(0)
        uid = f"1.2.3.{len(self.drawn) + 1}"
        named = self.chance.random() < 0.7
        login = LOGINS[who] if named else ""
        held = {"delta": marks[-1:], "whole": marks, "report": marks, "window": []}[style]
        decision = self.chance.choice(("RTS", "RECALL"))
        breasts = (BreastDecision("R", decision), BreastDecision("L", "RTS"))  # type: ignore[arg-type]
        read = a_read_object(
            uid, marks=tuple(held), breasts=() if style in ("window", "delta") else breasts,
            observer=Observer(login or None, login or None, None, evidence={
                "ContentCreatorName": login, "StationName": self.chance.choice(("WS1", "WS2")),
            }),
            observed_at=self.clock() + self.skew[who],
        )  # fmt: skip
        if style == "report":
            before = self.last_report.get(who)
            kept = {"sop_class_uid": SR, "kind": "measurement-report"}
            read = ReadObject(**{**vars(read), **kept, "predecessors": (before,) if before else ()})
            self.last_report[who] = uid
        self.drawn[uid] = Drawn(uid, who, read, named)

    def deliver(self, who: str, pacs: str = "hospital") -> None:
        """Let an object come that is on its way, in whatever order."""
        waiting = [each for each in self.drawn.values() if each.author == who and not each.came]
        if waiting:
            self._arrive(self.chance.choice(waiting), pacs)

    def again(self, who: str) -> None:
        """Let an object come again: from where it came, or from another PACS."""
        here = [each for each in self.drawn.values() if each.author == who]
        if here:
            self._arrive(self.chance.choice(here), self.chance.choice(("hospital", "other")))

    def _arrive(self, one: Drawn, pacs: str) -> None:
        caller = Caller(pacs.upper(), "PACSBRIDGE", "127.0.0.1", pacs)
        with self.begin() as uow:
            received = a_received_object(one.uid, received_at=self.clock(), caller=caller)
            if uow.objects.add(received):
                one.came, one.pacs = self.clock(), pacs
                uow.enqueue("extract", one.uid, key=f"extract-{one.uid}")
            else:
                uow.objects.count_repeat(one.uid)

    def work_one(self, _: str = "") -> None:
        """Do one job that waits, and perhaps go in the middle of it; or do one again."""
        due = self.queue.due()
        if not due:
            return
        each, again = self.chance.choice(due), self.chance.random() < 0.1
        try:
            self._run(*each[1:], begin=self._dying() if self.chance.random() < 0.3 else self.begin)
        except Killed:
            return  # it is there still
        if not again:
            self.queue.jobs.remove(each)

    def begin(self, *, dies: bool = False) -> Any:
        """Open a unit of work."""
        return Unit(self._open(), self.queue, dies=dies)

    def _run(self, job: str, args: tuple[Any, ...], begin: Any) -> None:
        if job == "extract":
            extract_object(
                *args, begin=begin, archive=PathArchive(),  # type: ignore[arg-type]
                read_file=lambda _: self.reads(args[0]), now=self.clock, settle=SETTLE,
            )  # fmt: skip
        elif job == "close":
            before = {each.reading_uid: each for each in self._receipts()}
            behind = timedelta(seconds=self.chance.choice((0, 0, 5)))  # another machine's clock
            now = lambda: self.clock() - behind  # noqa: E731
            close_reading(*args, begin=begin, now=now, settle=SETTLE)
            self._check_sent(before)

    def reads(self, uid: str) -> ReadObject:
        """What is read out of an object."""
        return self.drawn[uid].read if uid in self.drawn else self.notes[uid]

    notes: dict[str, ReadObject]

    def _dying(self) -> Any:
        nth, count = self.chance.choice((1, 2, 3)), [0]

        def begin() -> Any:
            count[0] += 1
            return self.begin(dies=count[0] == nth)

        return begin

    def claim(self, who: str) -> None:
        """Claim what waits and is one's own."""
        found = claims.claimable(who, SET, begin=self.begin, now=self.clock)
        uids = [w.object_uid for group in found.groups for w in group.objects]
        mine = [uid for uid in uids if uid in self.drawn and self.drawn[uid].author == who]
        self._allowed(lambda: claims.claim_objects(who, SET, mine, **self._ports()))

    def give(self, who: str) -> None:
        """Let an administrator say whose an object is, or that it waits again."""
        theirs = [each for each in self.drawn.values() if each.came and each.author == who]
        if theirs:
            one = self.chance.choice(theirs)
            to = self.chance.choice((who, None))
            self._allowed(lambda: decide_claim(one.uid, to, because="asked", **self._ports()))

    def reject(self, who: str) -> None:
        """Let a PACS say that an object was deleted there, come or not."""
        theirs = [each for each in self.drawn.values() if each.author == who]
        if not theirs:
            return
        one, pacs = self.chance.choice(theirs), self.chance.choice(("hospital", "other"))
        uid = f"1.2.9.{len(self.told)}"
        note = a_read_object(
            uid, kind="key-object", marks=(), breasts=(), observer=Observer(), rejects=(one.uid,),
            refused="A rejection note.",
        )  # fmt: skip
        self.notes = {**getattr(self, "notes", {}), uid: note}
        caller = Caller(pacs.upper(), "PACSBRIDGE", "127.0.0.1", pacs)
        with self.begin() as uow:
            uow.objects.add(a_received_object(uid, received_at=self.clock(), caller=caller))
        self._run("extract", (uid,), self.begin)
        if self.clock() < self.end:
            one.rejected_by.add(pacs)

    def answer(self, who: str) -> None:
        """Answer of a mark as the page shows it."""
        marks = [m for m in self.world.receipt(who).marks if m.points]
        if marks:
            mark, said = self.chance.choice(marks), self.chance.choice(("confirm", "drop", "mend"))
            more = {"rating": 2} if said == "mend" else {}
            if self._allowed(lambda: self.world.answer(mark.key, said, who, **more)):
                change = self.dropped[who].add if said == "drop" else self.dropped[who].discard
                change(mark.centre)

    def decide(self, who: str) -> None:
        """Decide a breast on our page."""
        side, decision = self.chance.choice("RL"), self.chance.choice(("RTS", "RECALL"))
        if self._allowed(lambda: self.world.decide(side, decision, who)):
            self.said[who].add((side, decision))

    def normal(self, who: str) -> None:
        """Say that the case is normal."""
        if self._allowed(lambda: self.world.normal(reader=who)):
            self.said[who] |= {("R", "RTS"), ("L", "RTS")}

    def place(self, who: str) -> None:
        """Put a mark on our sheet, at times where one is drawn."""
        marks = self.screen[who]
        place = (float(len(self.told) * 5 % 400), 300.0 + 50 * (who == "R002"))
        place = marks[-1].centre if marks and self.chance.random() < 0.5 else place
        if self._allowed(lambda: self.world.place(who, points=[place])):
            self.sheet[who].add(place)

    def logins(self, _: str) -> None:
        """Let an administrator say what is known of log-ins: all is looked into anew."""
        set_logins("hospital", logins="own", **self._ports())

    def wait(self, _: str) -> None:
        """Let time pass."""
        self.clock.pass_(self.chance.choice((0.2, 1.0, 20.0, 61.0)))

    def finish(self) -> None:
        """Do all that waits, when it is due, until nothing does."""
        for _ in range(400):
            if not self.queue.jobs:
                return
            first = min(self.queue.jobs, key=lambda each: each[0])
            self.clock.pass_(max(0.0, (first[0] - self.clock()).total_seconds()))
            self._run(*first[1:], begin=self.begin)
            self.queue.jobs.remove(first)
        raise AssertionError(f"jobs go on for ever: {self.queue.jobs[:3]}")

    def after_the_end(self, steps: int) -> None:
        """Let the round end, and things happen after it: what went out stays as it is."""
        self.close_round()
        before = self.world.sent()
        for _ in range(steps):
            step = self.chance.choice(
                (self.deliver, self.again, self.reject, self.logins, self.give)
            )
            self.told.append(f"late {step.__name__}")
            step(self.chance.choice(sorted(LOGINS)))
            self.finish()
            end_rounds(begin=self.begin, now=self.clock)
        assert self.world.sent() == before, self.told
        self.check()

    def close_round(self) -> None:
        """Let the round end."""
        with self.begin() as uow:
            opened = uow.rounds.find(SET)
            assert opened is not None
            uow.rounds.put(Round(SET, opened.opens_at, self.clock()))
        self.end = self.clock()
        end_rounds(begin=self.begin, now=self.clock)
        self.sent = len(self.world.sent())

    def _allowed(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except (RefusedInput, NotFound):
            return False
        return True

    def _ports(self) -> dict[str, Any]:
        return {"begin": self.begin, "now": self.clock, "settle": SETTLE}

    # What must hold -------------------------------------------------------------------------------

    def _receipts(self) -> list[Receipt]:
        return [self.world.receipt(code) for code in LOGINS]

    def _owned(self) -> dict[str, list[Drawn]]:
        """What is each reader's now, by the objects' own rows."""
        owned: dict[str, list[Drawn]] = {code: [] for code in LOGINS}
        with self.begin() as uow:
            for one in self.drawn.values():
                kept = uow.objects.find(one.uid) if one.came else None
                if kept is not None and kept.state == "read" and kept.reader:
                    assert kept.reader == one.author, (one.uid, kept.reader)
                    owned[kept.reader].append(one)
        return owned

    def check(self) -> None:
        """Nothing lost, invented, doubled, moved, given to another; nothing gone in silence."""
        for code, mine in self._owned().items():
            receipt = self.world.receipt(code)
            shown = [mark.centre for mark in receipt.marks if mark.shape != "TEXT"]
            in_time = [each for each in mine if each.came < self.end]
            held = {place for each in in_time for place in each.places} | self.sheet[code]
            assert sorted(shown) == sorted(held), (code, sorted(shown), sorted(held), self.told)
            live = [each for each in in_time if each.pacs not in each.rejected_by]
            for mark in receipt.marks:
                if mark.state is MarkState.READ:
                    there = any(mark.centre in each.places for each in live)
                    assert there, ("read though its PACS took it out", code, self.told)
                if mark.state is MarkState.DROPPED:
                    replaced = {uid for each in live for uid in each.read.predecessors}
                    by_report = any(
                        mark.centre in each.places and each.uid in replaced for each in in_time
                    )
                    assert mark.centre in self.dropped[code] or by_report, (code, self.told)

    def _check_sent(self, before: dict[str, Receipt]) -> None:
        """What goes to scoring had no open question, and says only what its reader said."""
        sent = self.world.sent()
        new, self.sent = sent[self.sent :], len(sent)
        for payload in new:
            receipt, code = before[payload["reading"]], payload["reader"]
            asked = [mark for mark in receipt.marks if mark.state is MarkState.ASKED]
            assert not asked, ("scored with a question", self.told)
            assert not receipt.questions, ("scored with a question", self.told)
            counts = (MarkState.READ, MarkState.CONFIRMED, MarkState.MENDED, MarkState.PLACED)
            shown = sorted(mark.centre for mark in receipt.marks if mark.state in counts)
            assert sorted(tuple(mark["centre"]) for mark in payload["marks"]) == shown, self.told
            said = self.said[code] | {
                (breast.laterality, str(breast.decision))
                for each in self.drawn.values()
                if each.author == code and each.came
                for breast in each.read.breasts
            }
            given = {(breast["laterality"], breast["decision"]) for breast in payload["breasts"]}
            assert len(given) == 2, self.told
            assert given <= said, ("decided by nobody", given, self.told)

    def check_settled(self) -> None:
        """What is whole has closed, and nothing else has; what went out last is what stands."""
        last = {payload["reading"]: payload for payload in self.world.sent()}
        for receipt in self._receipts():
            state = self.world.reading(receipt.reader)
            asked = receipt.questions or any(m.state is MarkState.ASKED for m in receipt.marks)
            decided = len([b for b in receipt.breasts if b.decision]) == 2
            is_closed = state is not None and state.state in ("closed", "scored")
            assert is_closed == (decided and not asked), (receipt.reader, state, self.told)
            if is_closed:
                marks = last[receipt.reading_uid]["marks"]
                counts = [m for m in receipt.marks if m.state not in (MarkState.DROPPED,)]
                assert len(marks) == len([m for m in counts if m.shape != "TEXT"]), self.told
