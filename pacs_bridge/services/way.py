"""How a reader reads: in their PACS or on our page, as far as the PACS keeps readers apart.

What a page, a mail or a list of cases tells a reader about this is told here, and only here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.isolation import SHARED, Standing
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.turns import TurnState, current_turn
from pacs_bridge.services.isolation import isolation_of


@dataclass(frozen=True)
class Way:
    """How one reader reads one set now.

    Parameters
    ----------
    way : str
        ``native``, ``sheet`` or ``laptop``; ``wait`` for who does not read in the PACS now.
    words : str
        The same in plain words, with what to search for.
    mode : Isolation
        What the PACS is trusted with.
    waits : bool
        Whether another reader reads there first.
    """

    way: str
    words: str
    mode: Isolation
    waits: bool = False


def pacs_of(uow: UnitOfWork, enrolment: Enrolment) -> Pacs | None:
    """Give the PACS at which somebody reads; None where the site has none here."""
    name = next((site.pacs for site in uow.sites.all() if site.name == enrolment.site), "")
    return uow.pacs.find(name) if name else None


def way_of(uow: UnitOfWork, enrolment: Enrolment, now: datetime) -> Way:
    """Tell how a reader reads, in the caller's transaction."""
    pacs = pacs_of(uow, enrolment)
    if pacs is None:
        return Way(enrolment.way, "", Isolation.SHEET)
    standing = isolation_of(uow, pacs, now)
    mode = standing.effective
    if enrolment.way == "laptop":
        return Way("laptop", "On the scheme's own workstation.", mode)
    if mode is Isolation.SHEET:
        return Way("sheet", f"On this page: {_why_sheet(standing)}", mode)
    if enrolment.way == "sheet":
        return Way("sheet", _YOURS, mode)
    if mode is Isolation.COPIES:
        return _on_a_copy(uow, enrolment)
    if mode is Isolation.SEQUENTIAL:
        return _in_turn(uow, enrolment, pacs.name)
    return Way(
        "native",
        f"In your PACS: search {enrolment.set_name}. Your viewer shows you no other reader's "
        "marks.",
        mode,
    )


_YOURS = (
    "On this page: marks that you save in your viewer cannot be taken for yours. Save nothing in "
    "the PACS."
)


def _why_sheet(standing: Standing) -> str:
    if standing.claimed is Isolation.SHEET:
        return "your hospital reads without saving marks in its PACS."
    if standing.why == SHARED:
        return "readers at your hospital share a log-in, so your PACS cannot keep marks apart."
    return "your PACS is not yet proven to hide other readers' marks."


def _on_a_copy(uow: UnitOfWork, enrolment: Enrolment) -> Way:
    passport = uow.case_sets.find(enrolment.set_name, enrolment.copy) if enrolment.copy else None
    if passport is None or not passport.cases:
        return Way(
            "sheet",
            "On this page: your own copy of the cases is not in your PACS yet.",
            Isolation.COPIES,
        )
    example = passport.cases[-1].accession
    return Way(
        "native",
        f"In your PACS, in your own copy: its numbers end in {enrolment.copy:02d}; search "
        f"{example} for the last case. Open no other copy.",
        Isolation.COPIES,
    )


def _in_turn(uow: UnitOfWork, enrolment: Enrolment, pacs: str) -> Way:
    turns = uow.reading_turns.at(enrolment.set_name, pacs)
    turn, mode = current_turn(turns), Isolation.SEQUENTIAL
    if turn is not None and turn.reader == enrolment.reader and turn.state is TurnState.READING:
        return Way(
            "native",
            f"In your PACS: search {enrolment.set_name}. It is your turn since "
            f"{turn.since:%d %B, %H:%M} (UTC); say below when you have finished.",
            mode,
        )
    mine = [each for each in turns if each.reader == enrolment.reader]
    if mine:
        return Way(
            "wait",
            "Your turn in the PACS is over. What reached us stands here; open these "
            "cases there no more.",
            mode,
        )
    since = "" if turn is None else f" since {turn.since:%d %B, %H:%M} (UTC)"
    return Way(
        "wait",
        f"Not yet: another reader is reading in your PACS{since}. Do not open these cases there; "
        "we write to you when it is your turn.",
        mode,
        waits=True,
    )
