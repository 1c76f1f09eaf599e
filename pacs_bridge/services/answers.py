"""What a reader answers on our page: each answer is kept, none is ever changed.

Every answer stands in one transaction with the re-opening of its reading and the job that
closes it again. A client's token makes a repeated answer the same answer.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.answers import GivenAnswer
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.marks import Code, Decision, Laterality, Point, Shape
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.receipts import Answer, MarkState, Receipt
from pacs_bridge.services.folded import end_of, fold_reading
from pacs_bridge.services.receipts import OwnCase, make_receipt, own_case, unread_cases
from pacs_bridge.sr.geometry import centre_of
from pacs_bridge.sr.site_words import NATIONAL, finding_of

_SIDES: dict[str, Laterality] = {"R": "R", "L": "L"}
_POINTS: dict[str, tuple[int, int]] = {
    "POINT": (1, 1),
    "CIRCLE": (2, 2),
    "ELLIPSE": (4, 4),
    "POLYLINE": (2, 2000),
    "POLYGON": (3, 2000),
}
"""How few and how many points each shape of our sheet has."""

_ANY_TIME = datetime.min.replace(tzinfo=UTC)
CLOSED = "The round has ended; what you answer now cannot count any more."
NO_MARK = "This mark is not there any more; load the page again."
DENSITIES = ("a", "b", "c", "d")


def answer_mark(
    reader: str,
    accession: str,
    key: str,
    answer: Answer | str,
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    rating: int | None = None,
    finding: str | None = None,
    token: str = "",
) -> Receipt:
    """Confirm, mend or take back one mark.

    Parameters
    ----------
    key : str
        The mark, as the receipt names it.
    settle : float
        Seconds after which the reading may close, when nothing more comes.
    rating, finding
        What is meant instead, of MEND: 1 to 5, and a word as `finding_words` gives them.
    token : str
        Made by the page once an answer: the same token is the same answer.

    Raises
    ------
    NotFound
        When this reader does not read that case, or it holds no such mark.
    RefusedInput
        When the answer is none of the three, says nothing, or comes too late.
    """
    kind = _kind(answer)
    with begin() as uow:
        own = own_case(uow, reader, accession)
        folded = fold_reading(uow, own.reading_uid, own.case.set_name, reader).folded
        mark = folded.find(key)
        if mark is None:
            raise NotFound(NO_MARK)
        given = GivenAnswer(
            0,
            kind,
            now(),
            key=key,
            seen=mark.seen,
            rating=check_rating(rating) if kind is Answer.MEND else None,
            finding=find_code(finding) if kind is Answer.MEND else None,
        )
        if kind is Answer.MEND and given.rating is None and given.finding is None:
            raise RefusedInput("Say which rating or which finding you mean.")
        return keep_answer(uow, own, given, token, now(), settle)


def place_mark(
    reader: str,
    accession: str,
    *,
    image: str,
    frame: int | None,
    shape: Shape | str,
    points: Iterable[Point],
    rating: int | None,
    finding: str | None,
    begin: Begin,
    now: Clock,
    settle: float,
    token: str = "",
) -> Receipt:
    """Put a mark on our own sheet.

    Parameters
    ----------
    image : str
        SOP Instance UID of the master image.
    points : iterable of (float, float)
        Image coordinates (`domain.marks.Point`).

    Raises
    ------
    NotFound
        When this reader does not read that case.
    RefusedInput
        When the mark does not lie on an image of the case, or comes too late.
    """
    with begin() as uow:
        own = own_case(uow, reader, accession)
        known = uow.case_sets.images([image]).get(image)
        if known is None or known.accession != own.case.master:
            raise RefusedInput("This image is not one of this case; load the page again.")
        if known.frames > 1 and not (frame is not None and 1 <= frame <= known.frames):
            raise RefusedInput("Say on which frame of the image the mark lies.")
        form = check_shape(shape)
        drawn = check_points(form, points, known.rows, known.columns)
        given = GivenAnswer(
            0,
            Answer.PLACE,
            now(),
            rating=check_rating(rating),
            finding=find_code(finding),
            laterality=_SIDES.get(known.laterality),
            view=known.view or None,
            image=image,
            frame=frame if known.frames > 1 else None,
            shape=form,
            points=drawn,
            centre=centre_of(form, drawn),
        )
        return keep_answer(uow, own, given, token, now(), settle)


def decide_breast(
    reader: str,
    accession: str,
    laterality: Laterality | str,
    decision: Decision | str,
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    rating: int | None = None,
    density: str | None = None,
    token: str = "",
) -> Receipt:
    """Decide one breast: return to screening, recall, or technical recall.

    Raises
    ------
    NotFound
        When this reader does not read that case.
    RefusedInput
        When the breast or the decision is none, or the answer comes too late.
    """
    side = _SIDES.get(str(laterality))
    if side is None:
        raise RefusedInput("Say of which breast you decide: R or L.")
    if decision not in get_args(Decision):
        raise RefusedInput("Decide RTS, RECALL or TECH.")
    if density is not None and density not in DENSITIES:
        raise RefusedInput("A density is a, b, c or d.")
    with begin() as uow:
        own = own_case(uow, reader, accession)
        given = GivenAnswer(
            0,
            Answer.DECIDE,
            now(),
            seen=_decisions_seen(uow, own),
            rating=check_rating(rating),
            laterality=side,
            decision=decision,  # type: ignore[arg-type]  # just compared
            density=density,
        )
        return keep_answer(uow, own, given, token, now(), settle)


def declare_normal(
    reader: str,
    accession: str,
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    token: str = "",
) -> Receipt:
    """Say that a case is normal: both breasts return to screening.

    Raises
    ------
    NotFound
        When this reader does not read that case.
    RefusedInput
        When it holds marks, or the answer comes too late.
    """
    with begin() as uow:
        own = own_case(uow, reader, accession)
        return _normal(uow, own, token, now(), settle)


def declare_rest_normal(
    reader: str,
    set_name: str,
    accessions: Iterable[str],
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    token: str = "",
) -> int:
    """Say of every case of which nothing is known that it is normal, each by its name.

    Parameters
    ----------
    accessions : iterable of str
        Exactly the cases of which nothing is known, as they were shown.

    Returns
    -------
    int
        How many were declared normal.

    Raises
    ------
    NotFound
        When this reader does not read that set.
    RefusedInput
        When the named cases are not exactly those; nothing is declared then.
    """
    named = set(accessions)
    with begin() as uow:
        unread = unread_cases(uow, reader, set_name)
        if token and uow.answers.has_token(reader, set_name, token):
            return len(named)
        if named != set(unread):
            raise RefusedInput(
                "The list of cases of which nothing is known has changed; look at it again."
            )
        if not named:
            raise RefusedInput("No case is left of which nothing is known.")
        for accession in unread:
            _normal(uow, own_case(uow, reader, accession), token, now(), settle)
        return len(unread)


def finding_words() -> tuple[str, ...]:
    """The words for findings that a reader may choose from."""
    return tuple(sorted({code.meaning.lower() for code in NATIONAL.findings.values()}))


def _normal(uow: UnitOfWork, own: OwnCase, token: str, moment: datetime, settle: float) -> Receipt:
    folded = fold_reading(uow, own.reading_uid, own.case.set_name, own.reader).folded
    if any(mark.state is not MarkState.DROPPED for mark in folded.marks):
        raise RefusedInput("There are marks on this case: take them back, or decide each breast.")
    given = GivenAnswer(
        0, Answer.NORMAL, moment, seen=_join_seen(folded.decisions_seen), decision="RTS"
    )
    return keep_answer(uow, own, given, token, moment, settle)


def _decisions_seen(uow: UnitOfWork, own: OwnCase) -> str:
    folded = fold_reading(uow, own.reading_uid, own.case.set_name, own.reader).folded
    return _join_seen(folded.decisions_seen)


def _join_seen(seen: dict[str, str]) -> str:
    return ";".join(f"{side}={said}" for side, said in sorted(seen.items()))


def keep_answer(
    uow: UnitOfWork, own: OwnCase, given: GivenAnswer, token: str, moment: datetime, settle: float
) -> Receipt:
    """Keep an answer, open its reading again and queue its closing, all or nothing."""
    case = own.case
    end = end_of(uow, case.set_name, own.reader)
    if end is not None and moment >= end and case.kind != "practice":
        raise RefusedInput(CLOSED)
    answer_id = uow.answers.add(
        given,
        reading_uid=own.reading_uid,
        set_name=case.set_name,
        accession=case.master,
        reader=own.reader,
        token=token[:64] or _token_of(given, uow.answers.of_reading(own.reading_uid)),
    )
    if answer_id is not None:
        uow.readings.touch(
            reading_uid=own.reading_uid,
            set_name=case.set_name,
            accession=case.master,
            kind=case.kind,
            reader=own.reader,
            pacs=next((s.pacs for s in uow.sites.all() if s.name == own.enrolment.site), ""),
            now=moment,
        )
        uow.events.add(
            moment, "reading-answered", own.reading_uid, answer=str(given.kind), number=answer_id
        )
        key = f"close-{own.reading_uid}-answer-{answer_id}"
        uow.enqueue("close", own.reading_uid, key=key, delay=settle)
    return make_receipt(uow, own, moment)


def _token_of(given: GivenAnswer, before: list[GivenAnswer]) -> str:
    """A token for who gave none: the same answer twice in a row is one answer."""
    plain = replace(given, answer_id=0, given_at=_ANY_TIME)
    place = len(before)
    if before and replace(before[-1], answer_id=0, given_at=_ANY_TIME) == plain:
        place -= 1
    said = json.dumps([place, str(given.kind), given.key, given.as_dict()], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _kind(answer: Answer | str) -> Answer:
    if answer in (Answer.CONFIRM, Answer.MEND, Answer.DROP):
        return Answer(answer)
    raise RefusedInput("Confirm a mark, mend it or take it back.")


def check_rating(rating: int | None) -> int | None:
    """Check a rating; none is no rating."""
    if rating is not None and rating not in range(1, 6):
        raise RefusedInput("A rating goes from 1 (normal) to 5 (highly suspicious).")
    return rating


def find_code(word: str | None) -> Code | None:
    """Give the code of a finding that a reader may choose."""
    if not word:
        return None
    code = finding_of(word)
    if code is None:
        raise RefusedInput("There is no such finding; choose one of the list.")
    return code


def check_shape(shape: str) -> Shape:
    """Check a shape of our sheet."""
    if shape not in _POINTS:
        raise RefusedInput(f"A mark is one of {', '.join(_POINTS)}.")
    return shape  # type: ignore[return-value]  # just compared


def check_points(shape: str, points: Iterable[Point], rows: int, columns: int) -> tuple[Point, ...]:
    """Check the points of a mark: all on the image, and as many as its shape has."""
    drawn = tuple((float(x), float(y)) for x, y in points)
    fewest, most = _POINTS[shape]
    if not fewest <= len(drawn) <= most:
        raise RefusedInput(f"This {shape.lower()} is not whole; draw it again.")
    if not all(0 <= x <= columns and 0 <= y <= rows for x, y in drawn):
        raise RefusedInput("A mark lies on the image; draw it there.")
    if _is_nothing(shape, drawn):
        raise RefusedInput(f"This {shape.lower()} is too small to be seen; draw it larger.")
    return drawn


def _is_nothing(shape: str, drawn: tuple[Point, ...]) -> bool:
    """Whether what is drawn has no extent, so that no viewer could show it."""
    if shape == "POINT":
        return False
    if shape == "ELLIPSE":
        return min(math.dist(*drawn[:2]), math.dist(*drawn[2:])) < 1
    if shape == "POLYGON":
        ring = zip(drawn, (*drawn[1:], drawn[0]), strict=True)
        return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in ring)) / 2 < 1
    return all(math.dist(drawn[0], point) < 1 for point in drawn)
