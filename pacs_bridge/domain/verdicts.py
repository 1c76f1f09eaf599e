"""The three answers of one case, judged from the passport and from what the PACS said.

Verdicts are made here and only here. An answer that did not come is never "no matches".
Everything rests on UIDs: names and numbers may be changed by a PACS, and objects may be
added to a study (marks, key images) without harm.

References
----------
DESIGN.md 5; STANDARDS.md 5.2; QUIRKS.md C3 to C6.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.conflicts import Conflict, find_conflict, word_conflict
from pacs_bridge.domain.found import FoundStudy, PacsAnswer, Unasked, Unseen
from pacs_bridge.domain.loading import GRADE, CaseVerdict, Completeness, Findable, Near
from pacs_bridge.domain.names import judge_name
from pacs_bridge.domain.others import say_others
from pacs_bridge.domain.refusals import plain, say_refused, word_refusal
from pacs_bridge.domain.sentences import (
    IMPORT,
    IMPORT_AGAIN,
    NEARLINE,
    OFFLINE,
    WAITING,
    About,
    KnownAs,
    about,
    word_absent,
    word_lost,
    word_partial,
    word_unasked,
    word_unseen,
    word_unsure,
)

INDEXING_GRACE = timedelta(minutes=15)
"""How long after the last C-STORE a missing image may still be on its way to the index."""

_ABSENT = (Completeness.MISSING, Completeness.PARTIAL)


def judge_case(
    case: Case,
    answer: PacsAnswer,
    *,
    last_sent_at: datetime | None,
    now: datetime,
    grace: timedelta = INDEXING_GRACE,
    grade: Completeness = Completeness.PROVEN,
    unsent: Collection[str] = (),
    refused: Mapping[str, str] | None = None,
    skipped: Collection[str] = (),
    carried: Collection[str] = (),
    was_there: bool = False,
    routed: bool = False,
    known: KnownAs | None = None,
) -> CaseVerdict:
    """Give the three answers for one case.

    Parameters
    ----------
    last_sent_at : datetime or None
        When the PACS last took an image of this load.
    grade : Completeness
        How sure the site wants it; a case that is less sure asks for something.
    unsent : collection of str
        SOP Instance UIDs that have not been sent yet.
    refused : dict of str to str
        SOP Instance UIDs that the PACS refused for good, with what it said.
    skipped : collection of str
        Those of them that were not sent, because it takes none of their kind.
    carried : collection of str
        SOP Instance UIDs that we do not send: somebody imports them from media.
    was_there : bool
        Whether an earlier sweep found all of it, and nothing was sent since: then nothing of
        it is still on its way.
    routed : bool
        Whether images go to another address than the one that is queried.
    known : KnownAs, optional
        What the PACS knows us by, for the sentences.

    References
    ----------
    PS3.4 C.6.2 (Study Root).
    """
    of = about(case, known=known)
    wanted = {image.sop_instance_uid for image in case.instances()}
    if answer.error is not None:
        return CaseVerdict(
            case.accession,
            Completeness.UNKNOWN,
            Findable.NOT_BY_NAME,
            Near.UNKNOWN,
            f"could not be asked: {plain(answer.error)}",
            word_unasked(answer.why or Unasked.SILENT, of),
            len(wanted),
            waiting=True,
        )
    in_grace = last_sent_at is not None and now - last_sent_at < grace
    has = _judge_complete(case, answer)
    complete, evidence, instruction = has.complete, has.evidence, ""
    if complete in _ABSENT:
        not_sent = has.missing & set(unsent)
        said_no = {uid: why for uid, why in (refused or {}).items() if uid in has.missing}
        held_back = said_no.keys() & set(skipped)
        if not_sent:
            evidence += f"; {len(not_sent)} not sent yet"
        if said_no:
            evidence += say_refused(said_no, held_back)
        if not_sent or (in_grace and not was_there and has.missing - said_no.keys()):
            complete, instruction = Completeness.WAITING, WAITING
        elif said_no:
            instruction = word_refusal(said_no.values(), of, skipped=bool(held_back))
        elif has.missing & set(carried):
            complete, instruction = _judge_import(complete)
        elif was_there:
            instruction = word_lost(of)
        elif complete is Completeness.MISSING:
            instruction = word_absent(of, routed=routed)
        else:
            some = len(wanted) - len(has.missing) if has.found is None else has.found
            instruction = word_partial(of, some)
        if not (not_sent or said_no or carried):
            evidence += f"; {len(has.missing)} taken and not found"
    elif has.conflict is not None:
        of = about(case, has.conflict.study, known)
        instruction = word_conflict(has.conflict, of, missing=bool(has.missing))
    elif GRADE.get(complete, 0) < GRADE[grade]:
        instruction = _word_less(has, about(case, has.study, known))
    named = judge_name(case, answer, known)
    findable = named.findable
    near, far = _judge_near([study for study in answer.studies.values() if study is not None])
    if near is Near.UNKNOWN and complete in GRADE:
        evidence += "; the PACS does not say whether our images are online"
    late_name = in_grace and complete in GRADE and findable is Findable.NOT_BY_NAME
    return CaseVerdict(
        case.accession,
        complete,
        findable,
        near,
        evidence,
        instruction or named.instruction or far,
        len(wanted),
        len(wanted) - len(has.missing) if has.found is None else has.found,
        tuple(sorted(has.missing)) if complete not in GRADE else (),
        waiting=complete is Completeness.WAITING or late_name,
        search_for=named.search_for,
    )


def _judge_import(complete: Completeness) -> tuple[Completeness, str]:
    """Of media, nothing found is nothing imported yet; only a part is worth a word."""
    if complete is Completeness.MISSING:
        return Completeness.WAITING, IMPORT
    return complete, IMPORT_AGAIN


@dataclass(frozen=True)
class _Has:
    """How much of a case is there; `found` where it is counted and not listed."""

    complete: Completeness
    evidence: str
    missing: frozenset[str] = frozenset()
    found: int | None = None
    conflict: Conflict | None = None
    unseen: Unseen | None = None
    study: Study | None = None


def _word_less(has: _Has, of: About) -> str:
    """Say what to do about a case that is there, less surely than the site wants."""
    if has.unseen is not None:
        return word_unseen(has.unseen, of)
    return word_unsure(has.complete, of)


def _judge_complete(case: Case, answer: PacsAnswer) -> _Has:
    pairs = [(study, answer.studies.get(study.study_instance_uid)) for study in case.studies]
    listed = all(found is None or found.lists_images for _, found in pairs)
    has = _by_uid(case, pairs) if listed else _by_count(pairs)
    if (conflict := find_conflict(case, answer, pairs)) is not None:
        evidence = f"{has.evidence}; {conflict.evidence}"
        return _Has(Completeness.CONFLICT, evidence, has.missing, has.found, conflict)
    return has


Pairs = Sequence[tuple[Study, FoundStudy | None]]


def _by_uid(case: Case, pairs: Pairs) -> _Has:
    wanted = {image.sop_instance_uid for image in case.instances()}
    there = {i.sop_instance_uid for _, found in pairs if found for i in found.images or ()}
    hit = wanted & there
    evidence = f"{len(hit)} of {len(wanted)} images found by UID{say_others(case, pairs)}"
    missing = frozenset(wanted - hit)
    for study, found in pairs:
        if missing or found is None or found.unseen is None:
            continue
        evidence += f"; not shown that nothing else is in the study ({_say_unseen(found.unseen)})"
        return _Has(Completeness.COUNTED, evidence, unseen=found.unseen, study=study)
    if not missing:
        return _Has(Completeness.PROVEN, evidence)
    return _Has(Completeness.PARTIAL if hit else Completeness.MISSING, evidence, missing)


def _say_unseen(unseen: Unseen) -> str:
    if unseen.nameless:
        return f"{unseen.nameless} of which it does not say what they are"
    told = [
        f"{unseen.counted} objects counted, {unseen.seen} named" if unseen.counted else "no count",
        "asked for one patient at a time" if unseen.by_patient else "",
        f"its series counted as {unseen.in_series}" if unseen.in_series else "",
        f"answers stop after {unseen.limit}" if unseen.limit else "",
        "series not listed" if unseen.is_refused else "",
        "no list longer than the study's own" if unseen.shows_nothing else "",
    ]
    return ", ".join(filter(None, told))


def _by_count(pairs: Pairs) -> _Has:
    """Judge by counts, a series where they are given, where images are not listed."""
    known, unsure = 0, False
    missing: set[str] = set()
    for study, found in pairs:
        wanted = [image.sop_instance_uid for image in study.instances()]
        count = 0 if found is None else _count(study, found)
        if count is None:
            unsure = True
            continue
        known += count
        if count < len(wanted):
            missing.update(wanted)
    if missing:
        return _Has(
            Completeness.PARTIAL if known else Completeness.MISSING,
            f"only {known} images counted; the PACS does not list them",
            frozenset(missing),
            known,
        )
    if unsure:
        return _Has(
            Completeness.PRESENT,
            "the study is there; the PACS does not say which or how many images it holds",
            found=known,
        )
    return _Has(
        Completeness.COUNTED, f"{known} images counted; the PACS does not list them", found=known
    )


def _count(study: Study, found: FoundStudy) -> int | None:
    """Count the images of ours, never more than there are, None where it is not said."""
    sizes = {s.series_instance_uid: len(s.instances) for s in study.series}
    if found.lists_images:
        ours = {image.sop_instance_uid for image in study.instances()}
        return len(ours & {image.sop_instance_uid for image in found.images or ()})
    by_series = [found.series_counts.get(uid) for uid in sizes]
    if all(count is not None for count in by_series):
        return sum(min(c or 0, size) for c, size in zip(by_series, sizes.values(), strict=True))
    # Marks that were added count too, so a study's own count proves less than a series'.
    return None if found.count is None else min(found.count, sum(sizes.values()))


def _judge_near(present: Sequence[FoundStudy]) -> tuple[Near, str]:
    """Give where the case is kept, and what to do where that is not at hand."""
    said = {
        a for s in present for a in (s.availability, *(i.availability for i in s.images or ())) if a
    }
    if said & {"OFFLINE", "UNAVAILABLE"}:
        return Near.NEARLINE, OFFLINE
    if "NEARLINE" in said:
        return Near.NEARLINE, NEARLINE
    return (Near.ONLINE if "ONLINE" in said else Near.UNKNOWN), ""
