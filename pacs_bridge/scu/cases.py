"""All a PACS says about one case, gathered top down with strict hierarchical keys.

References
----------
PS3.4 C.6.2.1: a question at one level names the unique keys of every level above it.
STANDARDS.md 5.1, 5.2; QUIRKS.md C3 to C6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.errors import GiveUp, UnreadableObject
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer, Unasked
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.phases import at_phase
from pacs_bridge.scu.account import Account
from pacs_bridge.scu.find import FindRefused, Questions, Row
from pacs_bridge.scu.ladder import Ladder, within

_SERIES_KEYS = ("SeriesInstanceUID", "Modality", "SeriesNumber", "NumberOfSeriesRelatedInstances")
_IMAGE_KEYS = (
    "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "Rows", "Columns", "InstanceAvailability",
)  # fmt: skip
_WITHOUT_IMAGES = frozenset(["PR", "SR", "KO"])
_NO_IMAGE = "1.2.840.10008.1.1"  # Verification: no object is of this kind
_NO_MATCH: dict[str, str] = {}
_MAX_SERIES = 50  # of one study that we look into
_MAX_VAIN = 8  # images asked for alone in vain before a study's rest is taken for missing


@dataclass(frozen=True)
class _Series:
    """What an answer at SERIES level said."""

    counted: int | None
    has_images: bool
    modality: str = ""
    number: int | None = None


class _Nameless(GiveUp):
    """A study was answered without the one key that every answer must have."""

    def __init__(self) -> None:
        super().__init__("the PACS answers without naming the Study Instance UID")


def ask_case(questions: Questions, case: Case, ladder: Ladder | None = None) -> PacsAnswer:
    """Ask for each study of a case by UID, and for the case by its accession number.

    Parameters
    ----------
    ladder : Ladder, optional
        What was asked about several cases at once.

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
        return _Asking(questions, case, ladder or Ladder([case])).answer()
    except (FindRefused, _Nameless) as refused:
        return PacsAnswer(error=f"{refused} {at_phase('answer')}", why=_why(refused))


def _why(refused: GiveUp) -> Unasked:
    if isinstance(refused, _Nameless):
        return Unasked.NAMELESS
    busy = isinstance(refused, FindRefused) and refused.is_too_much
    return Unasked.BUSY if busy else Unasked.REFUSED


