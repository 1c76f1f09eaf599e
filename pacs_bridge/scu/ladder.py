"""Asking for a whole set with few questions, where the PACS can, and one by one where not.

Two things are asked of each study: whether it is there (by its UID) and whether a search for
its accession number finds it. Each has its wide question: a wildcard, and a list of UIDs. What
a wide question brings is believed; what it does not bring is asked for alone, so that a cap, a
refusal or another reading of wildcards costs questions and never a case. What each way of
asking came to is learned, see `domain.profile`.

References
----------
PS3.4 C.2.2.2.2 (list of UID matching), C.2.2.2.4 (wildcards). QUIRKS.md C3, C4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import Unseen
from pacs_bridge.domain.profile import UNKNOWN, Outcome, QueryProfile, Rung
from pacs_bridge.scu.account import Limits
from pacs_bridge.scu.find import FindRefused, Questions, Row

STUDY_KEYS = (
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
    "PatientName",
    "NumberOfStudyRelatedInstances",
    "InstanceAvailability",
)
_NAME_KEYS = ("StudyInstanceUID", "AccessionNumber", "PatientID")
_LIST = 32  # UIDs in one question
_SHORTEST_PREFIX = 6  # of a wildcard: a shorter one asks a hospital for its patients
_ENOUGH_REFUSALS = 2  # of a level, before it is taken for one that the PACS does not have


class Lessons:
    """What one sweep teaches about a PACS.

    Attributes
    ----------
    limits : Limits
        How long its answers get.
    study_keys : list of tuple of str
        Keys to be returned at STUDY level: what found something last stands first.
    knows_keys, wants_bare_keys : bool
        Whether images were found by a question that wants optional keys returned, or only by
        one that does not: an optional key may be taken for a condition (QUIRKS.md C3).
    """

    def __init__(self, known: QueryProfile) -> None:
        self.known = known
        self.limits = Limits(remembered=known.cap or 0)
        self.rungs: dict[Rung, Outcome] = {}
        self.counts: bool | None = None
        self.patient_root: bool | None = None
        self.charset: bool | None = None
        self.cap: int | None = None
        self.study_keys: list[tuple[str, ...]] = [STUDY_KEYS, _NAME_KEYS, ()]
        self.knows_keys = self.wants_bare_keys = False
        self._image_level: bool | None = None
        self._names_patients: bool | None = None
        self._image_refusals = 0

    @property
    def skips_images(self) -> bool:
        """Whether it is known by now that the IMAGE level is refused.

        One question a sweep is spent on a refusal that is known, in case it is so no more.
        """
        enough = 1 if self.known.image_level is False else _ENOUGH_REFUSALS
        return self._image_level is not True and self._image_refusals >= enough

    def note_images(self, *, listed: bool) -> None:
        """Keep whether a question at IMAGE level was answered or refused."""
        if listed:
            self._image_level = True
        else:
            self._image_refusals += 1
            self._image_level = self._image_level or False

    def of_all_patients(self, questions: Questions, uid: str) -> list[str]:
        """Ask for a study in the Patient Root model whoever's it is: the patient IDs.

        A strict PACS wants one patient named (PS3.4 C.6.1.1); then nobody else's are seen.

        Raises
        ------
        PeerUnavailable
            When the conversation broke off.
        """
        if self._names_patients is False:
            return []
        try:
            rows = questions.ask("STUDY", {"StudyInstanceUID": uid}, ("PatientID",))
        except FindRefused:
            rows = []
        self._names_patients = bool(rows)
        return [row.text("PatientID") for row in rows]

    def unseen_patients(self, seen: int) -> Unseen | None:
        """Say that other patients' images are not seen, where one has to be named."""
        return None if self._names_patients else Unseen(seen, by_patient=True)

    def note(self, rung: Rung, outcome: Outcome) -> None:
        """Keep what a way of asking came to; that it works once outweighs a failure."""
        if self.rungs.get(rung) is not Outcome.WORKS:
            self.rungs[rung] = outcome

    def profile(self) -> QueryProfile:
        """Give all of it."""
        return QueryProfile(
            rungs=dict(self.rungs),
            cap=self.limits.surely_cut_at if self.cap is None else self.cap,
            image_level=self._image_level,
            counts=self.counts,
            charset=self.charset,
            patient_root=self.patient_root,
        )


