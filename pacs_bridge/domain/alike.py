"""Cases that are told the same: said once, with the names of the others."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pacs_bridge.domain.loading import CaseVerdict

_UID = re.compile(r"\b[0-2](?:\.\d+){3,}\b")
_PATIENT = re.compile(r"\bpatient name [^,\n]+?(?=,| and )")
_NAMED = 12


def alike(verdicts: Iterable[CaseVerdict]) -> list[list[CaseVerdict]]:
    """Put cases together of which all that is told is the same but their own names and UIDs."""
    found: dict[tuple[str, ...], list[CaseVerdict]] = {}
    for case in verdicts:
        told = (case.complete, case.findable, case.near, case.evidence, case.instruction)
        found.setdefault(tuple(_nameless(text, case) for text in told), []).append(case)
    return list(found.values())


def tell(verdicts: Iterable[CaseVerdict]) -> list[str]:
    """Say what is to be done about cases, once for all of which it is the same."""
    asked = [each for each in verdicts if each.instruction]
    return [_tell(each) for each in alike(asked)]


def _tell(cases: list[CaseVerdict]) -> str:
    first, *more = cases
    told = f"{first.accession}: {first.instruction}"
    if not more:
        return told
    named = ", ".join(each.accession for each in more[:_NAMED])
    left = len(more) - _NAMED
    named += f" and {left} more" if left > 0 else ""
    return f"{told}\nThe same, each with its own numbers: {named}."


def _nameless(text: str, case: CaseVerdict) -> str:
    return _UID.sub("UID", _PATIENT.sub("NAME", text.replace(case.accession, "CASE")))
