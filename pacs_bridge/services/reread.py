"""Reading once more what could not be read before: our readers are newer, or its image is known.

Nothing of a reading that was scored or answered changes by that without a question.

References
----------
DESIGN.md section 3: a failure parks the object; nothing that we answered Success to is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.marks import Mark, ReadObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.questions import NEWLY_READ, NO_LONGER_READ, object_flags
from pacs_bridge.domain.reading import same_mark
from pacs_bridge.domain.revision import is_drawn
from pacs_bridge.services.whose import look_again
from pacs_bridge.sr.version import READER_VERSION

MOST = 200
"""Objects looked at in one go; the clock comes again."""

UNKNOWN_IMAGE = "unknown-image"
_ABOUT_READING = (NEWLY_READ, NO_LONGER_READ)


def reread_due(*, begin: Begin, now: Clock, settle: float, version: int = READER_VERSION) -> int:
    """Queue again what an older reader refused, and what wanted an image that is known by now.

    Called by the clock; doing it again queues nothing that was read by this version and wants
    nothing. What belongs to a round that has closed is left as it is.

    Returns
    -------
    int
        How many objects are read again.
    """
    moment, count = now(), 0
    with begin() as uow:
        for received in uow.objects.read_before(version, MOST):
            uid, read = received.sop_instance_uid, uow.marks.find(received.sop_instance_uid)
            if _has_closed(uow, received, moment):
                uow.objects.set_read_by(uid, version)
            elif _gains(uow, received, read):
                look_again(uow, [uid], f"again-{moment.timestamp():.3f}", moment, settle)
                uow.objects.set_read_by(uid, max(abs(received.read_by), 1))
                uow.events.add(moment, "object-read-again", uid, version=version)
                count += 1
            elif received.read_by >= 0:
                uow.objects.set_read_by(uid, version)
    return count


def note_version(
    uow: UnitOfWork, sop_instance_uid: str, *, wants: bool, version: int = READER_VERSION
) -> None:
    """Keep which version read an object; `wants` where it is to be read again for its image."""
    uow.objects.set_read_by(sop_instance_uid, -version if wants else version)


def _has_closed(uow: UnitOfWork, received: ReceivedObject, moment: datetime) -> bool:
    case = uow.case_sets.case(received.accession) if received.accession else None
    round_ = uow.rounds.find(case.set_name) if case is not None else None
    return round_ is not None and moment >= round_.closes_at


def _gains(uow: UnitOfWork, received: ReceivedObject, read: ReadObject | None) -> bool:
    """Whether reading an object again may give more than before."""
    if received.read_by >= 0:  # by an older reader
        is_partial = read is not None and any(object_flags(mark) for mark in read.every_mark())
        refused = read is not None and read.refused is not None
        return received.state == "parked" or is_partial or refused
    if read is None:
        return False
    wanted = {mark.image for mark in read.every_mark() if UNKNOWN_IMAGE in mark.flags}
    if wanted:
        known = uow.case_sets.images(wanted)
        cases = uow.case_sets.cases_named_by(studies=read.referenced_studies, images=known)
        own = {case.accession for case in cases}
        return len(own) == 1 and any(image.accession in own for image in known.values())
    cases = uow.case_sets.cases_named_by(
        studies=read.referenced_studies, images=read.referenced_images
    )
    return received.state == "parked" and len(cases) == 1


def ask_about_changes(
    uow: UnitOfWork,
    received: ReceivedObject,
    read: ReadObject,
    reading_uid: str,
    version: int = READER_VERSION,
) -> ReadObject:
    """Flag what reading an object once more has changed of a reading that was scored or answered.

    A mark that was not read before is asked about, and one that is read no more stays, asked
    about, too.
    """
    before = uow.marks.find(received.sop_instance_uid)
    if before is None and received.read_by >= version:
        return read
    old = [mark for mark in before.marks if is_drawn(mark)] if before is not None else []
    state = uow.readings.find(reading_uid)
    is_settled = (state is not None and state.revision > 0) or bool(
        uow.answers.of_readings([reading_uid]).get(reading_uid)
    )
    is_newer = 0 < received.read_by < version
    marks = tuple(_carried(read.marks, old, ask=is_newer and is_settled))
    if is_newer and is_settled:
        marks += tuple(_lost(read.marks, old))
    else:
        marks += tuple(mark for mark in _lost(read.marks, old) if _was_asked(mark, old))
    return replace(read, marks=marks)


def _carried(marks: tuple[Mark, ...], old: list[Mark], *, ask: bool) -> Iterator[Mark]:
    """Marks with what was asked of them as to their reading, and what is to be asked now."""
    for mark in marks:
        known = next((each for each in old if same_mark(each, mark)), None)
        flags = () if known is None else tuple(f for f in _ABOUT_READING if f in known.flags)
        if known is None and ask and is_drawn(mark):
            flags = (NEWLY_READ,)
        yield replace(mark, flags=(*mark.flags, *flags)) if flags else mark


def _lost(marks: tuple[Mark, ...], old: list[Mark]) -> Iterator[Mark]:
    """Marks that are read no more, kept."""
    for mark in old:
        if not any(same_mark(mark, each) for each in marks):
            flags = tuple(flag for flag in mark.flags if flag not in _ABOUT_READING)
            yield replace(mark, flags=(*flags, NO_LONGER_READ))


def _was_asked(mark: Mark, old: list[Mark]) -> bool:
    return any(NO_LONGER_READ in each.flags and same_mark(each, mark) for each in old)
