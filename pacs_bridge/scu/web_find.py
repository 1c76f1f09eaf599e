"""QIDO-RS towards a PACS: the same facts about a case that C-FIND gives.

References
----------
PS3.18 section 10.6 (Search transaction).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer, Unasked, Unseen
from pacs_bridge.domain.phases import at_phase
from pacs_bridge.scu.account import Account
from pacs_bridge.scu.find import Questions, Row
from pacs_bridge.scu.ladder import Ladder
from pacs_bridge.scu.web_client import Conversation
from pacs_bridge.scu.web_json import JsonRow
from pacs_bridge.scu.web_search import Found, SearchRefused, WebQuestions, search

AnyRow = Row | JsonRow

_NOBODY = "1.2.826.0.1.3680043.10.99.0.0"
_IMAGE_KEYS = ("Rows", "Columns", "InstanceNumber", "InstanceAvailability")
_SERIES_KEYS = ("NumberOfSeriesRelatedInstances",)
_AVAILABILITY = ("UNAVAILABLE", "OFFLINE", "NEARLINE", "ONLINE")


_MAX_VAIN = 8  # images asked for alone in vain before a study's rest is taken for missing


def echo(talk: Conversation) -> None:
    """Search for a study that nobody has: little work, and no patient's data in the answer.

    Raises
    ------
    PeerUnavailable
        When no DICOMweb service answers, or it refuses; naming the phase.
    """
    try:
        search(talk, "/studies", "UID", {"StudyInstanceUID": _NOBODY}, limit=1)
    except SearchRefused as refused:
        talk.fail("answer", str(refused))


def ask_case(
    talk: Conversation, case: Case, ladder: Ladder | None = None, asked: WebQuestions | None = None
) -> PacsAnswer:
    """Search for each study of a case by UID, and for the case by its accession number.

    A PACS that refuses a search for studies gives an answer with an error.

    Parameters
    ----------
    ladder : Ladder, optional
        What was asked about several cases at once, by `asked`.

    Raises
    ------
    PeerUnavailable
        When the conversation broke off.
    """
    ladder, asked = ladder or Ladder([case]), asked or WebQuestions(talk)
    questions = cast(Questions, asked)  # all of it that the ladder uses
    found: dict[str, FoundStudy | None] = {}
    try:
        for study in case.studies:
            rows = ladder.rows_of(questions, case, study)
            found[study.study_instance_uid] = _study(asked, study, rows, ladder) if rows else None
    except SearchRefused as refused:
        why = Unasked.BUSY if refused.is_too_much else Unasked.REFUSED
        return PacsAnswer(error=f"{refused} {at_phase('answer')}", why=why)
    by_name, strangers = _ask_by_name(questions, case, ladder)
    ladder.absent += sum(each is None for each in found.values())
    return PacsAnswer(
        found, by_name=by_name, strangers=strangers, learned=ladder.learned(questions)
    )


def has_image(talk: Conversation, study: str, series: str, image: str) -> bool | None:
    """Whether the PACS has an image; None where it cannot say.

    Raises
    ------
    PeerUnavailable
        When the conversation broke off.
    """
    path = f"/studies/{study}/series/{series}/instances"
    try:
        rows = search(talk, path, "images", {"SOPInstanceUID": image}, key="SOPInstanceUID")
    except SearchRefused as refused:
        return False if refused.http == 404 else None
    return image in rows


def _study(asked: WebQuestions, study: Study, rows: Sequence[AnyRow], ladder: Ladder) -> FoundStudy:
    count = max(row.whole_number("NumberOfStudyRelatedInstances") or 0 for row in rows)
    if count or ladder.lessons.counts is None:
        ladder.lessons.counts = bool(count)
    images, series, unseen = _ask_images(asked, study, count, ladder)
    seen = None if images is None else len(images)
    patients = tuple(dict.fromkeys(filter(None, (row.text("PatientID") for row in rows))))
    return FoundStudy(
        study.study_instance_uid,
        accession_number=_first(rows, "AccessionNumber"),
        patient_id=next(iter(patients), None),
        patient_name=_first(rows, "PatientName"),
        images=images,
        count=count or None,
        availability=next(filter(None, map(_availability, rows)), ""),
        patient_ids=patients,
        series_counts=series,
        unseen=unseen,
        seen=seen,
    )


def _first(rows: Sequence[AnyRow], keyword: str) -> str | None:
    return next(filter(None, (row.text(keyword) for row in rows)), None)


def _ask_images(
    asked: WebQuestions, study: Study, count: int, ladder: Ladder
) -> tuple[tuple[FoundImage, ...] | None, Mapping[str, int | None], Unseen | None]:
    """List the images of a study, or None with counts a series where that is refused.

    What the list does not have is asked for alone: it may have been cut off.
    """
    talk, path = asked.talk, f"/studies/{study.study_instance_uid}"
    wanted = {image.sop_instance_uid for image in study.instances()}
    whole = wanted if count == len(wanted) else None
    try:
        rows = search(
            talk, f"{path}/instances", "images", {}, _IMAGE_KEYS, key="SOPInstanceUID",
            awaited=whole,
        )  # fmt: skip
    except SearchRefused:
        ladder.lessons.note_images(listed=False)
        return None, _counts(talk, path), None
    ladder.lessons.note_images(listed=True)
    asked.note(len(rows))
    limits = ladder.lessons.limits
    limits.note(asked.longest)
    account = Account(limits, count)
    cut_after = len(rows) if rows.is_cut else None
    account.list_images("", rows, None if rows.is_cut else len(rows), cut_after=cut_after)
    nameless = [uid for uid in rows.keys() - wanted if not rows[uid].uid("SOPClassUID")]
    account.nameless = len(nameless)
    account.list_series([""], 0)  # there is no list of series to be cut off
    rows |= _one_by_one(talk, study, wanted - rows.keys(), account)
    return tuple(_image(uid, row) for uid, row in rows.items()), {}, account.unseen()


def _one_by_one(
    talk: Conversation, study: Study, missing: set[str], account: Account
) -> dict[str, JsonRow]:
    found: dict[str, JsonRow] = {}
    vain = 0
    for series in study.series:
        path = f"/studies/{study.study_instance_uid}/series/{series.series_instance_uid}/instances"
        for image in series.instances:
            uid = image.sop_instance_uid
            if uid not in missing or vain >= _MAX_VAIN:
                continue
            match = {"SOPInstanceUID": uid}
            try:
                one = search(talk, path, "images", match, _IMAGE_KEYS, key="SOPInstanceUID")
            except SearchRefused:
                one = Found()
            vain += uid not in one
            if uid in one:
                found[uid] = one[uid]
                account.find_image("", uid)
    return found


def _counts(talk: Conversation, path: str) -> Mapping[str, int | None]:
    try:
        series = search(talk, f"{path}/series", "series", {}, _SERIES_KEYS, key="SeriesInstanceUID")
    except SearchRefused:
        return {}
    return {uid: row.whole_number("NumberOfSeriesRelatedInstances") for uid, row in series.items()}


def _image(uid: str, row: JsonRow) -> FoundImage:
    return FoundImage(
        uid,
        row.uid("SOPClassUID"),
        row.whole_number("Rows"),
        row.whole_number("Columns"),
        _availability(row),
        row.uid("SeriesInstanceUID"),
        row.whole_number("SeriesNumber"),
        row.whole_number("InstanceNumber"),
    )


def _availability(row: AnyRow) -> str:
    said = row.text("InstanceAvailability")
    return said if said in _AVAILABILITY else ""


def _ask_by_name(questions: Questions, case: Case, ladder: Ladder) -> tuple[bool | None, bool]:
    """Whether a search for the accession number finds the case, and whether it finds others."""
    if ladder.is_named(case):
        return True, False
    rows = ladder.rows_by_name(questions, case)
    if rows is None or (not rows and ladder.hides_name(questions)):
        return None, False
    current = {study.study_instance_uid for study in case.studies if not study.prior}
    ours = {study.study_instance_uid for study in case.studies}
    named = {row.text("StudyInstanceUID") for row in rows} - {""}
    return not current.isdisjoint(named), not ours.issuperset(named)
