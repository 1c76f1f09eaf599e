"""One reader at a time: whose turn it is where marks are removed before the next reader reads.

A turn is over for good once its marks were asked for and are not there any more; a PACS that
did not answer has removed nothing (DESIGN.md 5, *sequential*).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class TurnState(StrEnum):
    """How a turn stands."""

    READING = "reading"
    CLEARING = "clearing"
    """Its reader has finished, and the marks are not proven to be gone."""
    OVER = "over"


@dataclass(frozen=True)
class Turn:
    """One reader's turn at a PACS.

    Parameters
    ----------
    ended_by : int or None
        The account of whoever ended it; None for our clock or the command line.
    asked_at : datetime or None
        When the PACS was last asked whether the marks have gone.
    left : dict of str to str
        What it still holds, or why that is not known, in words by accession number.
    """

    turn_id: int
    set_name: str
    pacs: str
    copy: int
    reader: str
    since: datetime
    ended_at: datetime | None = None
    ended_by: int | None = None
    asked_at: datetime | None = None
    gone_at: datetime | None = None
    left: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> TurnState:
        """How it stands."""
        if self.ended_at is None:
            return TurnState.READING
        return TurnState.CLEARING if self.gone_at is None else TurnState.OVER


def current_turn(turns: Sequence[Turn]) -> Turn | None:
    """Give the turn that is not over; None where the next reader may begin."""
    return next((each for each in turns if each.state is not TurnState.OVER), None)
