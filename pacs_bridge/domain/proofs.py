"""What images that were fetched back say about cases, beside what queries say.

An answer to a query that names an image's size proves that it is kept at that size. Where no
size is told, only the image itself can prove it; and an image that came back with other content
is a conflict, whatever the PACS says of it.

References
----------
DESIGN.md 5; STANDARDS.md 5.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.intact import Change, Grade, IntactCheck, word_changed
from pacs_bridge.domain.loading import GRADE, CaseVerdict, Completeness

_UNSIZED = (
    "Your PACS does not say at what size it keeps these images, and gives us none back to look "
    "at: let our AE title fetch from it (C-GET, or C-MOVE to our address), or agree with the "
    "scheme that finding our own images suffices (grade counted)."
)


_AWAY = (
    "Your PACS could not be reached to fetch images back, so that their size is not known: check "
    "that it is running; we try again by ourselves."
)


def tells_sizes(case: Case, answer: PacsAnswer) -> bool:
    """Whether the PACS told the size of each image of ours that it listed."""
    ours = {image.sop_instance_uid for image in case.instances()}
    return all(
        image.rows and image.columns
        for found in answer.studies.values()
        if found is not None
        for image in found.images or ()
        if image.sop_instance_uid in ours
    )


def is_current(check: IntactCheck | None, last_sent_at: datetime | None) -> bool:
    """Whether a check was made since the last image went out."""
    return check is not None and (last_sent_at is None or last_sent_at <= check.checked_at)


def weigh(
    case: Case,
    answer: PacsAnswer,
    verdict: CaseVerdict,
    check: IntactCheck | None,
    *,
    grade: Completeness = Completeness.PROVEN,
    tried: bool = True,
    away: bool = False,
) -> CaseVerdict:
    """Put what came back over what was said of a case that is all there.

    Parameters
    ----------
    check : IntactCheck or None
        A current one, see `is_current`.
    tried : bool
        Whether fetching images back was tried; before that nothing is held against a case.
    away : bool
        Whether that found nobody to fetch from: it is tried again.
    """
    if verdict.complete not in GRADE:
        return verdict
    ours = {image.sop_instance_uid for image in case.instances()}
    grave = {} if check is None else {u: c for u, c in check.grave.items() if u in ours}
    if grave:
        worst: Change = min(grave.values(), key=list(Change).index)
        return replace(
            verdict,
            complete=Completeness.CONFLICT,
            evidence=f"{verdict.evidence}; fetched back: {worst.value} ({_images(len(grave))})",
            instruction=word_changed(worst),
        )
    if verdict.complete is not Completeness.PROVEN or tells_sizes(case, answer):
        return verdict
    if check is not None and check.came and check.grade is not Grade.CONFLICT:
        evidence = (
            f"{verdict.evidence}; no sizes told, {_images(check.came)} fetched back and looked at"
        )
        return replace(verdict, evidence=evidence)
    if not tried:
        return verdict
    if check is not None and check.grave:
        worst = min(check.grave.values(), key=list(Change).index)
        return replace(
            verdict,
            complete=Completeness.COUNTED,
            evidence=f"{verdict.evidence}; no sizes told, and others came back: {worst.value}",
            instruction=word_changed(worst, "other cases"),
        )
    return replace(
        verdict,
        complete=Completeness.COUNTED,
        evidence=f"{verdict.evidence}; no sizes told, and no image came back to be looked at",
        instruction=verdict.instruction
        if grade is not Completeness.PROVEN
        else (_AWAY if away else _UNSIZED),
        waiting=away,
    )


def _images(number: int) -> str:
    return f"{number} image{'s' * (number != 1)}"


def wants_looking_at(
    cases: Sequence[Case],
    answers: Sequence[PacsAnswer],
    check: IntactCheck | None,
    *,
    current: bool,
) -> bool:
    """Whether images have to be fetched back before a load may be called ready.

    So where sizes are not told and nothing came back since it was sent, and where the last
    images that came back were not ours any more.
    """
    if check is not None and check.grade is Grade.CONFLICT:
        return True
    if current and check is not None and check.came:
        return False
    return not all(map(tells_sizes, cases, answers))
