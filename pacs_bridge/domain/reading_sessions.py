"""Reading sessions: a reader says where they read now. A hint of whose marks are expected.

A reading session lets nobody in and gives no mark to anybody; it tells what a silence means,
and what to show beside an object that nobody has claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pacs_bridge.domain.identity import normal

LONGEST = timedelta(hours=12)
"""A session that nobody closed is over after so long."""

QUIET_FOR = timedelta(minutes=10)
"""After so long without anything, a reader in a session is told so."""

QUIET_CASES = 3
"""After so many finished cases without anything, too."""

USUAL_HINT = "In your viewer: Save / Send."


@dataclass(frozen=True)
class ReadingSession:
    """One reading session.

    Parameters
    ----------
    workstation : str
        Where, in the reader's own words.
    finished : tuple of (str, datetime)
        Accession numbers (of the master) that the reader said they had finished, and when.
    """

    session_id: int
    set_name: str
    reader: str
    pacs: str
    workstation: str
    opened_at: datetime
    closed_at: datetime | None = None
    finished: tuple[tuple[str, datetime], ...] = ()

    def covers(self, moment: datetime) -> bool:
        """Whether the reader says that they were reading at this moment."""
        ended = min(self.closed_at or self.opened_at + LONGEST, self.opened_at + LONGEST)
        return self.opened_at <= moment <= ended

    def is_at(self, station: str) -> bool:
        """Whether it is at a workstation of this name; never by likeness."""
        return bool(station) and normal(station) == normal(self.workstation)


def judge_silence(
    session: ReadingSession, last: tuple[str, datetime] | None, now: datetime, hint: str = ""
) -> str:
    """Say that nothing comes any more from a reader who says that they are reading.

    Parameters
    ----------
    last : (str, datetime) or None
        The case of which the reader's last object, or answer on our page, was, and when that
        came; None where nothing came yet.
    hint : str
        How to save in the viewer of this PACS; the usual words where it is empty.

    Returns
    -------
    str
        One or two sentences; empty where there is nothing to say. Silence is never "normal".
    """
    if not session.covers(now):
        return ""
    since = session.opened_at if last is None else max(session.opened_at, last[1])
    finished = sum(1 for _, at in session.finished if at > since)
    if now - since < QUIET_FOR and finished < QUIET_CASES:
        return ""
    if last is None or last[1] < session.opened_at:
        begun = f"since you began at {session.opened_at:%H:%M} UTC"
    else:
        begun = f"since case {last[0]}"
    return f"Nothing has reached us {begun}. {hint or USUAL_HINT}"
