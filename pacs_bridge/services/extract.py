"""Received object → marks, whose they are, and the reading they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.marks import Laterality, ReadObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.services.came_back import OVERLAY
from pacs_bridge.services.copied import flag_copied
from pacs_bridge.services.copy_owner import is_of_case, on_master
from pacs_bridge.services.folded import end_of, learn_resave, reading_uid_of
from pacs_bridge.services.handshake import recognise
from pacs_bridge.services.parts import GONE, deal_out, part_named, whole_of
from pacs_bridge.services.rejected import note_rejected, reject_if_named, tell_rejected
from pacs_bridge.services.reread import UNKNOWN_IMAGE, ask_about_changes, note_version
from pacs_bridge.services.shared_copies import ask_whether_own
from pacs_bridge.services.whose import Parked, reader_of
from pacs_bridge.sr.asking import flag_notes
from pacs_bridge.sr.place import Placed, place_marks
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.unread import lacks_room


@dataclass(frozen=True)
class ToRead:
    """One archived file, and the short forms that readers type where it comes from.

    Parameters
    ----------
    images : tuple of Path
        Archived images whose headers say where room coordinates (SCOORD3D) lie.
    """

    path: Path
    words: SiteWords = NATIONAL
    images: tuple[Path, ...] = ()


ReadFile = Callable[[ToRead], ReadObject]
"""Reads the marks out of one archived file, under limits of memory and time."""

WordsOf = Callable[[str], SiteWords]
"""The short forms that readers type at a PACS."""


def national_words(pacs: str) -> SiteWords:
    """The programme's short forms, where a PACS has none of its own."""
    del pacs
    return NATIONAL


_SIDES: dict[str, Laterality] = {"R": "R", "L": "L"}


def extract_object(
    sop_instance_uid: str,
    *,
    begin: Begin,
    archive: Archive,
    read_file: ReadFile,
    now: Clock,
    settle: float,
    words_of: WordsOf = national_words,
    look: Begin | None = None,
) -> str:
    """Read one received object and put what it says where it belongs.

    Marks, the object's reader and the reading's new object stand in one transaction with
    the job that will close the reading. Whatever cannot be placed is kept and parked with
    a reason; an object that was already looked into is left as it is.

    Parameters
    ----------
    settle : float
        Seconds of silence after which a reading may close.
    words_of : callable
        The short forms that readers type at a PACS.
    look : callable, optional
        Opens what only asks, so that it waits for nobody who writes; `begin` unless given.

    Returns
    -------
    str
        The object's new state: ``read`` or ``parked``.
    """
    look = look or begin
    with look() as uow:
        received = uow.objects.find(sop_instance_uid)
        is_ours = bool(uow.feedback.known([sop_instance_uid]))
    if received is None or not _is_due(received):
        return received.state if received else "parked"
    if is_ours:
        return park_object(sop_instance_uid, FEEDBACK, begin=begin, now=now)
    try:
        words = words_of(received.caller.pacs or "")
        asked = ToRead(archive.path(received.content_hash), words)
        read = read_file(asked)
        if lacks_room(read):
            with look() as uow:
                images = _images_of_case(uow, received, read, archive)
            read = read_file(replace(asked, images=images)) if images else read
    except GiveUp as error:
        return park_object(sop_instance_uid, str(error), begin=begin, now=now)
    if received.image is not None:  # it came under a UID that others have, too
        read = replace(read, sop_instance_uid=sop_instance_uid)
    part = None if received.part_of is None else part_named(read, received)
    if received.part_of is not None and part is None:
        return park_object(sop_instance_uid, GONE, begin=begin, now=now)
    read = part or read
    with begin() as uow:
        current = uow.objects.find(sop_instance_uid)
        if current is None or not _is_due(current):  # read by somebody else in the meantime
            return current.state if current else "parked"
        is_rejected = reject_if_named(uow, received)
        outcome = _place(uow, received, read, words, now(), settle)
        if is_rejected:
            tell_rejected(uow, sop_instance_uid, now())
        wants = outcome == NO_CASE or uow.marks.has_flag(sop_instance_uid, UNKNOWN_IMAGE)
        note_version(uow, sop_instance_uid, wants=wants)
        if isinstance(outcome, Parked):
            uow.objects.park(sop_instance_uid, outcome.reason, kind=read.kind)
            uow.events.add(now(), "object-parked", sop_instance_uid, reason=outcome.reason)
            return "parked"
    return "read"


NO_CASE = Parked("It refers to no image of ours; a person must say which case is meant.")
FEEDBACK = "It is truth that we put on the PACS after the round; it is nobody's reading."


def _images_of_case(
    uow: UnitOfWork, received: ReceivedObject, read: ReadObject, archive: Archive
) -> tuple[Path, ...]:
    """Files of a case's images as they were distributed; none where the case is not certain."""
    known = _case_of(uow, received, read)
    if isinstance(known, Parked):
        return ()
    copy = CaseName.parse(known.accession).copy
    passport = uow.case_sets.find(known.set_name, copy)
    if passport is None:
        return ()
    return tuple(
        archive.path(image.content_hash)
        for case in passport.cases
        if case.accession == known.accession
        for study in case.studies
        for image in study.instances()
    )


