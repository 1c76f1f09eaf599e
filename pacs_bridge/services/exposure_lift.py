"""Lifting the flag of a reading that was flagged wrongly: a statement of staff, with the reason.

The statement names what the flag was for. What comes later flags anew, and so does what it names
once it is known better whose that is. A reading that was closed goes out again without the flag, so
that results and figures follow.

References
----------
DESIGN.md 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.exposure import Exposure, Lift, Maker
from pacs_bridge.domain.identifiers import CaseName, SetName, parse_name
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.exposure import send_anew
from pacs_bridge.services.exposure_judge import find_led, look_beside, master_of
from pacs_bridge.services.isolation import newest_load

LONGEST = 300


@dataclass(frozen=True)
class ExposedNow:
    """The flagged readings of a set at a PACS, and what staff have lifted."""

    pacs: str
    set_name: str
    exposed: tuple[Exposure, ...]
    lifted: tuple[Lift, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "pacs": self.pacs,
            "set": self.set_name,
            "exposed": [
                {
                    "reading": each.reading_uid,
                    "case": each.accession,
                    "reader": each.reader,
                    "at": each.at.isoformat(),
                    "objects": list(each.objects),
                    "words": each.words,
                }
                for each in self.exposed
            ],
            "lifted": [
                {
                    "reading": each.reading_uid,
                    "at": each.at.isoformat(),
                    "because": each.because,
                    "by": each.account_id,
                    "flagged_at": each.flagged_at.isoformat(),
                    "objects": sorted(each.objects),
                }
                for each in self.lifted
            ],
        }


def list_exposed(pacs: str, *, begin: Begin, set_name: str = "") -> ExposedNow:
    """List the flagged readings of a set at a PACS; of the newest there unless told.

    Raises
    ------
    NotFound
        When there is no such PACS.
    """
    name = parse_name(pacs)
    wanted = str(SetName.parse(set_name)) if set_name else ""
    with begin() as uow:
        uow.pacs.get(name)
        load = None if wanted else newest_load(uow, name)
        return _listed(uow, name, wanted or ("" if load is None else load.set_name))


def lift_exposure(
    pacs: str,
    reading_uid: str,
    because: str,
    *,
    begin: Begin,
    now: Clock,
    account_id: int | None = None,
) -> ExposedNow:
    """State that a reading was flagged wrongly, and have it counted; again changes nothing.

    Parameters
    ----------
    pacs : str
        Where it was flagged.
    because : str
        Why; kept with the statement.

    Raises
    ------
    RefusedInput
        When no reason is given.
    NotFound
        When no such reading was flagged at that PACS.
    """
    reason = " ".join(because.split())
    if not reason or len(reason) > LONGEST or not reason.isprintable():
        raise RefusedInput(f"Say in at most {LONGEST} characters why the flag is wrong.")
    name, moment = parse_name(pacs), now()
    with begin() as uow:
        flag = uow.exposures.find(reading_uid)
        before = uow.exposures.lifts_of(reading_uid)
        if flag is not None and flag.pacs == name:
            objects = _objects_of(uow, flag, moment)
            lift = Lift(reading_uid, moment, reason, flag.at, flag.words, objects, account_id)
            number = uow.exposures.lift(lift)
            uow.events.add(
                moment,
                "exposure-lifted",
                reading_uid,
                pacs=name,
                set=flag.set_name,
                by=account_id or "",
                objects=len(objects),
            )
            send_anew(uow, reading_uid, f"lifted-{number}")
            return _listed(uow, name, flag.set_name)
        if flag is not None or not before:
            raise NotFound(
                f"{reading_uid} is not marked as exposed at {name}; "
                f"`pacs exposed {name}` lists which readings are."
            )
        return _listed(uow, name, str(CaseName.parse(reading_uid.split("-")[0]).set_name))


def _objects_of(uow: UnitOfWork, flag: Exposure, moment: datetime) -> dict[str, str]:
    """Name all that the flag is for now, with who made it as far as that is known."""
    objects = dict.fromkeys(flag.objects, Maker.NOBODY.value)
    known = uow.pacs.find(flag.pacs)
    passports = [
        uow.case_sets.find(flag.set_name, load.copy)
        for load in uow.loads.all()
        if load.pacs == flag.pacs and load.set_name == flag.set_name
    ]
    cases = [
        case
        for passport in passports
        if passport is not None
        for case in passport.cases
        if str(master_of(case.accession)) == flag.accession
    ]
    if known is None or not cases:
        return objects
    beside = look_beside(uow, known, flag.set_name, cases, moment)
    for each in beside.sightings:
        if each.sop_instance_uid in objects:
            objects[each.sop_instance_uid] = beside.maker_of(each, flag.reader).value
    for led in find_led(uow, beside, only=flag.reader):
        objects |= {each.sop_instance_uid: maker.value for maker, each in led.found}
    return objects


def _listed(uow: UnitOfWork, pacs: str, set_name: str) -> ExposedNow:
    flagged = uow.exposures.of_set(set_name).values() if set_name else ()
    lifted = uow.exposures.lifts_of_set(set_name, pacs) if set_name else []
    return ExposedNow(
        pacs, set_name, tuple(each for each in flagged if each.pacs == pacs), tuple(lifted)
    )
