"""A load: one case set going into one PACS; the three answers a case; readiness.

Verdicts are made here and only here, from what was wanted (the passport) and what a PACS
answered to C-FIND. An answer that did not come is never "no matches".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pacs_bridge.domain.caseset import Case


class Completeness(StrEnum):
    """How much of a case the PACS has."""

    PROVEN = "proven"
    COUNTED = "counted"
    PRESENT = "present"
    PARTIAL = "partial"
    WAITING = "waiting"
    MISSING = "missing"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


class Findable(StrEnum):
    """Whether a reader who searches for the case's name finds it."""

    AS_NAMED = "as named"
    BY_OTHER_NAME = "by other name"
    NOT_BY_NAME = "not by name"


class Near(StrEnum):
    """Where the PACS keeps it."""

    ONLINE = "online"
    NEARLINE = "nearline"
    UNKNOWN = "unknown"


class Readiness(StrEnum):
    """Of a load, and so of every site that reads on that PACS."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    READY = "ready"
    INCOMPLETE = "incomplete"


class InstanceState(StrEnum):
    """Of one image in a load's ledger. A warning status means stored (PS3.4 B.2.3)."""

    PENDING = "pending"
    STORED = "stored"
    WARNED = "warned"
    FAILED = "failed"


@dataclass(frozen=True)
class FoundImage:
    """One row of a C-FIND answer at IMAGE level."""

    sop_instance_uid: str
    sop_class_uid: str = ""
    rows: int | None = None
    columns: int | None = None
    availability: str = ""


@dataclass(frozen=True)
class FoundStudy:
    """What a PACS answered about one study.

    Parameters
    ----------
    images : tuple of FoundImage or None
        None when the PACS refuses the IMAGE level.
    count : int or None
        NumberOfStudyRelatedInstances where it was returned; never 0 for "not said".
    """

    study_instance_uid: str
    accession_number: str | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    images: tuple[FoundImage, ...] | None = ()
    count: int | None = None
    availability: str = ""


@dataclass(frozen=True)
class PacsAnswer:
    """All a PACS said about one case in one sweep.

    Parameters
    ----------
    studies : dict of str to FoundStudy or None
        By Study Instance UID; None for an honest "no matches".
    by_name : bool or None
        Whether the query by accession number found the study; None when not asked.
    error : str or None
        Why the case could not be asked; then nothing else counts.
    """

    studies: Mapping[str, FoundStudy | None] = field(default_factory=dict)
    by_name: bool | None = None
    error: str | None = None


@dataclass(frozen=True)
class CaseVerdict:
    """The three answers of one case, each with its evidence and one plain instruction."""

    accession: str
    complete: Completeness
    findable: Findable
    near: Near
    evidence: str
    instruction: str = ""
    wanted: int = 0
    found: int = 0


@dataclass(frozen=True)
class InstanceCounts:
    """The ledger in four numbers."""

    total: int
    confirmed: int
    warned: int
    failed: int


@dataclass(frozen=True)
class Load:
    """How a load stands.

    Parameters
    ----------
    misses : int
        Sweeps in a row that missed a case while ready.
    run : int
        Counts the times it was started; names the job of each start.
    """

    load_id: int
    set_name: str
    pacs: str
    readiness: Readiness
    copy: int = 0
    misses: int = 0
    run: int = 0
    note: str = ""
    created_at: datetime | None = None
    last_sent_at: datetime | None = None
    verified_at: datetime | None = None
    ready_at: datetime | None = None


@dataclass(frozen=True)
class LedgerRow:
    """How one image of a load stands."""

    sop_instance_uid: str
    accession: str
    state: InstanceState
    status: int | None = None
    comment: str = ""
    attempts: int = 0


GRADE = {
    Completeness.PROVEN: 3,
    Completeness.COUNTED: 2,
    Completeness.PRESENT: 1,
}
"""How sure a completeness is; a site asks for at least one of these (default proven)."""

INDEXING_GRACE = timedelta(minutes=15)
"""How long after the last C-STORE a missing image may still be on its way to the index."""


def judge_case(
    case: Case,
    answer: PacsAnswer,
    *,
    last_sent_at: datetime | None,
    now: datetime,
    grace: timedelta = INDEXING_GRACE,
) -> CaseVerdict:
    """Give the three answers for one case.

    References
    ----------
    PS3.4 C.6.2 (Study Root); STANDARDS.md 5.2; DESIGN.md 5.
    """
    wanted = {instance.sop_instance_uid for instance in case.instances()}
    total = len(wanted)
    if answer.error is not None:
        return CaseVerdict(
            case.accession,
            Completeness.UNKNOWN,
            Findable.NOT_BY_NAME,
            Near.UNKNOWN,
            f"could not be asked: {answer.error}",
            "Check that the PACS is running and allows our queries; we ask again by ourselves.",
            total,
            0,
        )
    found_studies = [answer.studies.get(s.study_instance_uid) for s in case.studies]
    present = [study for study in found_studies if study is not None]
    near = _judge_near(present)
    findable, name_note = _judge_findable(case, present, answer.by_name)

    if any(study.images is None for study in present):
        complete, found, evidence = _judge_by_count(case, answer)
    else:
        found_uids = {i.sop_instance_uid for study in present for i in study.images or ()}
        hit = wanted & found_uids
        found = len(hit)
        evidence = f"{found} of {total} images found by UID"
        extra = len(found_uids - wanted)
        if extra:
            evidence += f", {extra} other object{'s' * (extra != 1)} in the study"
        if hit == wanted:
            complete = Completeness.PROVEN
        elif hit:
            complete = Completeness.PARTIAL
        else:
            complete = Completeness.MISSING
        changed = _changed_images(case, present)
        if changed:
            complete = Completeness.CONFLICT
            evidence += f"; {changed}"
    if complete in (Completeness.MISSING, Completeness.PARTIAL) and (
        last_sent_at is not None and now - last_sent_at < grace
    ):
        complete = Completeness.WAITING
    if complete is Completeness.MISSING or not present:
        findable, name_note = Findable.NOT_BY_NAME, ""
    instruction = _INSTRUCTION[complete] or name_note or _NEAR_NOTE[near]
    return CaseVerdict(
        case.accession, complete, findable, near, evidence, instruction, total, found
    )