class _Asking:
    """Asks about one case."""

    def __init__(self, questions: Questions, case: Case, ladder: Ladder) -> None:
        self._questions, self._case, self._ladder = questions, case, ladder
        self._lessons = ladder.lessons
        self._above = within(questions, case)
        self._ours = {image.sop_instance_uid for image in case.instances()}

    def answer(self) -> PacsAnswer:
        """Ask for each study by its UID, for the case by its name, then for what is missing."""
        found: dict[str, FoundStudy | None] = {}
        refused: dict[str, FindRefused] = {}
        for study in self._case.studies:
            uid = study.study_instance_uid
            try:
                rows = self._ladder.rows_of(self._questions, self._case, study)
            except FindRefused as error:
                if not error.cannot:
                    raise
                refused[uid], rows = error, []
            found[uid] = self._study(study, rows) if rows else None
        by_name, named = self._ask_by_name()
        for study in self._case.studies:
            uid = study.study_instance_uid
            if found[uid] is None:
                rows = [row for row in named if row.text("StudyInstanceUID") == uid]
                rows = rows or self._ladder.rows_of_patient(self._questions, self._case, study)
                if rows:
                    found[uid] = self._study(study, rows)
                elif uid in refused:
                    raise refused[uid]
                else:
                    self._ladder.absent += 1
        answered = {row.text("StudyInstanceUID") for row in named} - {""}
        return PacsAnswer(
            found,
            by_name=by_name,
            strangers=bool(answered - found.keys()),
            learned=self._ladder.learned(self._questions),
        )

    def _ask_by_name(self) -> tuple[bool | None, list[Row]]:
        """Whether a search for the accession number finds the case, and all that it finds."""
        if self._ladder.is_named(self._case):
            return True, []
        rows = self._ladder.rows_by_name(self._questions, self._case)
        if rows is None or (not rows and self._ladder.hides_name(self._questions)):
            return None, []
        current = {study.study_instance_uid for study in self._case.studies if not study.prior}
        return any(self._is_ours(row, current) for row in rows), rows

    def _is_ours(self, row: Row, uids: set[str]) -> bool:
        """Whether an answer is about the case; a proxy may have emptied its UID (QUIRKS.md C3)."""
        uid = row.text("StudyInstanceUID")
        if uid:
            return uid in uids
        ours = (self._case.accession, self._case.patient_id)
        return (row.text("AccessionNumber"), row.text("PatientID")) == ours

    def _study(self, study: Study, rows: list[Row]) -> FoundStudy:
        uid = study.study_instance_uid
        said = max(row.whole_number("NumberOfStudyRelatedInstances") or 0 for row in rows)
        if said or self._lessons.counts is None:
            self._lessons.counts = bool(said)
        patients = [row.text("PatientID") for row in rows]
        if self._above and any(patients):
            self._above = {"PatientID": next(filter(None, patients))}
        images, series, account = self._ask_images(study, said)
        unseen = account.unseen() if account else None
        if self._questions.patient_root:
            patients += self._lessons.of_all_patients(self._questions, uid)
            if not (account and account.adds_up):  # a study's count is not a patient's
                other = self._lessons.unseen_patients(len(images or ()))
                unseen = replace(unseen, by_patient=True) if unseen and other else unseen or other
        if not images and not any(row.text("StudyInstanceUID") for row in rows):
            raise _Nameless
        return FoundStudy(
            uid,
            accession_number=_first(row.text("AccessionNumber") for row in rows),
            patient_id=_first(patients),
            patient_name=_first(row.text("PatientName") for row in rows),
            images=images,
            count=said or None,  # a study that was found has images: 0 means "not said"
            availability=_worst(row.text("InstanceAvailability") for row in rows),
            patient_ids=tuple(dict.fromkeys(filter(None, patients))),
            series_counts=series,
            unseen=unseen,
            seen=account.seen if account else None,
            others=account.others if account else {},
        )

    def _ask_images(
        self, study: Study, count: int
    ) -> tuple[tuple[FoundImage, ...] | None, dict[str, int | None], Account | None]:
        """List the images of a study, or None with counts a series where that is refused.

        Our own series are asked for straight away. Only where that does not account for all
        that the PACS counts, it is asked which series there are, and for what else they hold;
        and for each image of ours that no list has, by its own UID: a list may be cut off.
        """
        if self._lessons.skips_images:
            return None, self._counts(study.study_instance_uid), None
        account, found = Account(self._lessons.limits, count), dict[str, FoundImage]()
        wanted = {image.sop_instance_uid for image in study.instances()}
        try:
            for series in study.series:
                self._list_images(study, series.series_instance_uid, account, found)
            self._lessons.note_images(listed=True)
            adds_up = wanted <= found.keys() and count == len(found)
            if adds_up and (account.are_images_listed or self._lessons.limits.cut_at is None):
                return tuple(found.values()), {}, account
            for uid, number in self._list_series(study, account).items():
                self._list_images(study, uid, account, found, number)
        except FindRefused as refused:
            if not (wanted <= found.keys()):
                if refused.level == "IMAGE" and refused.cannot:
                    self._lessons.note_images(listed=False)
                    return None, self._counts(study.study_instance_uid), None
                if not (refused.cannot or (refused.is_too_much and (found or count))):
                    raise
            if refused.is_too_much:
                self._lessons.limits.note_cut(max(1, self._lessons.limits.longest))
            else:
                account.refuse_series()
        if found or count or account.is_cut:
            self._ask_one_by_one(study, found, account)
        if wanted <= found.keys() and account.unseen():
            self._split(study, account)
        return tuple(found.values()), {}, account

    def _list_images(
        self,
        study: Study,
        series: str,
        account: Account,
        found: dict[str, FoundImage],
        number: int | None = None,
    ) -> None:
        """List a series' images; where it has too many for the PACS, they are asked for alone."""
        try:
            listed = self._images_of(study.study_instance_uid, series)
        except FindRefused as refused:
            if not refused.is_too_much:
                raise
            most = max(1, self._lessons.limits.longest)
            account.list_images(series, (), None, cut_after=most)
            return
        self._lessons.limits.note(self._questions.longest)
        account.list_images(series, listed, self._questions.last)
        for uid, image in listed.items():
            if not image.sop_class_uid and uid not in self._ours:
                listed[uid] = self._told_apart(study, series, image, account)
        mine = {each.series_instance_uid: each.series_number for each in study.series}
        number = mine.get(series, number)
        found |= {uid: replace(image, series_number=number) for uid, image in listed.items()}

    def _told_apart(
        self, study: Study, series: str, image: FoundImage, account: Account
    ) -> FoundImage:
        """Find out what an object is that is not ours, where the PACS does not say.

        In a series of ours it is of the same modality. Else it is asked for as one of our kinds;
        that tells something where the PACS does not find it as any other kind as well.
        """
        mine = [each for each in study.series if each.series_instance_uid == series]
        if mine:
            return replace(image, sop_class_uid=mine[0].instances[0].sop_class_uid)
        kinds = dict.fromkeys(each.sop_class_uid for each in study.instances())
        as_kind = [kind for kind in kinds if self._is_kind(study, series, image, kind)]
        if as_kind and self._is_kind(study, series, image, _NO_IMAGE):
            account.nameless += 1
            return image
        return replace(image, sop_class_uid=as_kind[0]) if as_kind else image

    def _is_kind(self, study: Study, series: str, image: FoundImage, kind: str) -> bool:
        keys = (study.study_instance_uid, series, image.sop_instance_uid, kind)
        names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
        match = {**self._above, **dict(zip(names, keys, strict=True))}
        return bool(self._questions.ask("IMAGE", match, ()))

    def _list_series(self, study: Study, account: Account) -> dict[str, int | None]:
        """List what other series of the study may hold images, and account for the others.

        Gives their Series Numbers by UID.
        """
        ours = {series.series_instance_uid for series in study.series}
        named = self._series_of(study.study_instance_uid)
        self._lessons.limits.note(self._questions.longest)
        for uid, series in named.items():
            has_images = series.has_images or uid in ours
            account.count_series(
                uid, series.counted, has_images=has_images, modality=series.modality
            )
        account.list_series(named, self._questions.last)
        others = [uid for uid, series in named.items() if series.has_images and uid not in ours]
        if len(named) > _MAX_SERIES:
            account.refuse_series()
        return {uid: named[uid].number for uid in others[:_MAX_SERIES]}

    def _split(self, study: Study, account: Account) -> None:
        """Ask in several questions for what one does not list: what adds up hides nothing.

        Each of our series alone, for its count, and what readers add, by its modality.
        """
        uid = study.study_instance_uid
        ours = [series.series_instance_uid for series in study.series]
        asked = [{"SeriesInstanceUID": each} for each in ours]
        asked += [{"Modality": modality} for modality in sorted(_WITHOUT_IMAGES)]
        for match in asked:
            try:
                named = self._series_of(uid, match)
            except FindRefused:
                return
            for each, series in named.items():
                if each in ours or not series.has_images:
                    account.count_series(
                        each,
                        series.counted,
                        has_images=each in ours,
                        modality=series.modality or match.get("Modality", ""),
                    )

    def _ask_one_by_one(self, study: Study, found: dict[str, FoundImage], account: Account) -> None:
        """Ask for images of ours that no list had, each by all its unique keys."""
        vain = 0
        for series in study.series:
            for image in series.instances:
                uid = image.sop_instance_uid
                if uid in found or vain >= _MAX_VAIN:
                    continue
                one = self._images_of(study.study_instance_uid, series.series_instance_uid, uid)
                vain += not one
                found |= one
                if uid in one:
                    account.find_image(series.series_instance_uid, uid)

    def _images_of(self, study: str, series: str, image: str = "") -> dict[str, FoundImage]:
        match = {**self._above, "StudyInstanceUID": study, "SeriesInstanceUID": series}
        if image:
            match["SOPInstanceUID"] = image
        found = {}
        for row in self._image_rows(match):
            if uid := _uid(row, "SOPInstanceUID"):
                found[uid] = FoundImage(
                    uid,
                    _uid(row, "SOPClassUID"),
                    row.short("Rows"),
                    row.short("Columns"),
                    row.text("InstanceAvailability"),
                    series,
                    number=row.whole_number("InstanceNumber"),
                )
        return found

    def _image_rows(self, match: dict[str, str]) -> list[Row]:
        """Ask at IMAGE level; once more by bare keys where the others may be conditions."""
        if not self._lessons.wants_bare_keys:
            rows = self._questions.ask("IMAGE", match, _IMAGE_KEYS)
            if rows or self._lessons.knows_keys:
                self._lessons.knows_keys = True
                return rows
        rows = self._questions.ask("IMAGE", match, ("SOPInstanceUID",))
        if rows:
            self._lessons.wants_bare_keys = True
        return rows

    def _series_of(self, study: str, match: dict[str, str] = _NO_MATCH) -> dict[str, _Series]:
        """List a study's series with how many objects each holds, where the PACS says so."""
        found: dict[str, _Series] = {}
        match = {**self._above, "StudyInstanceUID": study, **match}
        for row in self._questions.ask("SERIES", match, _SERIES_KEYS):
            if uid := _uid(row, "SeriesInstanceUID"):
                found[uid] = _Series(
                    row.whole_number("NumberOfSeriesRelatedInstances"),
                    row.text("Modality") not in _WITHOUT_IMAGES,
                    row.text("Modality"),
                    row.whole_number("SeriesNumber"),
                )
        return found

    def _counts(self, study: str) -> dict[str, int | None]:
        try:
            return {uid: series.counted for uid, series in self._series_of(study).items()}
        except FindRefused as refused:
            if not refused.cannot:
                raise
            return {}


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
