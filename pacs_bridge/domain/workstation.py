"""The last metre: what a person saw at a workstation is the only proof that readers can read.

Once per site, set and kind of workstation somebody opens the first practice case, sees four
images hung right, and types the word that is printed on one of them (DESIGN.md 5).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from pacs_bridge.domain.caseset import Case, Passport

MOST_WRONG = 5
"""Wrong words a site may type within `WRONG_WITHIN`; a word has four characters."""

WRONG_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class WorkstationCheck:
    """What somebody saw at one kind of workstation.

    Parameters
    ----------
    kind : str
        The workstation, in the site's own words.
    passed : bool
        Whether four images hung right, and the word was the one on the image.
    """

    set_name: str
    copy: int
    site: str
    kind: str
    passed: bool
    checked_at: datetime
    account_id: int | None = None


def case_to_open(passport: Passport) -> Case:
    """Give the case that is opened: the first practice case, else the first of all."""
    practice = (case for case in passport.cases if case.kind == "practice")
    return next(practice, passport.cases[0])


def judge_word(case: Case, typed: str) -> bool:
    """Whether the word is the one printed on the case's image; any, where none is printed."""
    if not case.word:
        return True
    given = "".join(typed.split()).upper()
    return hmac.compare_digest(given.encode(), case.word.upper().encode())
