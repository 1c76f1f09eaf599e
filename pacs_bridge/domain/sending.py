"""How a PACS wants to be sent to: how much at once, how fast, when, and in what form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pacs_bridge.domain.errors import RefusedInput, RetryLater

MOST_PARALLEL = 4
"""Associations at a time; more would be a burden to a PACS that people read on."""

FEWEST_MBIT, MOST_MBIT = 0.5, 10_000.0

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"

HTJ2K = "1.2.840.10008.1.2.4.201"

FORMS = (EXPLICIT, IMPLICIT, JPEG_LS, RLE, JPEG_2000, JPEG_LOSSLESS)
"""Transfer syntaxes that lose nothing and that an image can be brought into, the quickest to
make first."""

FORMS_WITH_HTJ2K = (EXPLICIT, IMPLICIT, HTJ2K, *FORMS[2:])
"""The same where an encoder of HTJ2K is installed; none is among what we install."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?)?"
    r"(?:\s*(?P<from>\d\d?:\d\d)-(?P<to>\d\d?:\d\d))?"
)
_DAY_MINUTES = 24 * 60


class Priority(StrEnum):
    """How urgent a PACS is told that our images are (PS3.7 E.1, Priority)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def code(self) -> int:
        """Its value in a command (0000,0700)."""
        return {"medium": 0, "high": 1, "low": 2}[self.value]


@dataclass(frozen=True)
class Span:
    """A time of the week in which may be sent.

    Parameters
    ----------
    start : int
        Minutes since Monday 00:00, in the site's time.
    minutes : int
        How long it lasts; it may run into the next day, and over the end of the week.
    """

    start: int
    minutes: int


@dataclass(frozen=True)
class Sending:
    """The settings of one PACS.

    Parameters
    ----------
    parallel : int
        Associations at a time, 1 to 4.
    megabits : float or None
        Most megabits a second, of all its associations together; None for no limit.
    window : str
        When may be sent, such as ``Mon-Fri 19:00-06:00,Sat-Sun``; empty for always.
    time_zone : str
        Of the site, by its IANA name.
    """

    parallel: int = 1
    megabits: float | None = None
    window: str = ""
    time_zone: str = "Europe/London"
    priority: Priority = Priority.MEDIUM

    def opens_at(self, moment: datetime) -> datetime | None:
        """When sending may begin, at this moment or after it; None where it may go on now."""
        spans = parse_window(self.window)
        if not spans:
            return None
        local = moment.astimezone(ZoneInfo(self.time_zone))
        if any(_is_inside(span, local) for span in spans):
            return None
        return min(_next_start(span, local) for span in spans)

    def told_opening(self, opening: datetime) -> str:
        """Say in the site's own time when sending begins."""
        local = opening.astimezone(ZoneInfo(self.time_zone))
        return f"{local:%A %H:%M} ({self.time_zone})"

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "parallel": self.parallel,
            "megabits": self.megabits,
            "window": self.window,
            "time_zone": self.time_zone,
            "priority": self.priority.value,
        }


AS_USUAL = Sending()
"""How a PACS is sent to unless it is said otherwise."""


def sending_of(kept: Mapping[str, Any] | None) -> Sending:
    """Read the settings as they are kept; what is not there is as usual."""
    told = dict(kept or {})
    if "priority" in told:
        told["priority"] = Priority(told["priority"])
    return Sending(**told)


def check_sending(sending: Sending) -> Sending:
    """Refuse settings that mean nothing; raises `RefusedInput`."""
    if not 1 <= sending.parallel <= MOST_PARALLEL:
        raise RefusedInput(f"Send over 1 to {MOST_PARALLEL} associations at a time.")
    if sending.megabits is not None and not FEWEST_MBIT <= sending.megabits <= MOST_MBIT:
        raise RefusedInput(
            f"A bandwidth is {FEWEST_MBIT} to {MOST_MBIT:.0f} megabits a second; 0 for no limit."
        )
    if sending.time_zone not in available_timezones():
        raise RefusedInput("A time zone has a name such as Europe/London; give the site's.")
    parse_window(sending.window)
    return sending


