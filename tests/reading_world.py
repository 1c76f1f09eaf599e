"""A database with a set, a PACS and readers, and the services from an object to a reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.domain.objects import ReadingState
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.domain.receipts import Receipt, ReceiptList
from pacs_bridge.services import answers
from pacs_bridge.services.close import close_reading
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.receipts import list_receipts, show_receipt
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from tests.builders import a_passport, a_received_object
from tests.databases import TestDatabase
from tests.isolation import put_proven

SETTLE = 60.0
CASE = "PERFORMS121101"


class PathArchive:
    """Every object is a path that says its hash."""

    def path(self, content_hash: str) -> Path:
        """Say where it would lie."""
        return Path(content_hash)


class ReadingWorld:
    """Readers R001 (log-in jsmith) and R002 (log-in mjones) of one hospital, both released."""

    def __init__(self, database: TestDatabase, *numbers: int) -> None:
        self.begin, self.jobs, self.clock = database.begin, database.jobs, database.clock
        self.words: dict[str, SiteWords] = {}
        opened = self.clock()
        with self.begin() as uow:
            uow.case_sets.add(a_passport(*(numbers or (1, 101, 102))))
            pacs = Pacs("hospital", (Endpoint("HOSPITAL", "127.0.0.1", 104, ()),))
            put_proven(uow, pacs, opened)
            uow.sites.put(Site("north", "hospital"))
            uow.rounds.put(Round("PERFORMS121", opened, opened + timedelta(days=30)))
            for code, login in (("R001", "jsmith"), ("R002", "mjones")):
                uow.readers.add(code, opened)
                uow.readers.set_alias("hospital", login, code)
                uow.enrolments.put(Enrolment("PERFORMS121", code, "north", consent=True))
                uow.enrolments.release("PERFORMS121", code, opened)

    def take(self, read: ReadObject, **changes: Any) -> str:
        """Let an object arrive and be looked into."""
        uid = read.sop_instance_uid
        with self.begin() as uow:
            uow.objects.add(a_received_object(uid, **({"received_at": self.clock()} | changes)))
        return extract_object(
            uid, begin=self.begin, archive=PathArchive(), read_file=lambda _: read,  # type: ignore[arg-type]
            now=self.clock, settle=SETTLE, words_of=lambda pacs: self.words.get(pacs, NATIONAL),
        )  # fmt: skip

    def settle(self, reader: str = "R001", case: str = CASE) -> str:
        """Let the settle time pass, then close."""
        self.clock.pass_(SETTLE)
        return close_reading(f"{case}-{reader}", begin=self.begin, now=self.clock, settle=SETTLE)

    def reading(self, reader: str = "R001", case: str = CASE) -> ReadingState | None:
        """Look a reading up."""
        with self.begin() as uow:
            return uow.readings.find(f"{case}-{reader}")

    def sent(self) -> list[dict[str, Any]]:
        """The payloads that wait for the scorer, oldest first."""
        with self.begin() as uow:
            return [dict(item.payload) for item in uow.outbox.in_state("waiting")]

    def receipt(self, reader: str = "R001", case: str = CASE) -> Receipt:
        """A reader's receipt of a case."""
        return show_receipt(reader, case, begin=self.begin, now=self.clock)

    def list(self, reader: str = "R001") -> ReceiptList:
        """A reader's list of cases."""
        return list_receipts(reader, "PERFORMS121", begin=self.begin, now=self.clock)

    def answer(
        self, key: str, answer: str, reader: str = "R001", case: str = CASE, **more: Any
    ) -> Receipt:
        """Answer of a mark."""
        return answers.answer_mark(reader, case, key, answer, **self._ports(), **more)

    def place(self, reader: str = "R001", case: str = CASE, **changes: Any) -> Receipt:
        """Put a mark on the sheet."""
        mark = {
            "image": "1.2.101.4.1", "frame": None, "shape": "POINT", "points": [(50.0, 60.0)],
            "rating": 4, "finding": None,
        } | changes  # fmt: skip
        return answers.place_mark(reader, case, **mark, **self._ports())

    def decide(
        self, side: str, decision: str, reader: str = "R001", case: str = CASE, **more: Any
    ) -> Receipt:
        """Decide a breast."""
        return answers.decide_breast(reader, case, side, decision, **self._ports(), **more)

    def normal(self, case: str = CASE, reader: str = "R001", **more: Any) -> Receipt:
        """Say that a case is normal."""
        return answers.declare_normal(reader, case, **self._ports(), **more)

    def rest_normal(self, cases: Sequence[str], reader: str = "R001", **more: Any) -> int:
        """Say that the rest is normal."""
        return answers.declare_rest_normal(reader, "PERFORMS121", cases, **self._ports(), **more)

    def _ports(self) -> dict[str, Any]:
        return {"begin": self.begin, "now": self.clock, "settle": SETTLE}
