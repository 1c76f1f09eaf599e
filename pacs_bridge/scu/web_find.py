"""QIDO-RS towards a PACS: the same facts about a case that C-FIND gives.

References
----------
PS3.18 section 10.6 (Search transaction), 8.3.4.4 (limit, offset), 10.6.3.3 (warnings).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer, Unasked
from pacs_bridge.domain.phases import at_phase
from pacs_bridge.scu.web_client import Answer, Conversation
from pacs_bridge.scu.web_json import JsonRow, parse_json

MOST_ROWS = 1_000
"""Answers that we take to one question; all of ours ask about one study."""

_PAGE = 200  # answers asked for at once
_MOST_PAGES = 64

_NOBODY = "1.2.826.0.1.3680043.10.99.0.0"
_STUDY_KEYS = (
    "AccessionNumber",
    "PatientID",
    "PatientName",
    "NumberOfStudyRelatedInstances",
    "InstanceAvailability",
)
_IMAGE_KEYS = ("Rows", "Columns", "InstanceAvailability")
_SERIES_KEYS = ("NumberOfSeriesRelatedInstances",)
_AVAILABILITY = ("UNAVAILABLE", "OFFLINE", "NEARLINE", "ONLINE")


class SearchRefused(GiveUp):
    """The PACS answered a search with a refusal: an answer, but not "no matches"."""

    def __init__(self, what: str, status: int) -> None:
        self.status = status
        super().__init__(f"the PACS refused to search for {what} (HTTP {status})")


def echo(talk: Conversation) -> None:
    """Search for a study that nobody has: little work, and no patient's data in the answer.

    Raises
    ------
    PeerUnavailable
        When no DICOMweb service answers, or it refuses; naming the phase.
    """
    try:
        _search(talk, "/studies", "UID", {"StudyInstanceUID": _NOBODY}, limit=1)
    except SearchRefused as refused:
        talk.fail("answer", str(refused))


def ask_case(talk: Conversation, case: Case) -> PacsAnswer:
    """Search for each study of a case by UID, and for the case by its accession number.

    A PACS that refuses a search for studies gives an answer with an error.

    Raises
    ------
    PeerUnavailable
        When the conversation broke off.
    """
    try:
        studies = {study.study_instance_uid: _ask_study(talk, study) for study in case.studies}
    except SearchRefused as refused:
        return PacsAnswer(error=f"{refused} {at_phase('answer')}", why=Unasked.REFUSED)
    found, strangers = _ask_by_name(talk, case)
    return PacsAnswer(studies, by_name=found, strangers=strangers)


def has_image(talk: Conversation, study: str, series: str, image: str) -> bool | None:
    """Whether the PACS has an image; None where it cannot say.

    Raises
    ------
    PeerUnavailable
        When the conversation broke off.
    """
    path = f"/studies/{study}/series/{series}/instances"
    try:
        rows = _search(talk, path, "images", {"SOPInstanceUID": image}, key="SOPInstanceUID")
    except SearchRefused as refused:
        return False if refused.status == 404 else None
    return image in rows


def _ask_study(talk: Conversation, study: Study) -> FoundStudy | None:
    uid = study.study_instance_uid
    row = _search(talk, "/studies", "UID", {"StudyInstanceUID": uid}, _STUDY_KEYS).get(uid)
    if row is None:
        # A further key that a PACS does not bear makes a false "missing" (QUIRKS.md C3).
        row = _search(talk, "/studies", "UID", {"StudyInstanceUID": uid}).get(uid)
    if row is None:
        return None
    count = row.whole_number("NumberOfStudyRelatedInstances") or None
    images, series = _ask_images(talk, study, count)
    patient = row.text("PatientID")
    return FoundStudy(
        uid,
        accession_number=row.text("AccessionNumber") or None,
        patient_id=patient or None,
        patient_name=row.text("PatientName") or None,
        images=images,
        count=count,
        availability=_availability(row),
        patient_ids=(patient,) if patient else (),
        series_counts=series,
    )


def _ask_images(
    talk: Conversation, study: Study, count: int | None
) -> tuple[tuple[FoundImage, ...] | None, Mapping[str, int | None]]:
    """List the images of a study, or None with counts a series where that is refused."""
    path = f"/studies/{study.study_instance_uid}"
    wanted = {image.sop_instance_uid for image in study.instances()}
    try:
        rows = _search(
            talk,
            f"{path}/instances",
            "images",
            {},
            _IMAGE_KEYS,
            key="SOPInstanceUID",
            awaited=wanted if count in (None, len(wanted)) else None,
        )
    except SearchRefused:
        try:
            series = _search(
                talk, f"{path}/series", "series", {}, _SERIES_KEYS, key="SeriesInstanceUID"
            )
        except SearchRefused:
            return None, {}
        counts = {
            uid: row.whole_number("NumberOfSeriesRelatedInstances") for uid, row in series.items()
        }
        return None, counts
    return tuple(_image(uid, row) for uid, row in rows.items()), {}


def _image(uid: str, row: JsonRow) -> FoundImage:
    return FoundImage(
        uid,
        row.uid("SOPClassUID"),
        row.whole_number("Rows"),
        row.whole_number("Columns"),
        _availability(row),
    )


def _availability(row: JsonRow) -> str:
    said = row.text("InstanceAvailability")
    return said if said in _AVAILABILITY else ""


def _ask_by_name(talk: Conversation, case: Case) -> tuple[bool | None, bool]:
    """Whether a search for the accession number finds the case, and whether it finds others."""
    current = {study.study_instance_uid for study in case.studies if not study.prior}
    ours = {study.study_instance_uid for study in case.studies}
    match = {"AccessionNumber": case.accession}
    try:
        rows = _search(talk, "/studies", "accession numbers", match, awaited=current)
    except SearchRefused:
        return None, False
    return not current.isdisjoint(rows), not ours.issuperset(rows)


def _search(
    talk: Conversation,
    path: str,
    what: str,
    match: Mapping[str, str],
    wanted: Iterable[str] = (),
    *,
    key: str = "StudyInstanceUID",
    limit: int = _PAGE,
    awaited: set[str] | None = None,
) -> dict[str, JsonRow]:
    """Search, page after page, and give the answers by their unique key.

    Parameters
    ----------
    awaited : set of str, optional
        Keys that must be among the answers; once these and no others are there it is not
        asked further. Without, a page that brings nothing new is the end.

    Notes
    -----
    PACS cut answers off at a number of their own and do not always say so; so a page that is
    not full is no end where something is still awaited.
    """
    found: dict[str, JsonRow] = {}
    offset, keys = 0, tuple(wanted)
    for _ in range(_MOST_PAGES):
        query = [*match.items(), *(("includefield", each) for each in keys)]
        query += [("limit", str(limit)), *([("offset", str(offset))] if offset else [])]
        headers = {"Accept": "application/dicom+json"}
        with talk.ask("GET", path, query=query, headers=headers) as answer:
            if answer.status == 400 and keys and not offset:
                keys = ()  # it does not bear what it does not know: ask for less
                continue
            rows = _rows(talk, answer, what, is_top=path == "/studies")
        fresh = {
            row.uid(key): row for row in rows if row.uid(key) not in found and _agrees(row, match)
        }
        fresh.pop("", None)
        if rows and not fresh and not found and not any(row.uid(key) for row in rows):
            talk.fail("answer", "its answers do not name what they are about")
        found |= fresh
        offset += len(rows)
        if len(found) > MOST_ROWS:
            talk.fail("answer", f"it gave more than {MOST_ROWS} answers to a question on one study")
        if not fresh or limit == 1:
            return found
        if (match and key in match) or (awaited is not None and awaited == found.keys()):
            return found
    return found


def _rows(talk: Conversation, answer: Answer, what: str, *, is_top: bool) -> list[JsonRow]:
    """Read one page; nothing but a good answer counts as one."""
    answer.refuse_strangers()
    if answer.status == 204:
        return []
    if is_top:
        answer.refuse_no_service()
    if answer.status != 200:
        raise SearchRefused(what, answer.status)
    if not answer.is_json:
        talk.fail("answer", "it answers in another form than the one asked for (JSON)")
    try:
        return parse_json(answer.body())
    except ValueError:
        talk.fail("answer", "it sent an answer that cannot be read")


def _agrees(row: JsonRow, match: Mapping[str, str]) -> bool:
    """Take only exact matches coming back; what is left out or emptied proves nothing."""
    return all(row.text(keyword) in ("", value) for keyword, value in match.items())
