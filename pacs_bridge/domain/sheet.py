"""What a reader says on our page answer by answer: marks that were moved, and what is one finding.

Answers are kept and never changed. A mark of the sheet is what its last answer makes of it, and
which marks are one finding is what the viewer says, and then what the reader says, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pacs_bridge.domain.answers import GivenAnswer
from pacs_bridge.domain.reading import same_geometry
from pacs_bridge.domain.receipts import Answer
from pacs_bridge.domain.revision import is_on_one

_OF_MARKS = frozenset({Answer.CONFIRM, Answer.MEND, Answer.DROP})


def marks_of_sheet(answers: Iterable[GivenAnswer]) -> list[GivenAnswer]:
    """Give the marks put on our sheet, each as it was moved and reshaped last.

    Parameters
    ----------
    answers : iterable of GivenAnswer
        Oldest first.
    """
    standing: dict[str, GivenAnswer] = {}
    for answer in answers:
        if answer.kind is Answer.PLACE:
            standing[answer.placed_key] = answer
        elif answer.kind is Answer.MOVE and answer.key in standing:
            standing[answer.key] = replace(
                standing[answer.key],
                shape=answer.shape,
                points=answer.points,
                centre=answer.centre,
                rating=answer.rating,
                finding=answer.finding,
            )
    return list(standing.values())


def last_at_each_place(placed: Sequence[GivenAnswer]) -> list[GivenAnswer]:
    """Leave out marks of our sheet that were put once more where they lie: each is one mark."""
    marks = [answer.as_mark() for answer in placed]
    return [
        answer
        for place, answer in enumerate(placed)
        if not any(
            is_on_one(marks[place], later) and same_geometry(marks[place], later)
            for later in marks[place + 1 :]
        )
    ]


def answers_of_marks(answers: Iterable[GivenAnswer]) -> dict[str, GivenAnswer]:
    """Give the last answer to each mark; moving one says all of it anew."""
    given: dict[str, GivenAnswer] = {}
    for answer in answers:
        if answer.kind in _OF_MARKS:
            given[answer.key] = answer
        elif answer.kind is Answer.MOVE:
            given.pop(answer.key, None)
    return given


def say_findings(
    by_viewer: Sequence[tuple[str, ...]],
    answers: Iterable[GivenAnswer],
    names: Mapping[str, str],
) -> tuple[tuple[str, ...], ...]:
    """Give the keys of the marks of each finding, as the reader has it.

    Parameters
    ----------
    by_viewer : sequence of tuple of str
        As `linking.link_findings` gives them.
    names : mapping of str to str
        What a mark of the sheet is called that an object holds, too.
    """
    findings = [list(finding) for finding in by_viewer]
    for answer in answers:
        if answer.kind in (Answer.LINK, Answer.PART):
            one, other = (names.get(key, key) for key in (answer.key, answer.other))
            mine = _taken(findings, one)
            if answer.kind is Answer.LINK:
                theirs = mine if other in mine else _taken(findings, other)
                findings.append([*mine, *(key for key in theirs if key not in mine)])
            else:
                findings.append([key for key in mine if key != one])
    return tuple(tuple(finding) for finding in findings if len(finding) > 1)


def _taken(findings: list[list[str]], key: str) -> list[str]:
    """Take the finding of a mark out of all; one that stands alone is a finding, too."""
    for finding in findings:
        if key in finding:
            findings.remove(finding)
            return finding
    return [key]
