"""What images that were fetched back say about cases, beside what queries say.

An answer to a query that names an image's size proves that it is kept at that size. Where no
size is told, only the image itself can prove it; and an image that came back with other content
is a conflict, whatever the PACS says of it.

References
----------
DESIGN.md 5; STANDARDS.md 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.intact import Change, Grade, IntactCheck, word_changed, word_others_changed
from pacs_bridge.domain.loading import GRADE, CaseVerdict, Completeness
from pacs_bridge.domain.sentences import CHECK_AGAIN, About, KnownAs, about

_AWAY = (
    "Your PACS could not be reached to fetch images back, so that their size is not known. Check "
    f"that it is running. {CHECK_AGAIN}"
)


def _word_unsized(of: About) -> str:
    return (
        "Your PACS does not say at what size it keeps these images, and gives us none back to look "
        f"at. Let our AE title {of.known.asking} fetch from it (C-GET, or C-MOVE to our address). "
        f"{CHECK_AGAIN}\nIf that cannot be done, tell the scheme: it can settle for finding our "
        "own images at your PACS. Nobody would then notice images that were made smaller."
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
    known: KnownAs | None = None,
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
    known : KnownAs, optional
        What the PACS knows us by, for the sentences.
    """
    if verdict.complete not in GRADE:
        return verdict
    ours = {image.sop_instance_uid for image in case.instances()}
    grave = {} if check is None else {u: c for u, c in check.grave.items() if u in ours}
    if grave:
        return _changed(case, verdict, check, grave, about(case, known=known))
    if verdict.complete is not Completeness.PROVEN or tells_sizes(case, answer):
        return verdict
    if check is not None and check.came and check.grade is not Grade.CONFLICT:
        evidence = (
            f"{verdict.evidence}; the PACS tells no sizes, so {_images(check.came)} of this load "
            "were fetched back: none was changed in size or content"
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
            instruction=word_others_changed(worst),
        )
    return replace(
        verdict,
        complete=Completeness.COUNTED,
        evidence=f"{verdict.evidence}; no sizes told, and no image came back to be looked at",
        instruction=verdict.instruction
        if grade is not Completeness.PROVEN
        else (_AWAY if away else _word_unsized(about(case, known=known))),
        waiting=away,
    )


def _changed(
    case: Case,
    verdict: CaseVerdict,
    check: IntactCheck | None,
    grave: Mapping[str, Change],
    of: About,
) -> CaseVerdict:
    """Say of a case that its images came back with other content."""
    worst = min(grave.values(), key=list(Change).index)
    there = here = ""
    sizes = {} if check is None else check.sizes
    for image in case.instances():
        if image.sop_instance_uid in sizes and not there:
            there = "{} x {}".format(*sizes[image.sop_instance_uid])
            here = f"{image.rows} x {image.columns}"
    told = f"{worst.value}, {there} pixels, and {here} here" if there else worst.value
    return replace(
        verdict,
        complete=Completeness.CONFLICT,
        evidence=f"{verdict.evidence}; fetched back: {told} ({_images(len(grave))})",
        instruction=word_changed(worst, of, there=there, here=here),
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
