"""All that one reader said about one case, folded into what counts and what is asked.

Objects and answers are taken as they stand, in any order of arrival, and folded anew each
time: nothing is kept but what was said. What carries a question does not count before its
reader has answered; an answer holds as long as the mark reads as it did when it was given.

References
----------
DESIGN.md section 3; decision 0049.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from pacs_bridge.domain import questions
from pacs_bridge.domain.answers import GivenAnswer
from pacs_bridge.domain.deciding import fold_breasts
from pacs_bridge.domain.linking import link_findings, with_links
from pacs_bridge.domain.marks import NOT_A_LOCATION, BreastDecision, Mark
from pacs_bridge.domain.reading import same_geometry
from pacs_bridge.domain.receipts import Answer, MarkState
from pacs_bridge.domain.revision import (
    Drawing,
    History,
    Save,
    in_order,
    is_on_one,
    is_unsure,
    replaced,
    unite,
    was_emptied,
    was_rejected,
    was_taken_back,
)
from pacs_bridge.domain.sheet import (
    answers_of_marks,
    last_at_each_place,
    marks_of_sheet,
    say_findings,
)

_COUNT = frozenset({MarkState.READ, MarkState.CONFIRMED, MarkState.MENDED, MarkState.PLACED})
_TEXT, _UNREAD = "text-", "unread-"  # beginnings of the keys of what is no drawing
SHEET = "sheet"
"""The source of a mark that was put on our own sheet."""


@dataclass(frozen=True)
class FoldedMark:
    """One mark of a reader, with where it stands.

    Parameters
    ----------
    seen : str
        What is read of it now; an answer keeps it, and holds until it changes.
    sources : tuple of str
        The kinds of object that brought it.
    """

    key: str
    mark: Mark
    state: MarkState
    question: str
    sources: tuple[str, ...]
    seen: str

    @property
    def counts(self) -> bool:
        """Whether it enters the reading."""
        return self.state in _COUNT and self.lies

    @property
    def lies(self) -> bool:
        """Whether it is a place on an image, and not words alone."""
        return bool(self.mark.points) and self.mark.shape != "TEXT"


@dataclass(frozen=True)
class Folded:
    """A reading as it stands now.

    Parameters
    ----------
    questions : tuple of str
        What is asked of the case as a whole; `undecided` are those of a breast of which
        nothing is known, which also stand here.
    findings : tuple of tuple of str
        Keys of the marks of each finding that is seen on several images.
    """

    marks: tuple[FoldedMark, ...]
    breasts: tuple[BreastDecision, ...]
    questions: tuple[str, ...]
    undecided: tuple[str, ...]
    decisions_seen: dict[str, str]
    findings: tuple[tuple[str, ...], ...] = ()

    @property
    def counted(self) -> tuple[Mark, ...]:
        """The marks that go to scoring, those linked that are one finding."""
        return with_links(
            [(each.key, each.mark) for each in self.marks if each.counts], self.findings
        )

    def one_with(self, key: str) -> tuple[FoldedMark, ...]:
        """The other marks of one finding, those left out that were taken back."""
        keys = next((finding for finding in self.findings if key in finding), ())
        return tuple(
            each
            for each in self.marks
            if each.key in keys and each.key != key and each.state is not MarkState.DROPPED
        )

    @property
    def asked(self) -> int:
        """How many questions are open."""
        return len(self.questions) + sum(each.state is MarkState.ASKED for each in self.marks)

    def find(self, key: str) -> FoldedMark | None:
        """Look a mark up by its key."""
        return next((each for each in self.marks if each.key == key), None)


def fold(saves: Sequence[Save], answers: Sequence[GivenAnswer] = ()) -> Folded:
    """Fold a reader's saves and answers of one case.

    Parameters
    ----------
    saves : sequence of Save
        Those that came in time, in any order.
    answers : sequence of GivenAnswer
        Oldest first.
    """
    ordered = in_order(saves)
    replacing = replaced(ordered)
    drawings = unite(ordered)
    history = History(ordered, drawings)
    placed = last_at_each_place(marks_of_sheet(answers))
    sheet = {id(each): _placed_on(each, placed) for each in drawings}
    joined = {answer.answer_id for answer in sheet.values() if answer is not None}
    names = {each.placed_key: d.key for d in drawings if (each := sheet[id(d)]) is not None}
    given = answers_of_marks(answers)
    own = {answer.placed_key for answer in placed}
    lost = _answers_without_a_mark({k: a for k, a in given.items() if k not in own}, drawings)
    marks = [
        _asked_anew(_drawn(each, history, replacing, sheet[id(each)], given), lost)
        for each in drawings
    ]
    marks += _written(ordered, given, decided=_decides_both(answers))
    marks += _unread(ordered, given)
    marks += [_alone(answer, given) for answer in placed if answer.answer_id not in joined]
    marked = {m.mark.laterality for m in marks if m.state is not MarkState.DROPPED and m.lies}
    breasts, asked, undecided, seen = fold_breasts(ordered, replacing, answers, marked)
    findings = say_findings(link_findings(drawings), answers, names)
    return Folded(tuple(marks), breasts, (*asked, *undecided), undecided, seen, findings)


def _answers_without_a_mark(
    given: dict[str, GivenAnswer], drawings: Sequence[Drawing]
) -> list[tuple[int, int]]:
    """Where the marks of answers lay that bear no drawing's name any more.

    The name of a mark is that of its first form. Where that one is somebody else's by now, what
    the others hold is the same mark under another name, and its answer is not forgotten.
    """
    named = {drawing.key for drawing in drawings}
    places = (
        _place_of(answer.seen)
        for key, answer in given.items()
        if key not in named and not key.startswith((_TEXT, _UNREAD))
    )
    return [place for place in places if place is not None]


def _place_of(seen: str) -> tuple[int, int] | None:
    """The place in a fingerprint."""
    try:
        x, y = seen.split("|")[2].split(",")
        return int(x), int(y)
    except (IndexError, ValueError):
        return None


def _asked_anew(folded: FoldedMark, lost: Sequence[tuple[int, int]]) -> FoldedMark:
    """Ask about a mark that lies where one was answered which is here no more."""
    x, y = folded.mark.centre
    lies_there = any(abs(x - u) <= 2 and abs(y - v) <= 2 for u, v in lost)
    if folded.state is not MarkState.READ or not lies_there:
        return folded
    question = questions.phrase(questions.CHANGED, folded.mark)
    return replace(folded, state=MarkState.ASKED, question=question)


def _placed_on(drawing: Drawing, placed: Iterable[GivenAnswer]) -> GivenAnswer | None:
    """The mark of our sheet that is this one, too."""
    same = [
        answer
        for answer in placed
        if is_on_one(drawing.outline, answer.as_mark())
        and same_geometry(drawing.outline, answer.as_mark())
    ]
    return same[-1] if same else None


def _drawn(
    drawing: Drawing,
    history: History,
    replacing: dict[str, Save],
    sheet: GivenAnswer | None,
    given: dict[str, GivenAnswer],
) -> FoldedMark:
    """One drawn mark: what it says, and whether anything is asked of it."""
    mark, flags = _said(drawing)
    state, question = MarkState.READ, questions.ask(mark, flags)
    gone = ""
    if was_taken_back(drawing, replacing):
        state, gone = MarkState.DROPPED, "replaced"
    elif was_rejected(drawing):
        question, gone = questions.phrase(questions.REJECTED, mark), "rejected"
    elif was_emptied(drawing, replacing) or history.has_vanished(drawing):
        question, gone = questions.phrase(questions.VANISHED, mark), "vanished"
    elif not question and history.may_have_moved(drawing):
        question, gone = questions.phrase(questions.MOVED, mark), "moved"
    elif not question and is_unsure(drawing):  # any answer to it says that it is theirs
        question = questions.phrase(questions.UNSURE, mark)
    seen = _fingerprint(mark, flags, gone)
    sources: tuple[str, ...] = tuple(dict.fromkeys(save.read.kind for save, _ in drawing.held))
    if sheet is not None:
        mark, question = _with_sheet(mark, sheet)
        state, sources = MarkState.PLACED, (*sources, SHEET)
    if state is MarkState.DROPPED:
        return FoldedMark(drawing.key, mark, state, "", sources, seen)
    return _answered(drawing.key, mark, state, question, sources, seen, given)


def _with_sheet(mark: Mark, sheet: GivenAnswer) -> tuple[Mark, str]:
    """A mark that is drawn and stands on our sheet, too: the sheet answers what it says."""
    differs = None not in (mark.rating, sheet.rating) and mark.rating != sheet.rating
    mended = replace(
        mark,
        rating=sheet.rating if sheet.rating is not None else mark.rating,
        finding=sheet.finding or mark.finding,
        flags=(),
    )
    return mended, questions.phrase(questions.DIFFERS, mark) if differs else ""


def _said(drawing: Drawing) -> tuple[Mark, tuple[str, ...]]:
    """What the saves say of a mark, the later saying first, and the flags that ask.

    A later silence changes nothing. What one save says in doubt and another says plainly
    is not in doubt.
    """
    held = [mark for _, mark in drawing.held]
    rated = next((mark for mark in reversed(held) if mark.rating is not None), held[-1])
    found = next((mark for mark in reversed(held) if mark.finding is not None), held[-1])
    mark = replace(
        drawing.outline,
        rating=rated.rating,
        finding=found.finding,
        text=next((each.text for each in reversed(held) if each.text), ""),
    )
    at_once = {id(mark): save.key for save, mark in drawing.held}
    ratings = {m.rating for m in held if at_once[id(m)] == at_once[id(rated)]} - {None}
    if len(ratings) > 1:
        return replace(mark, flags=(*_quiet(mark), questions.SEVERAL_RATINGS)), (
            questions.SEVERAL_RATINGS,
        )
    plain = [each for each in held if not questions.asking_flags(each)]
    if any((each.rating, each.finding) == (mark.rating, mark.finding) for each in plain):
        return replace(mark, flags=_quiet(mark)), ()
    flags = dict.fromkeys(
        flag for each in (held[-1], rated, found) for flag in questions.asking_flags(each)
    )
    return replace(mark, flags=(*_quiet(mark), *flags)), tuple(
        sorted(flags, key=lambda flag: _RANK.get(flag, len(_RANK)))
    )


_RANK = {flag: place for place, flag in enumerate(questions.ASKS)}


def _quiet(mark: Mark) -> tuple[str, ...]:
    asking = questions.asking_flags(mark)
    return tuple(flag for flag in mark.flags if flag not in asking)


def _fingerprint(mark: Mark, flags: Iterable[str], more: str) -> str:
    finding = "" if mark.finding is None else mark.finding.value
    place = f"{round(mark.centre[0])},{round(mark.centre[1])}"
    return "|".join((str(mark.rating or ""), finding, place, " ".join(flags), more))


def _answered(
    key: str,
    mark: Mark,
    state: MarkState,
    question: str,
    sources: tuple[str, ...],
    seen: str,
    given: dict[str, GivenAnswer],
) -> FoldedMark:
    """A mark with its reader's last answer, as long as it reads as it did then."""
    answer = given.get(key)
    if answer is None:
        state = MarkState.ASKED if question else state
        return FoldedMark(key, mark, state, question, sources, seen)
    if answer.seen != seen:
        changed = questions.phrase(questions.CHANGED, mark)
        return FoldedMark(key, mark, MarkState.ASKED, question or changed, sources, seen)
    if answer.kind is Answer.DROP:
        return FoldedMark(key, mark, MarkState.DROPPED, "", sources, seen)
    meant = replace(mark, flags=_quiet(mark))
    if mark.shape == "TEXT" and mark.points and (answer.rating or mark.rating):
        meant = replace(meant, shape="POINT", points=mark.points[:1], centre=mark.points[0])
    if answer.kind is Answer.CONFIRM:
        return FoldedMark(key, meant, MarkState.CONFIRMED, "", sources, seen)
    meant = replace(
        meant,
        rating=answer.rating if answer.rating is not None else meant.rating,
        finding=answer.finding or meant.finding,
    )
    return FoldedMark(key, meant, MarkState.MENDED, "", sources, seen)