class _Wide:
    """One wide question: how much it has brought, and how much it should have."""

    def __init__(self) -> None:
        self.answers, self.brought, self.missed = 0, 0, 0
        self.is_answered = False

    def outcome(self) -> Outcome | None:
        """Judge it by what single questions have found beside it; None teaches nothing."""
        if not self.is_answered:
            return None
        if self.missed:
            return Outcome.CAPPED if self.brought else Outcome.BLIND
        return Outcome.WORKS if self.brought else None


class Ladder:
    """The studies of several cases, asked for from the few questions down to the many.

    Parameters
    ----------
    cases : sequence of Case
        All that will be asked about.
    known : QueryProfile
        What is known of the PACS; ways that do not work there are left out.

    Attributes
    ----------
    absent : int
        Studies that no way of asking has found.
    """

    def __init__(self, cases: Sequence[Case], known: QueryProfile = UNKNOWN) -> None:
        self.lessons, self.absent = Lessons(known), 0
        self._rows: dict[str, list[Row]] = {}
        self._named: set[tuple[str, str]] = set()
        self._by_name = {
            case.accession: {s.study_instance_uid for s in case.studies if not s.prior}
            for case in cases
        }
        self._uids = [study.study_instance_uid for case in cases for study in case.studies]
        self.lessons.limits.hoped = len(self._by_name)
        self._wide = {Rung.WILDCARD: _Wide(), Rung.UID_LIST: _Wide()}
        self._todo = self._plan()

    def _plan(self) -> list[tuple[Rung, str]]:
        """List the wide questions worth asking: each with its value."""
        known, todo = self.lessons.known, []
        prefix = _beginning(list(self._by_name))
        if known.patient_root:
            return []
        if len(self._by_name) > 1 and len(prefix) >= _SHORTEST_PREFIX and known.may(Rung.WILDCARD):
            todo.append((Rung.WILDCARD, f"{prefix}*"))
        if len(self._uids) > 1 and known.may(Rung.UID_LIST):
            uids = iter(self._uids)
            size = max(2, min(_LIST, known.cap or _LIST))
            while part := list(islice(uids, size)):
                todo.append((Rung.UID_LIST, "\\".join(part)))
        return todo

    @property
    def has_wide(self) -> bool:
        """Whether a wide question is still to be asked."""
        return bool(self._todo)

    def ask_wide(self, questions: Questions) -> None:
        """Ask the next wide question.

        Raises
        ------
        PeerUnavailable
            When the conversation broke off; no question of this kind is asked any more.
        """
        if questions.patient_root:  # every question there names one patient
            self._todo.clear()
            return
        rung, value = self._todo.pop(0)
        keyword = "AccessionNumber" if rung is Rung.WILDCARD else "StudyInstanceUID"
        wanted = _NAME_KEYS if rung is Rung.WILDCARD else STUDY_KEYS
        try:
            rows = questions.ask("STUDY", {keyword: value}, wanted)
        except FindRefused:
            self._give_up(rung, Outcome.REFUSED)
            return
        except PeerUnavailable:
            self._give_up(rung, Outcome.BROKE)
            raise
        self.lessons.limits.note(questions.longest)
        wide = self._wide[rung]
        wide.is_answered, wide.answers = True, max(wide.answers, len(rows))
        for row in rows:
            uid, accession = row.text("StudyInstanceUID"), row.text("AccessionNumber")
            if rung is Rung.UID_LIST and uid in self._uids:
                self._rows.setdefault(uid, []).append(row)
            if rung is Rung.WILDCARD and uid in self._by_name.get(accession, ()):
                self._named.add((accession, uid))
        wide.brought = len(self._named if rung is Rung.WILDCARD else self._rows)
        hoped = len(self._by_name) if rung is Rung.WILDCARD else value.count("\\") + 1
        if len(rows) < hoped:
            self.lessons.limits.note_short(len(rows))

    def _give_up(self, rung: Rung, outcome: Outcome) -> None:
        self.lessons.note(rung, outcome)
        self._todo = [step for step in self._todo if step[0] is not rung]

    def rows_of(self, questions: Questions, case: Case, study: Study) -> list[Row]:
        """Give all answers about a study by its UID.

        What no wide question brought is asked for alone, and again with fewer keys down to
        nothing but its UID: one that a PACS takes for a condition makes a false "missing".

        Raises
        ------
        FindRefused, PeerUnavailable
            When that cannot be asked.
        """
        uid = study.study_instance_uid
        if rows := self._rows.get(uid):
            return rows
        match = {**within(questions, case), "StudyInstanceUID": uid}
        rows, keys = list[Row](), tuple[str, ...]()
        for keys in self.lessons.study_keys:
            rows = questions.ask("STUDY", match, keys)
            if rows:
                break
        if rows and keys != self.lessons.study_keys[0]:  # it is what works, next time at once
            self.lessons.study_keys.remove(keys)
            self.lessons.study_keys.insert(0, keys)
        if rows:
            self.lessons.note(Rung.UID, Outcome.WORKS)
            self._miss(Rung.UID_LIST)
        return rows

    def rows_by_name(self, questions: Questions, case: Case) -> list[Row] | None:
        """Search for a case's accession number: the answers, or None where that is refused.

        Empty where a wide question has found it already: there is nothing more to learn.
        """
        match = {**within(questions, case), "AccessionNumber": case.accession}
        try:
            rows = questions.ask("STUDY", match, _NAME_KEYS)
        except FindRefused:
            self.lessons.note(Rung.ACCESSION, Outcome.REFUSED)
            return None
        if any(row.text("StudyInstanceUID") in self._by_name[case.accession] for row in rows):
            self.lessons.note(Rung.ACCESSION, Outcome.WORKS)
            self._miss(Rung.WILDCARD)
        return rows

    def _miss(self, rung: Rung) -> None:
        """Note that a wide question should have brought more."""
        wide = self._wide[rung]
        wide.missed += 1
        if wide.is_answered:
            self.lessons.limits.note_cut(wide.answers)

    def hides_name(self, questions: Questions) -> bool:
        """Whether the last search brought others only, as many as the PACS gives at most."""
        cut_at = self.lessons.limits.surely_cut_at
        return cut_at is not None and questions.last >= cut_at

    def is_named(self, case: Case) -> bool:
        """Whether the wildcard search has found the case under its own number."""
        wanted = self._by_name[case.accession]
        return any((case.accession, uid) in self._named for uid in wanted)

    def rows_of_patient(self, questions: Questions, case: Case, study: Study) -> list[Row]:
        """Look for a study among all of its patient's; the last rung."""
        try:
            rows = questions.ask("STUDY", {"PatientID": case.patient_id}, STUDY_KEYS)
        except FindRefused:
            self.lessons.note(Rung.PATIENT, Outcome.REFUSED)
            return []
        ours = [row for row in rows if row.text("StudyInstanceUID") == study.study_instance_uid]
        if ours:
            self.lessons.note(Rung.PATIENT, Outcome.WORKS)
            self.lessons.note(Rung.UID, Outcome.BLIND)
        return ours

    def learned(self, questions: Questions) -> QueryProfile:
        """Give what was learned by now."""
        for rung, wide in self._wide.items():
            outcome = wide.outcome()
            # While a set is still being filed, what a moment brings beside the wide question
            # is no sign that its answers were cut off; a round number is.
            if outcome is None or (wide.missed and self.absent and wide.answers % 10):
                continue
            self.lessons.rungs[rung] = outcome
            if outcome is Outcome.CAPPED:
                self.lessons.cap = wide.answers
        self.lessons.patient_root = questions.patient_root
        if questions.rows:
            self.lessons.charset = questions.with_charset > 0
        return self.lessons.profile()


def _beginning(names: Sequence[str]) -> str:
    """Give what all names begin with."""
    first, last = min(names), max(names)
    same = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return first[:same]


def within(questions: Questions, case: Case) -> dict[str, str]:
    """Give the keys above the STUDY level, which the Patient Root model has (PS3.4 C.6.1)."""
    return {"PatientID": case.patient_id} if questions.patient_root else {}
