"""The set's one date, with a study's times moved into it in their order.

References
----------
PS3.15 section E.3.6, Retain Longitudinal Temporal Information with Modified Dates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_OPENS = timedelta(hours=9)
_ROOM = timedelta(hours=14)
"""A study starts at nine and has the rest of the day but an hour."""


def parse_date(text: object) -> date | None:
    """Read a DA value, the old form with dots included; None for anything else."""
    found = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})", str(text).strip(" \0"))
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def parse_time(text: object) -> time | None:
    """Read a TM value, the old form with colons included; None for anything else."""
    found = re.fullmatch(
        r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", str(text).strip(" \0")
    )
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    fraction = int((found[4] or "").ljust(6, "0"))
    try:
        return time(hour, minute, min(second, 59), fraction)
    except ValueError:
        return None


def parse_moment(text: object) -> datetime | None:
    """Read a DT value that says at least the day, leaving its time zone aside."""
    digits = str(text).strip(" \0")
    day = parse_date(digits[:8])
    if day is None:
        return None
    rest = re.sub(r"[+-]\d{4}$", "", digits[8:])
    at = parse_time(rest) if rest else time()
    return datetime.combine(day, at) if at is not None else None


@dataclass(frozen=True)
class StudyClock:
    """Moves the dates and times of one study into one day.

    The earliest moment becomes nine o'clock; the distances between moments stay, unless the
    study spans more than a working day: then all are made smaller alike, so order stays.

    Parameters
    ----------
    day : date
        The date the study is given.
    first, last : datetime or None
        Earliest and latest moment that its images name; None where they name none.
    """

    day: date
    first: datetime | None = None
    last: datetime | None = None

    def move(self, moment: datetime) -> datetime:
        """Give the moment in the set's day."""
        opens = datetime.combine(self.day, time()) + _OPENS
        if self.first is None or self.last is None:
            return opens
        span, since = self.last - self.first, moment - self.first
        moved = opens + (since * (_ROOM / span) if span > _ROOM else since)
        earliest = datetime.combine(self.day, time())
        return min(max(moved, earliest), earliest + timedelta(days=1, microseconds=-1))

    @property
    def study_time(self) -> str:
        """The study's own time, as a TM value."""
        return self.time_of(self.first or datetime.combine(self.day, time()))

    @property
    def date(self) -> str:
        """The day, as a DA value."""
        return f"{self.day:%Y%m%d}"

    def time_of(self, moment: datetime) -> str:
        """Move a moment and write its time as a TM value."""
        moved = self.move(moment)
        return f"{moved:%H%M%S}" + (f".{moved.microsecond:06d}" if moved.microsecond else "")

    def moment_of(self, moment: datetime) -> str:
        """Move a moment and write it as a DT value."""
        return self.date + self.time_of(moment)
