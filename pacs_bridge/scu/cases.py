"""All a PACS says about one case, gathered top down with strict hierarchical keys.

References
----------
PS3.4 C.6.2.1: a question at one level names the unique keys of every level above it.
STANDARDS.md 5.1, 5.2; QUIRKS.md C3 to C6.
"""

from __future__ import annotations

from collections.abc import Iterable

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.errors import GiveUp, UnreadableObject
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.phases import at_phase
from pacs_bridge.scu.find import FindRefused, Questions, Row

_STUDY_KEYS = (
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
    "PatientName",
    "NumberOfStudyRelatedInstances",
    "InstanceAvailability",
)
_SERIES_KEYS = ("SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances")
_IMAGE_KEYS = ("SOPInstanceUID", "SOPClassUID", "Rows", "Columns", "InstanceAvailability")
_WITHOUT_IMAGES = frozenset(["PR", "SR", "KO"])
_MAX_SERIES = 50  # of one study that we look into


class _Nameless(GiveUp):
    """A study was answered without the one key that every answer must have."""

    def __init__(self) -> None:
        super().__init__("the PACS answers without naming the Study Instance UID")


def ask_case(questions: Questions, case: Case) -> PacsAnswer:
    """Ask for each study of a case by UID, and for the case by its accession number.

    Raises
    ------
    PeerUnavailable
        When the conversation broke off.

    Notes
    -----
    A PACS that refuses the STUDY level gives an answer with an error. One that refuses the
    search by accession number gives `by_name` None.
    """
    try:
        studies = {study.study_instance_uid: _ask_study(questions, study) for study in case.studies}
    except (FindRefused, _Nameless) as refused:
        return PacsAnswer(error=f"{refused} {at_phase('answer')}")
    return PacsAnswer(studies, by_name=_ask_by_name(questions, case))


def _ask_study(questions: Questions, study: Study) -> FoundStudy | None:
    uid = study.study_instance_uid
    rows = questions.ask("STUDY", {"StudyInstanceUID": uid}, _STUDY_KEYS)
    if not rows:
        # An optional key that a PACS takes for a condition makes a false "missing": ask for
        # the UID alone before believing it (QUIRKS.md C3).
        rows = questions.ask("STUDY", {"StudyInstanceUID": uid}, ())
    if not rows:
        return None
    if not any(row.text("StudyInstanceUID") for row in rows):
        raise _Nameless
    count = max(row.whole_number("NumberOfStudyRelatedInstances") or 0 for row in rows)
    patients = [row.text("PatientID") for row in rows]
    images, series = _ask_images(questions, study, count)
    return FoundStudy(
        uid,
        accession_number=_first(row.text("AccessionNumber") for row in rows),
        patient_id=_first(patients),
        patient_name=_first(row.text("PatientName") for row in rows),
        images=images,
        count=count or None,  # a study that was found has images: 0 means "not said"
        availability=_worst(row.text("InstanceAvailability") for row in rows),
        patient_ids=tuple(dict.fromkeys(filter(None, patients))),
        series_counts=series,
    )


def _ask_images(
    questions: Questions, study: Study, count: int
) -> tuple[tuple[FoundImage, ...] | None, dict[str, int | None]]:
    """List the images of a study, or None with counts a series where that is refused.

    Our own series are asked for straight away. Only where that does not account for all
    that the PACS counts, it is asked which series there are, and for what else they hold.
    """
    uid = study.study_instance_uid
    wanted = {image.sop_instance_uid for image in study.instances()}
    asked = [series.series_instance_uid for series in study.series]
    found: dict[str, FoundImage] = {}
    try:
        for series in asked:
            found |= _images_of(questions, uid, series)
        if wanted <= found.keys() and count == len(found):
            return tuple(found.values()), {}
        for series in _series_of(questions, uid, images_only=True):
            if series not in asked:
                found |= _images_of(questions, uid, series)
    except FindRefused as refused:
        if not refused.cannot:
            raise
        if refused.level == "SERIES":  # we have what our own series hold
            return tuple(found.values()), {}
        return None, _counts(questions, study)
    return tuple(found.values()), {}


def _images_of(questions: Questions, study: str, series: str) -> dict[str, FoundImage]:
    match = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    found = {}
    for row in questions.ask("IMAGE", match, _IMAGE_KEYS):
        if uid := _uid(row, "SOPInstanceUID"):
            found[uid] = FoundImage(
                uid,
                _uid(row, "SOPClassUID"),
                row.short("Rows"),
                row.short("Columns"),
                row.text("InstanceAvailability"),
            )
    return found


def _series_of(
    questions: Questions, study: str, *, images_only: bool = False
) -> dict[str, int | None]:
    """List a study's series with how many objects each holds, where the PACS says so."""
    found: dict[str, int | None] = {}
    for row in questions.ask("SERIES", {"StudyInstanceUID": study}, _SERIES_KEYS):
        uid = _uid(row, "SeriesInstanceUID")
        if not uid or (images_only and row.text("Modality") in _WITHOUT_IMAGES):
            continue
        if len(found) < _MAX_SERIES:
            found[uid] = row.whole_number("NumberOfSeriesRelatedInstances")
    return found


def _counts(questions: Questions, study: Study) -> dict[str, int | None]:
    try:
        return _series_of(questions, study.study_instance_uid)
    except FindRefused as refused:
        if not refused.cannot:
            raise
        return {}


def _ask_by_name(questions: Questions, case: Case) -> bool | None:
    """Whether a search for the accession number finds the case's study; None if refused."""
    current = {study.study_instance_uid for study in case.studies if not study.prior}
    try:
        rows = questions.ask(
            "STUDY", {"AccessionNumber": case.accession}, ("StudyInstanceUID", "PatientID")
        )
    except FindRefused:
        return None
    return any(row.text("StudyInstanceUID") in current for row in rows)


def _uid(row: Row, keyword: str) -> str:
    """Read a UID; one that is none counts as not answered."""
    try:
        return parse_uid(row.text(keyword))
    except UnreadableObject:
        return ""


def _first(values: Iterable[str]) -> str | None:
    return next(filter(None, values), None)


def _worst(values: Iterable[str]) -> str:
    """Give the farthest availability that was said (PS3.4 C.6.1.1.5.1)."""
    order = ("UNAVAILABLE", "OFFLINE", "NEARLINE", "ONLINE")
    said = set(values)
    return next((value for value in order if value in said), "")
