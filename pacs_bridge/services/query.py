"""Answering what a PACS asks about the case sets that were loaded into it (C-FIND).

Answers are joined from elements that were encoded beforehand. Every question
leaves an event without a word of it.

References
----------
PS3.4 C.4.1 (C-FIND), table C.4-1 (statuses).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.matching import Condition, condition_of
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.query import (
    ATTRIBUTES,
    AVAILABILITY,
    CHARACTER_SET,
    LEVEL,
    RETRIEVE_AE_TITLE,
    TIME_ZONE,
    UNIQUE,
    FindRequest,
    Level,
    Question,
    Root,
    TooMuchAsked,
    check_levels,
)
from pacs_bridge.services.event_log import EventLog, Kept
from pacs_bridge.services.query_identifier import read_question
from pacs_bridge.services.query_index import QueryIndex, SetIndex
from pacs_bridge.services.query_tables import Table, encode_element
from pacs_bridge.upper_layer.prescan import is_explicit

MOST_MATCHES = 20_000
_ALWAYS = frozenset((CHARACTER_SET, LEVEL, RETRIEVE_AE_TITLE, AVAILABILITY, TIME_ZONE))


@dataclass(frozen=True)
class Found:
    """What a question found, in the form of its answers.

    Parameters
    ----------
    identifiers : iterator of bytes
        One a match; made while it is read.
    ignored : bool
        Whether the question had optional keys that we lack.
    """

    identifiers: Iterator[bytes]
    matches: int
    ignored: bool
    level: Level


def find_matches(
    request: FindRequest,
    root: Root,
    *,
    read: Begin,
    index: QueryIndex,
    most: int = MOST_MATCHES,
) -> Found:
    """Find what matches a question among the sets loaded into the caller's PACS.

    Raises
    ------
    UnreadableObject, UnfitIdentifier
        When the identifier cannot be read, or does not fit the model.
    TooMuchAsked
        When more than `most` would match; nothing is answered then.
    """
    question = read_question(request.identifier, request.transfer_syntax_uid, root)
    check_levels(question)
    conditions = conditions_of(question)
    with read() as uow:
        view = index.view(uow, request.caller.pacs)
    rows = rows_of(view, question.level, conditions, most)
    wanted, ignored = _wanted(question)
    explicit = is_explicit(request.transfer_syntax_uid)
    form = _Form(question.level, wanted, request.caller.called_ae_title, explicit)
    identifiers = form.of(view.tables[question.level], rows) if rows else iter(())
    return Found(identifiers, len(rows), ignored, question.level)


def conditions_of(question: Question) -> list[Condition]:
    """Make the conditions of a question, those that an index answers first."""
    made = []
    for tag, text in question.keys.items():
        attribute = ATTRIBUTES.get(tag)
        if attribute is not None and attribute.level <= question.level:
            condition = condition_of(attribute, text)
            if condition is not None:
                made.append(condition)
    return sorted(made, key=_cost)


def _cost(condition: Condition) -> tuple[bool, bool, int]:
    """What an index answers comes first, and of that what is most particular."""
    level = ATTRIBUTES[condition.tag].level
    return condition.exact is None, condition.span is None, -level


def rows_of(
    view: SetIndex, level: Level, conditions: Sequence[Condition], most: int
) -> Sequence[int]:
    """List the matching rows of one level.

    Raises
    ------
    TooMuchAsked
        When there are more than `most`.
    """
    if level not in view.tables:
        return ()
    rows = view.tables[level].matching(conditions)
    if len(rows) > most:
        raise TooMuchAsked(f"More than {most} would match; ask for less at once.")
    return rows


def _wanted(question: Question) -> tuple[list[int], bool]:
    """The attributes to return, in the order of tags, and whether others were asked for."""
    own = question.level
    known = {tag for tag in question.keys if tag in ATTRIBUTES and ATTRIBUTES[tag].level <= own}
    ignored = any(tag not in known and tag not in _ALWAYS for tag in question.keys)
    wanted = known | {UNIQUE[own], LEVEL, RETRIEVE_AE_TITLE}
    if AVAILABILITY in question.keys:
        wanted.add(AVAILABILITY)
    return sorted(wanted), ignored


class _Form:
    """How one question's answers are put together."""

    def __init__(self, level: Level, wanted: list[int], ae_title: str, explicit: bool) -> None:
        self._explicit, self._wanted = explicit, wanted
        fixed = {
            LEVEL: ("CS", level.name),
            RETRIEVE_AE_TITLE: ("AE", ae_title),
            AVAILABILITY: ("CS", "ONLINE"),
        }
        self._fixed = {
            tag: encode_element(tag, vr, text, explicit=explicit)
            for tag, (vr, text) in fixed.items()
        }
        self._unicode = encode_element(CHARACTER_SET, "CS", "ISO_IR 192", explicit=explicit)

    def of(self, table: Table, rows: Sequence[int]) -> Iterator[bytes]:
        """Put the answers of some rows together."""
        columns: list[Sequence[bytes]] = []
        if any(not table.is_ascii(tag) for tag in self._wanted if tag in ATTRIBUTES):
            columns.append([self._unicode if self._is_foreign(table, r) else b"" for r in rows])
        for tag in self._wanted:
            if tag in self._fixed:
                columns.append([self._fixed[tag]] * len(rows))
            else:
                column = table.encoded(tag, explicit=self._explicit)
                columns.append([column[row] for row in rows])
        return map(b"".join, zip(*columns, strict=True))

    def _is_foreign(self, table: Table, row: int) -> bool:
        tags = (tag for tag in self._wanted if tag in ATTRIBUTES)
        return not all(table.values(tag)[row].isascii() for tag in tags)


def note_query(
    caller: Caller,
    root: Root | None,
    level: Level | None,
    status: int,
    matches: int,
    *,
    log: EventLog,
    now: Clock,
) -> None:
    """Keep that a question was asked, and how it ended; never what it was.

    Parameters
    ----------
    root : Root or None
        None where the worklist was asked.
    """
    detail: dict[str, str | int] = {
        "association": caller.association_id,
        "model": "worklist" if root is None else root.value,
        "level": level.name if level is not None else "",
        "status": f"{status:04X}",
        "matches": matches,
    }
    log.keep(Kept(now(), "query", caller.pacs or "", detail))