_INSTRUCTION = {
    Completeness.PROVEN: "",
    Completeness.COUNTED: "",
    Completeness.PRESENT: "",
    Completeness.WAITING: "Nothing to do: the PACS may still be filing it; we ask again.",
    Completeness.PARTIAL: "Some images did not arrive: start the load again, it sends only what "
    "is missing.",
    Completeness.MISSING: "The case did not arrive: start the load again; if it stays missing, "
    "look in the PACS for failed imports.",
    Completeness.CONFLICT: "Another image stands under our number in your PACS: delete this study "
    "there, then start the load again.",
    Completeness.UNKNOWN: "",
}
_NEAR_NOTE = {
    Near.ONLINE: "",
    Near.UNKNOWN: "",
    Near.NEARLINE: "The images are in the slow archive: fetch the study to online storage.",
}


def _judge_near(present: Sequence[FoundStudy]) -> Near:
    said = {
        a for s in present for a in (s.availability, *(i.availability for i in s.images or ())) if a
    }
    if said & {"NEARLINE", "OFFLINE", "UNAVAILABLE"}:
        return Near.NEARLINE
    return Near.ONLINE if "ONLINE" in said else Near.UNKNOWN


def _judge_findable(
    case: Case, present: Sequence[FoundStudy], by_name: bool | None
) -> tuple[Findable, str]:
    """Compare names; an attribute that the PACS leaves out or empty changes nothing."""
    for study in present:
        for label, ours, theirs in (
            ("accession number", case.accession, study.accession_number),
            ("patient ID", case.patient_id, study.patient_id),
        ):
            if theirs and theirs.strip() != ours:
                return (
                    Findable.BY_OTHER_NAME,
                    f"Your PACS gave it another {label}; tell the readers to search for that.",
                )
    if by_name is False:
        return (
            Findable.NOT_BY_NAME,
            (
                f"A search for {case.accession} does not find it: check that the PACS indexes "
                "accession numbers."
            ),
        )
    return Findable.AS_NAMED, ""


def _judge_by_count(case: Case, answer: PacsAnswer) -> tuple[Completeness, int, str]:
    """Judge by NumberOfStudyRelatedInstances where the IMAGE level is refused."""
    counts: list[tuple[int, int | None]] = []
    for study in case.studies:
        found = answer.studies.get(study.study_instance_uid)
        counts.append((sum(1 for _ in study.instances()), 0 if found is None else found.count))
    known = sum(count for _, count in counts if count is not None)
    if any(count is None for _, count in counts):
        return (
            Completeness.PRESENT,
            known,
            "the study is there; the PACS does not say how many images",
        )
    if all(count is not None and count >= want for want, count in counts):
        return Completeness.COUNTED, known, f"{known} images counted; the PACS does not list them"
    return Completeness.PARTIAL, known, f"only {known} images counted"


def _changed_images(case: Case, present: Sequence[FoundStudy]) -> str:
    """Find an image of ours whose matrix is not ours: other content under our UID."""
    ours = {i.sop_instance_uid: i for i in case.instances()}
    for study in present:
        for image in study.images or ():
            mine = ours.get(image.sop_instance_uid)
            if mine is None:
                continue
            if (image.rows and image.rows != mine.rows) or (
                image.columns and image.columns != mine.columns
            ):
                return (
                    f"an image has {image.rows} x {image.columns} pixels there and "
                    f"{mine.rows} x {mine.columns} here"
                )
    return ""


def judge_load(
    verdicts: Sequence[CaseVerdict],
    *,
    before: Readiness,
    misses_before: int,
    grade: Completeness = Completeness.PROVEN,
) -> tuple[Readiness, int]:
    """Judge a whole sweep.

    Ready when, in this one sweep, every case is complete at or above the grade, findable
    as named and not nearline. A ready load falls back only after two sweeps in a row that
    miss one; a sweep in which a case could not be asked proves nothing either way.

    Returns
    -------
    readiness : Readiness
    misses : int
        Sweeps in a row that missed, to hand in next time.
    """
    if verdicts and all(_is_good(v, grade) for v in verdicts):
        return Readiness.READY, 0
    if before is Readiness.READY:
        if all(_is_good(v, grade) or v.complete is Completeness.UNKNOWN for v in verdicts):
            return Readiness.READY, misses_before
        misses = misses_before + 1
        return (Readiness.READY if misses < 2 else Readiness.INCOMPLETE), misses
    if any(v.complete is Completeness.WAITING for v in verdicts):
        return Readiness.SENT, misses_before
    return Readiness.INCOMPLETE, misses_before


def _is_good(verdict: CaseVerdict, grade: Completeness) -> bool:
    return (
        GRADE.get(verdict.complete, 0) >= GRADE[grade]
        and verdict.findable is Findable.AS_NAMED
        and verdict.near is not Near.NEARLINE
    )
