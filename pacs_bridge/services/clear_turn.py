"""Between two readers: what the one saved goes, is proven to have gone, and the next is released.

The PACS is asked about every case, for everything beside our images. What could not be asked has
not gone. Where the PACS acts on rejection notes they are sent; else its contact gets the list.

References
----------
DESIGN.md 5, *sequential*; decision record on the isolation of readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.exposure import OURS, Sighting
from pacs_bridge.domain.loading import Load, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.pulling import HeldMark, HeldMarks, MarkFinder
from pacs_bridge.domain.turns import Turn, TurnState, current_turn
from pacs_bridge.services.exposure import note_what_came
from pacs_bridge.services.isolation import acts_on_notes
from pacs_bridge.services.mails import mail_contacts
from pacs_bridge.services.mark_removal import SendNotes, removal_list
from pacs_bridge.services.release import release_readers

Beside = list[tuple[str, HeldMark]]
"""What lies beside our images: by accession number."""


def clear_turn(
    pacs_name: str,
    set_name: str,
    *,
    begin: Begin,
    finder: MarkFinder,
    reject: SendNotes,
    now: Clock,
    public_url: str = "",
) -> Turn | None:
    """Have the marks of a turn that has ended removed, and release the next once they have gone.

    Repeating it is safe: it asks anew, and releases nobody twice.

    Returns
    -------
    Turn or None
        The turn as it stands; None where none has ended.

    Raises
    ------
    NotFound
        When there is no such PACS.
    """
    with begin() as uow:
        turn = current_turn(uow.reading_turns.at(set_name, pacs_name))
        if turn is None or turn.state is not TurnState.CLEARING:
            return None
        pacs = uow.pacs.get(pacs_name)
        asked = replace(pacs, profile=uow.profiles.get(pacs_name))
        cases = uow.case_sets.get(set_name, turn.copy).cases
        removes = acts_on_notes(uow, pacs_name)
    held = list(finder.find_marks(asked, cases, everything=True))
    beside = seen = _beside(cases, held)
    if removes and beside:
        _reject(asked, turn, cases, beside, reject, begin, now)
        held = list(finder.find_marks(asked, cases, everything=True))
        beside = _beside(cases, held)
    return _settle(turn, cases, held, beside, seen, begin, now(), public_url)


def _beside(cases: Sequence[Case], held: Sequence[HeldMarks]) -> Beside:
    found: Beside = []
    for case, answer in zip(cases, held, strict=True):
        images = {image.sop_instance_uid for image in case.instances()}
        marks = (mark for mark in answer.marks if mark.sop_instance_uid not in images)
        found += [(case.accession, mark) for mark in marks]
    return found


def _reject(
    pacs: Pacs,
    turn: Turn,
    cases: Sequence[Case],
    beside: Beside,
    reject: SendNotes,
    begin: Begin,
    now: Clock,
) -> None:
    """Send a note for each case; what we sent is remembered as ours."""
    by_case = {case.accession: case for case in cases}
    for accession in dict.fromkeys(name for name, _ in beside):
        marks = [mark for name, mark in beside if name == accession]
        notes = reject(pacs, by_case[accession], marks)
        moment = now()
        with begin() as uow:
            uow.events.add(moment, "marks-rejected", accession, pacs=pacs.name, said=notes.words)
            for uid in notes.sent:
                uow.sightings.arrived(
                    Sighting(
                        pacs.name, uid, turn.set_name, turn.copy, accession, "", "", "", OURS,
                        moment, moment,
                    )
                )  # fmt: skip


def _settle(
    turn: Turn,
    cases: Sequence[Case],
    held: Sequence[HeldMarks],
    beside: Beside,
    seen: Beside,
    begin: Begin,
    moment: datetime,
    public_url: str,
) -> Turn:
    """Keep what is left; where nothing is, the turn is over and the next reader released.

    What was seen is kept as seen: it may reach us only once it has gone there, and was in nobody
    else's sight then.
    """
    with begin() as uow:
        ours = {
            each.sop_instance_uid
            for each in uow.sightings.of_set(turn.pacs, turn.set_name)
            if each.modality == OURS
        }
        for accession, mark in seen:
            if mark.sop_instance_uid not in ours:
                uow.sightings.see(
                    Sighting(
                        turn.pacs, mark.sop_instance_uid, turn.set_name, turn.copy, accession,
                        mark.study_instance_uid, mark.series_instance_uid, mark.sop_class_uid,
                        mark.modality, moment,
                    )
                )  # fmt: skip
        left = _left(cases, held, [each for each in beside if each[1].sop_instance_uid not in ours])
        done = replace(turn, asked_at=moment, left=left)
        load = uow.loads.find(turn.set_name, turn.pacs, turn.copy)
        if left:
            uow.reading_turns.put(done)
            if load is not None:
                _ask_contact(uow, load, turn, beside, moment, public_url)
            return done
        note_what_came(uow, turn.pacs, turn.set_name, cases)
        there = [
            each.sop_instance_uid
            for each in uow.sightings.of_set(turn.pacs, turn.set_name)
            if each.copy == turn.copy
        ]
        uow.sightings.set_gone(turn.pacs, there, moment)
        done = replace(done, gone_at=moment)
        uow.reading_turns.put(done)
        uow.events.add(moment, "turn-cleared", turn.reader, set=turn.set_name, pacs=turn.pacs)
        if load is not None and load.readiness is Readiness.READY:
            release_readers(uow, load, moment, public_url)
        return done


def _left(cases: Sequence[Case], held: Sequence[HeldMarks], beside: Beside) -> dict[str, str]:
    """Say what is left of each case; what could not be asked is left."""
    left = {}
    for case, answer in zip(cases, held, strict=True):
        there = sum(name == case.accession for name, _ in beside)
        if there:
            left[case.accession] = f"{there} object{'s' * (there > 1)} still there"
        elif answer.problems:
            left[case.accession] = f"could not be asked: {answer.problems[0]}"
    return left


def _ask_contact(
    uow: UnitOfWork, load: Load, turn: Turn, beside: Beside, moment: datetime, public_url: str
) -> None:
    """Mail the contact once a turn what is to be removed; what was not answered asks nobody."""
    if not beside:
        return
    lines = [
        f"A reader has finished {turn.set_name} in {turn.pacs}.",
        "Before the next one begins, these objects must go from the PACS, and nothing else:",
        "We ask the PACS every minute, and release the next reader once it has none of them.",
        removal_list(beside),
    ]
    key, subject = f"clear-{turn.turn_id}", f"{turn.set_name} in {turn.pacs}: please remove marks"
    mail_contacts(uow, load, key, subject, lines, moment, public_url)