def _is_due(received: ReceivedObject) -> bool:
    """Whether nobody has looked into it; an image that came back is judged before that."""
    return received.state == "received" or received.reason == OVERLAY


def park_object(sop_instance_uid: str, reason: str, *, begin: Begin, now: Clock) -> str:
    """Set an object aside for a person, with the reason."""
    with begin() as uow:
        uow.objects.park(sop_instance_uid, reason)
        note_version(uow, sop_instance_uid, wants=False)
        uow.events.add(now(), "object-parked", sop_instance_uid, reason=reason)
    return "parked"


def _place(
    uow: UnitOfWork,
    received: ReceivedObject,
    read: ReadObject,
    words: SiteWords,
    now: datetime,
    settle: float,
) -> Parked | None:
    case = _case_of(uow, received, read)
    if isinstance(case, Parked):
        if case == NO_CASE:  # the case may be known one day
            uow.marks.keep(read, accession=received.accession or "", reader=None)
        return case
    images = uow.case_sets.images({mark.image for mark in read.marks})
    read = place_marks(
        read,
        {
            uid: Placed(
                _SIDES.get(image.laterality),
                image.view or None,
                image.rows,
                image.columns,
                image.frames,
            )
            for uid, image in images.items()
            if is_of_case(image.accession, case)
        },
        words,
    )
    read = on_master(uow, read, case, received.caller.pacs or "")
    if read.rejects:
        note_rejected(uow, received, read, now, settle)
        uow.marks.keep(read, accession=case.accession, reader=None)
        return Parked(read.refused or "")
    dealt_out = deal_out(uow, received, read) if read.others else 0
    if dealt_out:
        uow.events.add(now, "object-of-several", received.sop_instance_uid, others=dealt_out)
    read, several = flag_notes(whole_of(read), words), bool(read.others)
    if several and not (read.marks or read.breasts):
        uow.marks.keep(read, accession=case.accession, reader=None)
        uow.objects.set_read(
            read.sop_instance_uid, kind=read.kind, reader=None, observed_at=read.observed_at
        )
        return None  # all of it is said by the people whom its parts name
    if not (read.marks or read.breasts):
        uow.marks.keep(read, accession=case.accession, reader=None)
        return Parked(read.refused or "No mark or decision was found in it; it is kept as it came.")
    pacs = received.caller.pacs or ""
    recognise(uow, received, case, read, now, settle)
    reader = reader_of(uow, received, case, read, now)
    if isinstance(reader, Parked):
        uow.marks.keep(read, accession=case.accession, reader=None)
        return reader
    reading_uid = reading_uid_of(case.master, reader)
    read = flag_copied(uow, received, case, read, reader, now)
    read = ask_whether_own(uow, received, case, read, reader, now)
    if received.read_by:
        read = ask_about_changes(uow, received, read, reading_uid)
    uow.marks.keep(read, accession=case.accession, reader=reader)
    uow.objects.set_read(
        read.sop_instance_uid,
        kind=read.kind,
        reader=reader,
        observed_at=read.observed_at,
        reading_uid=reading_uid,
    )
    end = None if case.kind == "practice" else end_of(uow, case.set_name, reader)
    if end is not None and received.received_at >= end:
        uow.events.add(now, "object-late", received.sop_instance_uid, reading=reading_uid)
        return None  # kept and told; what is scored stays as it was
    uow.readings.touch(
        reading_uid=reading_uid,
        set_name=case.set_name,
        accession=case.master,
        kind=case.kind,
        reader=reader,
        pacs=pacs,
        now=now,
    )
    if case.kind == "practice":
        learn_resave(uow, reading_uid, case.set_name, reader, now)
    # One job an object, not a reading: a job that is just ending cannot miss the last object.
    uow.enqueue(
        "close",
        reading_uid,
        # With its time: an object that was claimed comes here again.
        key=f"close-{reading_uid}-{received.sop_instance_uid}-{now:%Y%m%dT%H%M%S%f}",
        delay=settle,
    )
    return None


def _case_of(uow: UnitOfWork, received: ReceivedObject, read: ReadObject) -> KnownCase | Parked:
    """Find the one case an object is about: by image and study first, never by name alone."""
    cases = uow.case_sets.cases_named_by(
        studies=read.referenced_studies, images=read.referenced_images
    )
    if not cases and received.accession:
        named = uow.case_sets.case(received.accession)
        cases = [named] if named else []
    if len({case.master for case in cases}) == 1:  # of several copies: `whose` sees to that
        return cases[-1]
    if cases:
        return Parked(
            "It refers to images of more than one case; a person must say which is meant."
        )
    return NO_CASE