def _decides_both(answers: Iterable[GivenAnswer]) -> bool:
    """Whether the reader decided both breasts here."""
    sides = {answer.laterality for answer in answers if answer.kind is Answer.DECIDE}
    return {"R", "L"} <= sides or any(answer.kind is Answer.NORMAL for answer in answers)


def _written(
    ordered: Sequence[Save], given: dict[str, GivenAnswer], *, decided: bool
) -> list[FoldedMark]:
    """Texts that belong to no drawing and ask something; the same text once.

    Parameters
    ----------
    decided : bool
        Whether both breasts were decided here, which answers what only decisions ask.
    """
    found: dict[str, tuple[Mark, list[str]]] = {}
    for save in ordered:
        for mark in save.read.marks:
            if mark.shape != "TEXT" or NOT_A_LOCATION in mark.flags:
                continue
            flags = questions.asking_flags(mark)
            if flags and not (decided and questions.OF_DECISIONS.issuperset(flags)):
                key = _text_key(mark)
                found.setdefault(key, (mark, []))[1].append(save.read.kind)
    return [
        _answered(
            key,
            mark,
            MarkState.READ,
            questions.ask(mark, questions.asking_flags(mark)),
            tuple(dict.fromkeys(kinds)),
            _fingerprint(mark, questions.asking_flags(mark), ""),
            given,
        )
        for key, (mark, kinds) in found.items()
    ]


