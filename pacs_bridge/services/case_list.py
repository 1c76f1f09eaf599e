"""Which study becomes which case: from a CSV list, else by name.

The list has a header line and a line a study: ``study_instance_uid,number,kind`` and, where
wanted, ``prior`` (yes for an earlier study of the case) and ``word`` (printed on an image of
practice case 001). Other columns are left alone.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pacs_bridge.domain.caseset import CaseKind
from pacs_bridge.domain.errors import RefusedInput, UnreadableObject
from pacs_bridge.domain.identifiers import Naming, parse_uid

LIST_NAME = "cases.csv"
TRUTH_NAME = "truth.json"

_WORD = re.compile(r"[A-Z0-9]{4}")
_YES = {"yes", "y", "true", "1", "prior"}
_NO = {"", "no", "n", "false", "0", "current"}
_LARGEST = 16_000_000

Reasons = list[tuple[str, str]]


@dataclass(frozen=True)
class ListedStudy:
    """One line of the list."""

    study_instance_uid: str
    number: int
    kind: CaseKind
    prior: bool = False
    word: str = ""


@dataclass(frozen=True)
class PlannedCase:
    """A case to be made: its number and the source studies that it holds."""

    number: int
    kind: CaseKind
    study: str
    priors: tuple[str, ...] = ()
    word: str = ""


@dataclass
class _Draft:
    study: str = ""
    priors: list[str] = field(default_factory=list)
    word: str = ""


def plan_cases(
    studies: Sequence[str],
    listed: Sequence[ListedStudy] | None,
    *,
    naming: Naming,
    partial: bool,
    reasons: Reasons,
    words: dict[int, str] | None = None,
) -> list[PlannedCase]:
    """Give each study its case, in case order.

    Parameters
    ----------
    studies : sequence of str
        Source Study Instance UIDs, in order of their names.
    listed : sequence of ListedStudy or None
        The list; without one, studies become cases by name: in a full set the practice part
        first; in a smaller one the first is practice and the rest test.
    reasons : list of (str, str)
        What is wrong with the list is added, with the study it is about.
    words : dict, optional
        Words by case number, where the list says none.

    Raises
    ------
    RefusedInput
        When there are too many studies, or too few without ``partial``.
    """
    cases = (
        _from_list(studies, listed, reasons) if listed is not None else _by_name(studies, naming)
    )
    full = len(naming.numbers())
    if len(cases) > full:
        raise RefusedInput(
            f"There are too many studies: {len(cases)} cases, and a set has {full}; take the "
            "others out of the folder."
        )
    if len(cases) < full and not partial:
        raise RefusedInput(
            f"There are too few studies: {len(cases)} cases, and a set has {full}; add the missing "
            "ones, or give --partial for a pilot."
        )
    return [
        PlannedCase(
            number,
            cast(CaseKind, naming.kind_of(number)),
            draft.study,
            tuple(draft.priors),
            draft.word or (words or {}).get(number, ""),
        )
        for number, draft in sorted(cases.items())
    ]


def _by_name(studies: Sequence[str], naming: Naming) -> dict[int, _Draft]:
    numbers = naming.numbers()
    if len(studies) < len(numbers):
        tests = range(naming.test[0], naming.test[1] + 1)
        practice = max(1, len(studies) - len(tests))
        numbers = [*range(naming.practice[0], naming.practice[0] + practice), *tests]
    # Studies beyond the last number are counted by the caller, under numbers that no case has.
    beyond = range(10_000, 10_000 + max(0, len(studies) - len(numbers)))
    return {
        number: _Draft(study) for number, study in zip([*numbers, *beyond], studies, strict=False)
    }


def _from_list(
    studies: Sequence[str], listed: Sequence[ListedStudy], reasons: Reasons
) -> dict[int, _Draft]:
    here, named = set(studies), {line.study_instance_uid for line in listed}
    reasons += [
        (study, "this study is not in the list of cases") for study in studies if study not in named
    ]
    drafts: dict[int, _Draft] = {}
    seen: set[str] = set()
    for line in listed:
        uid, draft = line.study_instance_uid, drafts.setdefault(line.number, _Draft())
        if uid in seen:
            reasons.append((uid, "this study stands in the list of cases twice"))
        elif uid not in here:
            reasons.append(
                (
                    uid,
                    f"case {line.number:03d} is made of this study, which is not in the folder",
                )
            )
        elif line.prior:
            draft.priors.append(uid)
        elif draft.study:
            reasons.append(
                (uid, f"case {line.number:03d} has two studies; mark the earlier one as prior")
            )
        else:
            draft.study = uid
        draft.word = draft.word or line.word
        seen.add(uid)
    for number, draft in drafts.items():
        if draft.priors and not draft.study:
            reasons.append(
                (draft.priors[0], f"case {number:03d} has a prior study and no current one")
            )
    return drafts


def read_case_list(path: Path, naming: Naming) -> list[ListedStudy]:
    """Read a list of cases.

    Raises
    ------
    RefusedInput
        When it is none; each line that cannot be used is named.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise RefusedInput(
                f"{path.name} is too large for a list of cases; give the right file."
            )
        text = path.read_text("utf-8-sig")
        rows = list(csv.DictReader(text.splitlines(), skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RefusedInput(
            f"{path.name} cannot be read as CSV in UTF-8; mend or replace it."
        ) from error
    if not rows or not {"study_instance_uid", "number"} <= set(rows[0]):
        raise RefusedInput(
            f"{path.name} is no list of cases; its first line is study_instance_uid,number,kind."
        )
    lines: list[ListedStudy] = []
    reasons: Reasons = []
    for at, row in enumerate(rows, 2):
        try:
            lines.append(_line(row, naming))
        except (RefusedInput, UnreadableObject) as error:
            reasons.append((f"{path.name}, line {at}", str(error).rstrip(".")))
    if reasons:
        raise RefusedInput(f"{path.name} cannot be used; correct the lines named.", tuple(reasons))
    return lines


def _line(row: dict[str, str | None], naming: Naming) -> ListedStudy:
    uid = str(parse_uid((row.get("study_instance_uid") or "").strip()))
    text = (row.get("number") or "").strip()
    if re.fullmatch(r"[0-9]{1,3}", text) is None:
        raise RefusedInput("its number is not a case number such as 001 or 101")
    number = int(text)
    kind = naming.kind_of(number)
    said = (row.get("kind") or "").strip().lower()
    if said not in ("", kind, "prior"):
        raise RefusedInput(
            f"it calls case {number:03d} {said[:16]!r}, and by its number it is {kind}"
        )
    mark = (row.get("prior") or "").strip().lower()
    if mark not in _YES | _NO:
        raise RefusedInput("its column prior says neither yes nor no")
    word = (row.get("word") or "").strip().upper()
    if word and _WORD.fullmatch(word) is None:
        raise RefusedInput("its word is not four letters or digits")
    return ListedStudy(uid, number, cast(CaseKind, kind), mark in _YES or said == "prior", word)


def words_in_truth(directory: Path) -> dict[int, str]:
    """Read the words that a truth file beside the images gives; nothing where there is none.

    A truth file that cannot be read is no matter of an import: ``truth import`` refuses it.
    """
    try:
        document = json.loads((directory / TRUTH_NAME).read_text("utf-8"))
        cases: Iterable[object] = document["cases"]
        rows = [case for case in cases if isinstance(case, dict)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {
        row["number"]: row["word"]
        for row in rows
        if isinstance(row.get("number"), int)
        and isinstance(row.get("word"), str)
        and _WORD.fullmatch(row["word"])
    }
