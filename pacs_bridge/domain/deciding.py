"""What a reader decided of each breast, over several saves and answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pacs_bridge.domain import questions
from pacs_bridge.domain.answers import GivenAnswer
from pacs_bridge.domain.marks import BreastDecision, Laterality
from pacs_bridge.domain.receipts import Answer
from pacs_bridge.domain.revision import Save, is_surely_later

_BOTH: tuple[Laterality, ...] = ("R", "L")
_DECIDES = frozenset({Answer.DECIDE, Answer.NORMAL})


@dataclass(frozen=True)
class _Said:
    """What the saves say of one breast; `doubt` is what is to be asked."""

    breast: BreastDecision
    doubt: str
    seen: str


def fold_breasts(
    ordered: Sequence[Save],
    replacing: dict[str, Save],
    answers: Sequence[GivenAnswer],
    marked: Collection[Laterality | None] = (),
) -> tuple[tuple[BreastDecision, ...], tuple[str, ...], tuple[str, ...], dict[str, str]]:
    """Fold the decisions of saves and answers, right breast first.

    Parameters
    ----------
    ordered : sequence of Save
        As `revision.in_order` gives them.
    replacing : dict
        As `revision.replaced` gives it.
    marked : collection of str or None
        The sides on which marks lie that were not taken back; None where one lies on neither.

    Returns
    -------
    tuple
        The breasts of which anything was said; what is asked of decisions; the questions of
        breasts that are not decided; and what is read of each side, for answers to keep.
    """
    kept = [
        save
        for save in ordered
        if save.key not in replacing or not replacing[save.key].read.breasts
    ]
    breasts: list[BreastDecision] = []
    asked: list[str] = []
    undecided: list[str] = []
    seen: dict[str, str] = {}
    for side in _BOTH:
        said = _said(side, kept)
        seen[side] = said.seen
        answer = next(
            (a for a in reversed(answers) if a.kind in _DECIDES and a.laterality in (None, side)),
            None,
        )
        breast, question = _decided(side, said, answer)
        if answer is not None and answer.kind is Answer.NORMAL and {side, None} & {*marked}:
            # Nobody says so of a case with marks: they have come since.
            breast, question = BreastDecision(side, None), _since_normal(side)
        if breast.decision is None and not question:
            undecided.append(questions.UNDECIDED.format(side=questions.SIDES[side]))
        if question:
            asked.append(question)
        if breast != BreastDecision(side, None):
            breasts.append(breast)
    return tuple(breasts), tuple(asked), tuple(undecided), seen


def _decided(
    side: Laterality, said: _Said, answer: GivenAnswer | None
) -> tuple[BreastDecision, str]:
    """What counts for a breast: the answer, as long as the saves say what they said then."""
    if answer is None:
        return (BreastDecision(side, None) if said.doubt else said.breast), said.doubt
    mine = BreastDecision(
        side,
        answer.decision,
        answer.rating if answer.rating is not None else said.breast.rating,
        answer.density or said.breast.density,
    )
    agrees = not said.doubt and said.breast.decision in (None, mine.decision)
    if agrees or _seen_of(answer, side) == said.seen:
        return mine, ""
    return BreastDecision(side, None), said.doubt or questions.SINCE.format(
        answer=questions.decision_words(mine),
        side=questions.SIDES[side],
        said=questions.decision_words(said.breast),
    )


def _since_normal(side: Laterality) -> str:
    return questions.SINCE_NORMAL.format(side=questions.SIDES[side])


def _seen_of(answer: GivenAnswer, side: Laterality) -> str:
    """What stood of this side when it was answered; an answer on both keeps both."""
    both = dict(part.split("=", 1) for part in answer.seen.split(";") if "=" in part)
    return both.get(side, answer.seen if not both else "")


def _said(side: Laterality, saves: Sequence[Save]) -> _Said:
    """What saves say of one breast, the later saying before the earlier one."""
    told = [
        (save, breast)
        for save in saves
        for breast in save.read.breasts
        if breast.laterality == side
    ]
    sure = [(save, b) for save, b in told if not save.unsure] or told
    rating = next((b.rating for _, b in reversed(sure) if b.rating is not None), None)
    density = next((b.density for _, b in reversed(sure) if b.density), None)
    decided = [(save, b) for save, b in told if b.decision is not None or _contradicts(save, b)]
    if not decided:
        plain = BreastDecision(side, None, rating, density)
        return _Said(BreastDecision(side, None) if _all_unsure(told) else plain, "", "")
    last, breast = decided[-1]
    others = [(save, b) for save, b in decided[:-1] if b.decision != breast.decision]
    doubt = ""
    if breast.decision is None or any(not is_surely_later(last, save) for save, _ in others[-1:]):
        several = dict.fromkeys(
            questions.decision_words(b) for _, b in (*others[-1:], (last, breast))
        )
        doubt = questions.TWO_DECISIONS.format(
            side=questions.SIDES[side], said=" and ".join(several)
        )
    elif all(save.unsure for save, b in decided if b.decision == breast.decision):
        doubt = questions.UNSURE_DECISION.format(
            side=questions.SIDES[side], said=questions.decision_words(breast)
        )
    elif last.rejected:
        doubt = questions.REJECTED_DECISION.format(
            side=questions.SIDES[side], said=questions.decision_words(breast)
        )
    elif _is_gone(last, saves):
        doubt = questions.NO_LONGER.format(
            side=questions.SIDES[side], said=questions.decision_words(breast)
        )
    seen = f"{breast.decision or ''}/{rating or ''}/{'doubt' if doubt else ''}"
    return _Said(BreastDecision(side, breast.decision, rating, density), doubt, seen)


def _all_unsure(told: Sequence[tuple[Save, BreastDecision]]) -> bool:
    """Whether all that is said may be somebody else's."""
    return all(save.unsure for save, _ in told)


def _contradicts(save: Save, breast: BreastDecision) -> bool:
    """Whether a save decides two things for a breast, which therefore says neither."""
    flagged = any("decision-conflict" in mark.flags for mark in save.read.marks)
    return breast.decision is None and (flagged or bool(save.read.refused))


def _is_gone(last: Save, saves: Sequence[Save]) -> bool:
    """Whether a newer save of all that is drawn no longer says what the last decision was."""
    later = saves[[save.key for save in saves].index(last.key) + 1 :]
    return any(
        save.whole
        and save.source == last.source
        and save.holds_anything()
        and set(last.read.referenced_images) <= set(save.read.referenced_images)
        for save in later
    )