def _text_key(mark: Mark) -> str:
    name = repr((mark.image, mark.frame or 1, " ".join(mark.text.casefold().split())))
    return f"{_TEXT}{sha256(name.encode()).hexdigest()[:16]}"


def _unread(ordered: Sequence[Save], given: dict[str, GivenAnswer]) -> list[FoldedMark]:
    """Objects of which a part could not be read: one question a workstation and kind."""
    last: dict[tuple[str, str], tuple[Save, str]] = {}
    for save in ordered:
        flags = {flag for mark in save.read.marks for flag in questions.object_flags(mark)}
        if flags:
            last[save.source] = (save, " ".join(sorted(flags)))
    marks = []
    for (station, kind), (save, what) in last.items():
        key = f"{_UNREAD}{sha256(repr((station, kind)).encode()).hexdigest()[:16]}"
        text = save.read.refused or ""
        mark = Mark("", None, "TEXT", (), (0.0, 0.0), text=text, item=save.key)
        seen = f"{save.key}|{what}"
        marks.append(_answered(key, mark, MarkState.READ, questions.UNREAD, (kind,), seen, given))
    return marks


def _alone(answer: GivenAnswer, given: dict[str, GivenAnswer]) -> FoldedMark:
    """A mark of our sheet."""
    mark = answer.as_mark()
    seen = _fingerprint(mark, (), SHEET)
    return _answered(answer.placed_key, mark, MarkState.PLACED, "", (SHEET,), seen, given)
