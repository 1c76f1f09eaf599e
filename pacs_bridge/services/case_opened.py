"""The moment when our page opens a case to a reader, as the exposure guard sees it.

What is known already is judged at once, so that the page says so itself. The PACS is asked about
this one case by a job: no page waits for it.

References
----------
DESIGN.md 5.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.objects import WAITING
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.exposure import ask_soon, flag_led, note_what_came
from pacs_bridge.services.exposure_judge import find_led, look_beside, windows_of
from pacs_bridge.services.isolation import isolation_of
from pacs_bridge.services.receipts import OwnCase, own_case
from pacs_bridge.services.way import pacs_of

AGAIN = 60
"""Seconds within which a case that is opened again is not asked about again."""

_MOST = 10_000


@dataclass
class CaseOpened:
    """Told of each opening of a case; of what it did lately it remembers little, and only here.

    Parameters
    ----------
    begin, read : Begin
        To write, and to look: most openings write nothing but a question to the PACS.
    """

    begin: Begin
    read: Begin
    now: Clock
    public_url: str = ""
    _lately: OrderedDict[tuple[str, str], int] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, reader: str, accession: str) -> bool:
        """Judge what is known of a case, and have the PACS asked; true where it was flagged now.

        Raises
        ------
        NotFound
            When this reader does not read that case.
        """
        moment = self.now()
        with self.read() as uow:
            own = own_case(uow, reader, accession)
            pacs = _watched(uow, own, moment)
            if pacs is None:
                return False
            led = _is_led(uow, own, pacs, moment)
        flagged = self._flag(own, pacs, moment) if led else False
        if self._is_due(own, moment):
            with self.begin() as uow:
                slot = int(moment.timestamp()) // AGAIN
                why = f"opened-{own.reading_uid}-{slot}"
                ask_soon(uow, pacs.name, own.case.set_name, why, case=own.case.master)
        return flagged

    def _flag(self, own: OwnCase, pacs: Pacs, moment: datetime) -> bool:
        with self.begin() as uow:
            cases, set_name = _cases_of(uow, own), own.case.set_name
            note_what_came(uow, pacs.name, set_name, cases)
            beside = look_beside(uow, pacs, set_name, cases, moment)
            found = find_led(uow, beside, only=own.reader)
            return bool(flag_led(uow, pacs, beside, found, moment, self.public_url))

    def _is_due(self, own: OwnCase, moment: datetime) -> bool:
        key, slot = (own.reader, own.case.master), int(moment.timestamp()) // AGAIN
        with self._lock:
            if self._lately.get(key) == slot:
                return False
            self._lately[key] = slot
            self._lately.move_to_end(key)
            while len(self._lately) > _MOST:
                self._lately.popitem(last=False)
        return True


def _watched(uow: UnitOfWork, own: OwnCase, moment: datetime) -> Pacs | None:
    """Give the PACS at which the reader may look at the case now; None where nothing is to ask."""
    round_, pacs = uow.rounds.find(own.case.set_name), pacs_of(uow, own.enrolment)
    if own.case.kind == "practice" or pacs is None or round_ is None or not round_.is_open(moment):
        return None
    state = uow.readings.find(own.reading_uid)
    if state is not None and state.state not in WAITING:
        return None  # decided; what is said of it later is judged then
    effective = isolation_of(uow, pacs, moment).effective
    return pacs if windows_of(uow, own.enrolment, pacs.name, effective) else None


def _is_led(uow: UnitOfWork, own: OwnCase, pacs: Pacs, moment: datetime) -> bool:
    """Whether what is known flags this reading, and it is not flagged yet."""
    if uow.exposures.find(own.reading_uid) is not None:
        return False
    beside = look_beside(uow, pacs, own.case.set_name, _cases_of(uow, own), moment)
    return bool(beside.sightings) and bool(find_led(uow, beside, only=own.reader))


def _cases_of(uow: UnitOfWork, own: OwnCase) -> list[Case]:
    """The case as it lies in the copy that this reader reads."""
    passport = uow.case_sets.find(own.case.set_name, own.enrolment.copy)
    cases = () if passport is None else passport.cases
    return [case for case in cases if case.number == own.case.number]
