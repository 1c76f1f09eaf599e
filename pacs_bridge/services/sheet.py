"""What a reader does with marks that are here: moves those of the sheet, says what is one."""

from __future__ import annotations

from collections.abc import Iterable

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.answers import GivenAnswer
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.folding import SHEET, Folded, FoldedMark
from pacs_bridge.domain.marks import Point, Shape
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.receipts import Answer, MarkState, Receipt
from pacs_bridge.services.answers import (
    NO_MARK,
    check_points,
    check_rating,
    check_shape,
    find_code,
    keep_answer,
)
from pacs_bridge.services.folded import fold_reading
from pacs_bridge.services.receipts import OwnCase, make_receipt, own_case
from pacs_bridge.sr.geometry import centre_of


def move_mark(
    reader: str,
    accession: str,
    key: str,
    *,
    shape: Shape | str,
    points: Iterable[Point],
    rating: int | None,
    finding: str | None,
    begin: Begin,
    now: Clock,
    settle: float,
    token: str = "",
) -> Receipt:
    """Move or reshape a mark of our sheet on its image, and say anew what it is.

    Parameters
    ----------
    key : str
        The mark, as the receipt names it.
    points : iterable of (float, float)
        Image coordinates (`domain.marks.Point`).

    Raises
    ------
    NotFound
        When this reader does not read that case, or it holds no such mark.
    RefusedInput
        When the mark was drawn in a viewer or taken back, does not lie on its image, or the
        answer comes too late.
    """
    with begin() as uow:
        own = own_case(uow, reader, accession)
        mark = _mark(_folded(uow, own), key)
        if mark.sources != (SHEET,):
            raise RefusedInput(
                "This mark was drawn in your viewer: move it there, or take it back and draw it "
                "here."
            )
        if mark.state is MarkState.DROPPED:
            raise RefusedInput("This mark was taken back: say first that it is a mark of yours.")
        known = uow.case_sets.images([mark.mark.image])[mark.mark.image]
        form = check_shape(shape)
        drawn = check_points(form, points, known.rows, known.columns)
        given = GivenAnswer(
            0,
            Answer.MOVE,
            now(),
            key=key,
            seen=mark.seen,
            rating=check_rating(rating),
            finding=find_code(finding),
            shape=form,
            points=drawn,
            centre=centre_of(form, drawn),
        )
        return keep_answer(uow, own, given, token, now(), settle)


def link_marks(
    reader: str,
    accession: str,
    key: str,
    other: str,
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    token: str = "",
) -> Receipt:
    """Say that two marks on two views of a breast are one finding.

    Raises
    ------
    NotFound
        When this reader does not read that case, or it holds no such marks.
    RefusedInput
        When they are not of one breast, or two of the finding would lie on one view, or the
        answer comes too late.
    """
    with begin() as uow:
        own = own_case(uow, reader, accession)
        folded = _folded(uow, own)
        one, two = _mark(folded, key), _mark(folded, other)
        together = (one, *folded.one_with(key))
        if two in together:
            return make_receipt(uow, own, now())
        check_link(together, (two, *folded.one_with(other)))
        given = GivenAnswer(0, Answer.LINK, now(), key=key, other=other)
        return keep_answer(uow, own, given, token, now(), settle)


def part_mark(
    reader: str,
    accession: str,
    key: str,
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    token: str = "",
) -> Receipt:
    """Say that a mark is a finding of its own, whatever was said before.

    Raises
    ------
    NotFound
        When this reader does not read that case, or it holds no such mark.
    RefusedInput
        When the answer comes too late.
    """
    with begin() as uow:
        own = own_case(uow, reader, accession)
        folded = _folded(uow, own)
        _mark(folded, key)
        if not folded.one_with(key):
            return make_receipt(uow, own, now())
        given = GivenAnswer(0, Answer.PART, now(), key=key)
        return keep_answer(uow, own, given, token, now(), settle)


def check_link(one: Iterable[FoldedMark], two: Iterable[FoldedMark]) -> None:
    """Check that the marks of two findings may be one."""
    marks = (*one, *two)
    if any(each.state is MarkState.DROPPED for each in marks):
        raise RefusedInput("One of these marks was taken back: it is of no finding.")
    sides = {each.mark.laterality for each in marks}
    if len(sides) > 1 or None in sides:
        raise RefusedInput("Only marks of one breast can be one finding.")
    if len({each.mark.image for each in marks}) < len(marks):
        raise RefusedInput(
            "Two marks of one finding lie on two views; these would be two on one view."
        )


def _folded(uow: UnitOfWork, own: OwnCase) -> Folded:
    return fold_reading(uow, own.reading_uid, own.case.set_name, own.reader).folded


def _mark(folded: Folded, key: str) -> FoldedMark:
    mark = folded.find(key)
    if mark is None or mark.mark.shape == "TEXT" or not mark.mark.points:
        raise NotFound(NO_MARK)
    return mark