def parse_window(text: str) -> tuple[Span, ...]:
    """Read a sending window; raises `RefusedInput` where it is none."""
    return tuple(
        span for part in text.split(",") if part.strip() for span in _spans(part.strip().lower())
    )


def _spans(part: str) -> list[Span]:
    found = _PART.fullmatch(part)
    if found is None:
        raise _no_window()
    first = _day(found["first"] or "mon")
    last = _day(found["last"] or found["first"] or "sun")
    start, end = _minute(found["from"] or "00:00"), _minute(found["to"] or "24:00")
    minutes = (end - start) % _DAY_MINUTES or _DAY_MINUTES
    days = [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return [Span(day * _DAY_MINUTES + start, minutes) for day in days]


def _day(name: str) -> int:
    if name not in _DAYS:
        raise _no_window()
    return _DAYS.index(name)


def _minute(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > _DAY_MINUTES:
        raise _no_window()
    return hours * 60 + minutes


def _no_window() -> RefusedInput:
    return RefusedInput(
        "A sending window is written such as `Mon-Fri 19:00-06:00,Sat-Sun`; give one of that form."
    )


def _is_inside(span: Span, local: datetime) -> bool:
    minute = local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute
    return (minute - span.start) % (7 * _DAY_MINUTES) < span.minutes


def _next_start(span: Span, local: datetime) -> datetime:
    """Give the next moment at which the site's clocks show the start of a span."""
    day, minute = divmod(span.start, _DAY_MINUTES)
    ahead = (day - local.weekday()) % 7
    start = local.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)
    start += timedelta(days=ahead)  # by the clock on the wall, whatever summer time does
    return start if start > local else start + timedelta(days=7)


class OutsideWindow(RetryLater):
    """A PACS may not be sent to now.

    Parameters
    ----------
    pacs : str
    opening : datetime
        When it may.
    words : str
        When that is in the site's own time.
    """

    def __init__(self, pacs: str, opening: datetime, words: str) -> None:
        self.opening, self.words = opening, words
        super().__init__(f"{pacs} waits until {words}: nothing is sent outside its sending window.")


@dataclass(frozen=True)
class Confirmed:
    """One image that a PACS has confirmed: when, and its size in bytes."""

    at: datetime
    size: int


@dataclass(frozen=True)
class Pace:
    """How a load gets on.

    Parameters
    ----------
    sent, size : int
        Bytes that the PACS has confirmed, and bytes of the whole set.
    rate : float or None
        Bytes a second over the images confirmed last; None where nothing is under way.
    left : float or None
        Seconds that the rest will take at that rate.
    waits_until : str
        When the sending window opens, in the site's time; empty where it is open.
    """

    sent: int
    size: int
    rate: float | None = None
    left: float | None = None
    waits_until: str = ""

    @property
    def words(self) -> str:
        """Say it in a few words; empty where there is nothing to say."""
        if self.waits_until:
            return f"waits until {self.waits_until}"
        if self.rate is None or self.left is None:
            return ""
        return f"{self.rate / 1e6:.1f} MB/s, about {told_seconds(self.left)} left"

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "bytes_sent": self.sent,
            "bytes_total": self.size,
            "bytes_per_second": None if self.rate is None else round(self.rate),
            "seconds_left": None if self.left is None else round(self.left),
            "waits_until": self.waits_until,
        }


_RECENT = timedelta(minutes=2)


def pace_of(
    confirmed: Sequence[Confirmed], size: int, *, is_sending: bool, now: datetime, waits: str = ""
) -> Pace:
    """Work out how a load gets on from what was confirmed in the last two minutes."""
    sent = sum(each.size for each in confirmed)
    recent = sorted((e for e in confirmed if now - e.at <= _RECENT), key=lambda each: each.at)
    if waits or not is_sending or len(recent) < 2:
        return Pace(sent, size, waits_until=waits if sent < size else "")
    seconds = max((now - recent[0].at).total_seconds(), 0.001)
    rate = sum(each.size for each in recent[1:]) / seconds
    return Pace(sent, size, rate, (size - sent) / rate if rate else None)


def told_seconds(seconds: float) -> str:
    """Say how long something takes, as people would."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
