"""Which presentation states, reports and key objects a PACS holds about our cases.

Each study of ours is asked for its series, by modality one by one and all together: some match no
modality, some cut long answers off, and what either question brings counts. A study that is none of
ours is looked into only where the PACS says that it is of our own patient; none is ever asked for
but by a whole identifier of one case.

References
----------
PS3.4 C.6.2.1 (Study Root keys), PS3.18 section 10.6 (Search transaction); QUIRKS.md C7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import PeerUnavailable, UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.pulling import MODALITIES, HeldMark, HeldMarks, HeldSeries
from pacs_bridge.scu.find import FindRefused, Questions, associate_for_questions
from pacs_bridge.upper_layer.requestor import SecureCall

if TYPE_CHECKING:
    from pacs_bridge.scu.web_client import Conversation

_MAX_BREAKS = 3  # conversations that may break off before the rest waits for the next time
_SERIES_KEYS = ("SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances", "PatientID")
_STUDY_KEYS = (
    "StudyInstanceUID",
    "PatientID",
    "AccessionNumber",
    "NumberOfStudyRelatedSeries",
)
_IMAGE_KEYS = ("SOPInstanceUID", "SOPClassUID")
_CUT_OFF = (
    "The PACS does not list all series of a study; allow our AE title queries at SERIES level."
)


class Answer(Protocol):
    """One answer of a PACS, however it was asked."""

    def text(self, keyword: str) -> str:
        """Give a value as clean text, empty where there is none."""

    def whole_number(self, keyword: str) -> int | None:
        """Give a number, None where there is none."""


class Asks(Protocol):
    """One conversation with a PACS."""

    @property
    def patient_root(self) -> bool:
        """Whether every question must name a patient."""

    def ask(self, level: str, match: dict[str, str], wanted: tuple[str, ...]) -> Sequence[Answer]:
        """Ask one question; raises `FindRefused` or `PeerUnavailable`."""

    def close(self) -> None:
        """End it."""


class MarksFinder:
    """Implements `domain.pulling.MarkFinder`, by C-FIND or QIDO-RS as the PACS is queried.

    Parameters
    ----------
    secure : callable, optional
        Makes connections secure, to PACS that are not plain.
    folder : Path
        Of what we show to PACS with DICOMweb, see `upper_layer.web_access`.
    """

    def __init__(self, secure: SecureCall | None, folder: Path) -> None:
        self._secure, self._folder = secure, folder

    def find_marks(
        self, pacs: Pacs, cases: Sequence[Case], *, everything: bool = False
    ) -> Iterator[HeldMarks]:
        """Ask about each case, in order, over one conversation where that holds.

        A case at which it breaks off is reported as not asked; so is the rest where the PACS is
        not to be reached, or broke off three times.
        """
        ours = frozenset(study.study_instance_uid for case in cases for study in case.studies)
        open_asks = self._open_web if pacs.endpoint("query").url else self._open_dimse
        talk = _Talk(lambda: open_asks(pacs))
        try:
            for case in cases:
                yield talk.about(case, ours, pacs.profile.cap, everything=everything)
        finally:
            talk.end()

    def _open_dimse(self, pacs: Pacs) -> Asks:
        return _ByFind(pacs, self._secure)

    def _open_web(self, pacs: Pacs) -> Asks:
        from pacs_bridge.scu.web_client import Conversation

        return _BySearch(Conversation(pacs, pacs.endpoint("query"), self._folder))


class _ByFind:
    """Asks by C-FIND over one association."""

    def __init__(self, pacs: Pacs, secure: SecureCall | None) -> None:
        self._association = associate_for_questions(pacs, secure)
        self._association.__enter__()
        self._questions = Questions(self._association)
        self.patient_root = self._questions.patient_root

    def ask(self, level: str, match: dict[str, str], wanted: tuple[str, ...]) -> Sequence[Answer]:
        return self._questions.ask(level, match, wanted)

    def close(self) -> None:
        self._association.__exit__(None, None, None)


class _BySearch:
    """Asks by QIDO-RS over one connection."""

    patient_root = False

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk

    def ask(self, level: str, match: dict[str, str], wanted: tuple[str, ...]) -> Sequence[Answer]:
        from pacs_bridge.scu.web_search import SearchRefused, search

        rest = dict(match)
        path, key = "/studies", "StudyInstanceUID"
        if level != "STUDY":
            path, key = f"/studies/{rest.pop('StudyInstanceUID')}/series", "SeriesInstanceUID"
        if level == "IMAGE":
            path, key = f"{path}/{rest.pop('SeriesInstanceUID')}/instances", "SOPInstanceUID"
        fields = [each for each in wanted if each not in rest]
        try:
            return list(search(self._talk, path, level.lower(), rest, fields, key=key).values())
        except SearchRefused as refused:
            if refused.http == 404 and level != "STUDY":
                return []  # it does not have what was to be looked into
            raise

    def close(self) -> None:
        self._talk.close()


class _Talk:
    """Asks about case after case; makes a new conversation where the last one broke off."""

    def __init__(self, open_asks: Callable[[], Asks]) -> None:
        self._open_asks, self._asks = open_asks, None  # type: Callable[[], Asks], Asks | None
        self._breaks, self._down = 0, ""

    def about(
        self, case: Case, ours: frozenset[str], cap: int | None, *, everything: bool = False
    ) -> HeldMarks:
        """Ask about one case."""
        if self._down:
            return HeldMarks(case.accession, problems=(self._down,))
        asking = None
        try:
            if self._asks is None:
                self._asks = self._open_asks()
            asking = _Asking(self._asks, case, ours, cap, everything=everything)
            asking.everything()
        except PeerUnavailable as error:
            self._note_break(error)
            found = asking.found if asking else {}
            problems = (*(asking.problems if asking else ()), str(error))
            unlisted = tuple(asking.unlisted) if asking else ()
            return HeldMarks(case.accession, tuple(found.values()), tuple(problems), unlisted)
        problems = tuple(dict.fromkeys(asking.problems))
        held = tuple(asking.found.values())
        return HeldMarks(case.accession, held, problems, tuple(asking.unlisted))

    def end(self) -> None:
        """Close the conversation, if there is one."""
        asks, self._asks = self._asks, None
        if asks is not None:
            asks.close()

    def _note_break(self, error: PeerUnavailable) -> None:
        self.end()
        self._breaks += 1
        if self._breaks >= _MAX_BREAKS or error.phase not in ("data", "answer"):
            self._down = str(error)


class _Asking:
    """The questions about one case."""

    def __init__(
        self,
        asks: Asks,
        case: Case,
        ours: frozenset[str],
        cap: int | None,
        *,
        everything: bool = False,
    ) -> None:
        self._everything = everything
        self.found: dict[str, HeldMark] = {}
        self.problems: list[str] = []
        self._asks, self._case, self._ours, self._cap = asks, case, ours, cap
        self.unlisted: list[HeldSeries] = []
        self._counts: dict[str, int] = {}  # series of a study, by its UID
        self._cannot = False  # whether the last refusal was of the level, not of the moment

    def everything(self) -> None:
        """Look into every study of the case, then for others of its patient."""
        others = self._others()
        for study in self._case.studies:
            own = frozenset(series.series_instance_uid for series in study.series)
            self._look_into(study.study_instance_uid, own)
        for uid, is_named in others.items():
            self._look_into(uid, frozenset(), elsewhere=True, is_named=is_named)

    def _others(self) -> dict[str, bool]:
        """Give further studies under this patient ID or accession number.

        With each stands whether the PACS named our patient there.
        """
        named: dict[str, set[str]] = {}
        keys = {"PatientID": self._case.patient_id, "AccessionNumber": self._case.accession}
        for keyword, value in keys.items():
            if not value or not value.isascii() or set(value) & set("*?\\"):
                continue  # never a question that fits more than one case
            match = {keyword: value}
            if self._asks.patient_root:
                match["PatientID"] = self._case.patient_id
            for row in self._ask("STUDY", match, _STUDY_KEYS) or ():
                uid = _uid(row, "StudyInstanceUID")
                count = row.whole_number("NumberOfStudyRelatedSeries") or 0
                self._counts[uid] = max(count, self._counts.get(uid, 0))
                if uid and uid not in self._ours:
                    named.setdefault(uid, set()).add(row.text("PatientID"))
        others = {}
        for uid, patients in named.items():
            if patients - {"", self._case.patient_id}:
                self.problems.append(
                    "A study under our accession number is of another patient; nothing of it was "
                    "looked at: have it corrected in the PACS."
                )
            else:
                others[uid] = self._case.patient_id in patients
        return others

    def _look_into(
        self, study: str, own: frozenset[str], *, elsewhere: bool = False, is_named: bool = True
    ) -> None:
        """Find what may be marks in one study."""
        for series, row in self._series(study, own).items():
            patient = row.text("PatientID")
            if elsewhere and patient != self._case.patient_id and (patient or not is_named):
                continue
            match = self._keys(StudyInstanceUID=study, SeriesInstanceUID=series)
            objects = self._ask("IMAGE", match, _IMAGE_KEYS)
            if objects is None:
                self._note_unlisted(study, series, row, elsewhere=elsewhere)
                continue
            uids = {_uid(each, "SOPInstanceUID"): _uid(each, "SOPClassUID") for each in objects}
            uids.pop("", None)
            if len(uids) < (row.whole_number("NumberOfSeriesRelatedInstances") or 0) or not uids:
                self.problems.append(
                    "The PACS does not list all that a series of marks holds; allow our AE title "
                    "queries at IMAGE level."
                )
            for uid, sop_class in uids.items():
                modality = row.text("Modality")
                patient = self._case.patient_id
                self.found[uid] = HeldMark(
                    study, series, uid, sop_class, elsewhere, modality, patient
                )

    def _note_unlisted(self, study: str, series: str, row: Answer, *, elsewhere: bool) -> None:
        """Note a series of which the PACS refuses to list the objects; it may be fetched whole."""
        if self._cannot:
            self.unlisted.append(
                HeldSeries(
                    study,
                    series,
                    self._case.patient_id,
                    self.problems[-1],
                    elsewhere,
                    row.whole_number("NumberOfSeriesRelatedInstances"),
                )
            )

    def _series(self, study: str, own: frozenset[str]) -> dict[str, Answer]:
        """Give the series of a study that may hold marks, by their UID."""
        match, before = self._keys(StudyInstanceUID=study), list(self.problems)
        every = self._ask("SERIES", match, _SERIES_KEYS)
        whole = len(self.problems) == len(before)
        rows, by_modality, cut = list(every or ()), True, False
        listed = {_uid(row, "SeriesInstanceUID") for row in rows}
        for modality in MODALITIES:
            count = len(self.problems)
            some = self._ask("SERIES", {**match, "Modality": modality}, _SERIES_KEYS) or ()
            by_modality = by_modality and len(self.problems) == count
            named = {_uid(row, "SeriesInstanceUID") for row in some}
            cut = cut or bool(every and named - listed and len(named) >= len(listed))
            rows += some
        if whole or by_modality:  # either way of asking is enough
            self.problems = before
        seen = {_uid(row, "SeriesInstanceUID") for row in rows}
        if cut or (every is not None and len(seen) < self._counts.get(study, 0)):
            self.problems.append(_CUT_OFF)
        found = {}
        for row in rows:
            uid, modality = _uid(row, "SeriesInstanceUID"), row.text("Modality")
            if not uid:
                self.problems.append("The PACS does not name the series of a study; mend it there.")
            elif modality in MODALITIES or (uid not in own and (self._everything or not modality)):
                found[uid] = row
        return found

    def _keys(self, **keys: str) -> dict[str, str]:
        if self._asks.patient_root:
            keys["PatientID"] = self._case.patient_id
        return keys

    def _ask(
        self, level: str, match: dict[str, str], wanted: tuple[str, ...]
    ) -> Sequence[Answer] | None:
        """Ask; None where that is refused. A refused or cut off answer is a problem."""
        try:
            rows = self._asks.ask(level, match, wanted)
        except FindRefused as refused:
            self.problems.append(f"The marks could not be asked for: {refused}.")
            self._cannot = refused.cannot
            return None
        if self._cap is not None and len(rows) >= self._cap:
            self.problems.append(f"The PACS cuts its answers off after {self._cap}.")
        return rows


def _uid(row: Answer, keyword: str) -> str:
    try:
        return str(parse_uid(row.text(keyword)))
    except UnreadableObject:
        return ""
