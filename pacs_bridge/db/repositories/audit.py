"""The audit trail: gathered from what was committed, put into order and sealed, sent, bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.audit import AuditCursorRow, AuditDropRow, AuditRow
from pacs_bridge.db.tables.base import table_of
from pacs_bridge.db.tables.case_sets import InstanceRow
from pacs_bridge.db.tables.objects import ObjectRow, RefusalRow
from pacs_bridge.db.tables.watch import EventRow
from pacs_bridge.domain.audit_events import of_event
from pacs_bridge.domain.audit_rules import (
    Arrived,
    Fact,
    Refused,
    fact_of,
    of_arrival,
    of_refusal,
)

_AT_ONCE = 100  # rows in one transaction: whoever stores an object meanwhile waits for it
_SOURCES = {
    "events": EventRow.event_id,
    "objects": ObjectRow.arrival,
    "refusals": RefusalRow.refusal_id,
}
Seal = Callable[[str, str], str]
"""Gives the seal of a text that follows on another seal."""


@dataclass(frozen=True)
class Kept:
    """One message of the trail.

    Parameters
    ----------
    place : int or None
        Its number, 1 for the first of all; None until it was put into order.
    """

    audit_id: int
    fact: Fact
    place: int | None
    seal: str
    sent_at: datetime | None


@dataclass(frozen=True)
class Dropped:
    """Messages that are no longer kept; `unsent` of them never reached a repository."""

    at: datetime
    first_place: int
    last_place: int
    unsent: int
    seal: str

    @property
    def count(self) -> int:
        """How many they are."""
        return self.last_place - self.first_place + 1


@dataclass(frozen=True)
class Which:
    """Which messages are wanted; empty for any."""

    event: str = ""
    pacs: str = ""
    failed: bool = False
    since: datetime | None = None
    unsent: bool = False


def values_of(fact: Fact) -> dict[str, Any]:
    """Give a message's columns, before it has a place."""
    return {
        "at": fact.at,
        "event": fact.event.name,
        "kind": fact.kind.name if fact.kind else "",
        "outcome": int(fact.outcome),
        "pacs": fact.pacs[:32],
        "body": fact.body(),
    }


class AuditTrail:
    """All messages, from the first fact to the repository's having them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_all(self, facts: Sequence[Fact]) -> None:
        """Keep facts in this transaction."""
        if facts:
            self._session.execute(insert(table_of(AuditRow)), [values_of(fact) for fact in facts])

    def is_behind(self) -> bool:
        """Tell whether there is anything that is not gathered, or has no place."""
        if self._session.scalar(select(AuditRow.audit_id).where(_unsealed()).limit(1)):
            return True
        reached = self._reached()
        return any(
            (self._session.scalar(select(func.max(column))) or 0) > reached.get(name, 0)
            for name, column in _SOURCES.items()
        )

    def gather(self) -> int:
        """Take in what was committed elsewhere since; gives how many rows were looked at."""
        return self._gather_events() + self._gather_objects() + self._gather_refusals()

    def _gather_events(self) -> int:
        rows = self._session.scalars(
            select(EventRow)
            .where(EventRow.event_id > self._reached().get("events", 0))
            .order_by(EventRow.event_id)
            .limit(_AT_ONCE)
        ).all()
        made = (of_event(row.at, row.kind, row.subject, row.detail) for row in rows)
        self.add_all([fact for fact in made if fact is not None])
        return self._advance("events", [row.event_id for row in rows])

    def _gather_objects(self) -> int:
        rows = self._session.execute(
            select(
                ObjectRow.arrival,
                ObjectRow.pacs,
                ObjectRow.calling_ae,
                ObjectRow.address,
                ObjectRow.accession,
                ObjectRow.sop_class_uid,
                ObjectRow.received_at,
            )
            .where(
                ObjectRow.arrival > self._reached().get("objects", 0),
                ObjectRow.part_of.is_(None),  # it came with the object that it is of
            )
            .order_by(ObjectRow.arrival)
            .limit(_AT_ONCE)
        ).all()
        groups: dict[tuple[str, str, str, str], dict[str, int]] = {}
        last: dict[tuple[str, str, str, str], datetime] = {}
        for _, pacs, title, address, accession, sop_class, at in rows:
            key = (pacs or "", title, address, accession or "")
            counts = groups.setdefault(key, {})
            counts[sop_class] = counts.get(sop_class, 0) + 1
            last[key] = at
        studies = self._studies({accession for *_, accession in groups if accession})
        self.add_all(
            [
                of_arrival(
                    Arrived(*key, last[key], tuple(sorted(counts.items())), studies.get(key[3], ()))
                )
                for key, counts in groups.items()
            ]
        )
        return self._advance("objects", [row.arrival for row in rows])

    def _gather_refusals(self) -> int:
        rows = self._session.scalars(
            select(RefusalRow)
            .where(RefusalRow.refusal_id > self._reached().get("refusals", 0))
            .order_by(RefusalRow.refusal_id)
            .limit(_AT_ONCE)
        ).all()
        groups: dict[tuple[str, str, str, str, int, str], list[datetime]] = {}
        for row in rows:
            key = (row.pacs or "", row.calling_ae, row.address, row.kind, row.status)
            groups.setdefault((*key, row.sop_class_uid), []).append(row.at)
        self.add_all(
            [of_refusal(Refused(*key, max(times), len(times))) for key, times in groups.items()]
        )
        return self._advance("refusals", [row.refusal_id for row in rows])

    def _studies(self, accessions: set[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for accession, study in self._session.execute(
            select(InstanceRow.accession, InstanceRow.study_instance_uid)
            .where(InstanceRow.accession.in_(accessions))
            .distinct()
            .order_by(InstanceRow.accession, InstanceRow.study_instance_uid)
        ):
            found[accession] = (*found.get(accession, ()), study)
        return found

    def _reached(self) -> dict[str, int]:
        rows = self._session.execute(select(AuditCursorRow.name, AuditCursorRow.reached))
        return {name: reached for name, reached in rows}  # noqa: C416  a row is no pair to mypy

    def _advance(self, name: str, reached: Sequence[int]) -> int:
        if reached:
            self._session.merge(AuditCursorRow(name=name, reached=reached[-1]))
            self._session.flush()
        return len(reached)

    def forget_last_objects(self) -> None:
        """Follow where the newest objects were taken away: their numbers are used again."""
        newest = self._session.scalar(select(func.max(ObjectRow.arrival))) or 0
        self._session.execute(
            update(AuditCursorRow)
            .where(AuditCursorRow.name == "objects", AuditCursorRow.reached > newest)
            .values(reached=newest)
        )

    def put_in_order(self, seal: Seal, text: Callable[[Kept], str]) -> int:
        """Give the next messages their place and seal; gives how many were."""
        rows = self._session.scalars(
            select(AuditRow)
            .where(_unsealed())
            .order_by(AuditRow.at, AuditRow.audit_id)
            .limit(_AT_ONCE)
        ).all()
        if not rows:
            return 0
        place, last = self.end()
        sealed = []
        for row in rows:
            place += 1
            row.place = place
            last = seal(last, text(_kept(row)))
            sealed.append({"audit_id": row.audit_id, "place": place, "seal": last})
            self._session.expunge(row)
        self._session.execute(update(AuditRow), sealed)
        return len(rows)

    def end(self) -> tuple[int, str]:
        """Give the place and the seal of the newest message in order; (0, "") for none."""
        row = self._session.execute(
            select(AuditRow.place, AuditRow.seal)
            .where(AuditRow.place.is_not(None))
            .order_by(AuditRow.place.desc())
            .limit(1)
        ).first()
        if row is not None and row.place is not None:
            return row.place, row.seal
        gone = self.dropped()
        return (gone[-1].last_place, gone[-1].seal) if gone else (0, "")

    def unsent(self, limit: int) -> list[Kept]:
        """List messages that no repository has, the oldest first."""
        return self._list(
            select(AuditRow)
            .where(AuditRow.sent_at.is_(None), AuditRow.place.is_not(None))
            .order_by(AuditRow.place)
            .limit(limit)
        )

    def set_sent(self, places: Sequence[int], now: datetime) -> None:
        """Note that a repository has these, which are in order without a gap between them."""
        self._session.execute(
            update(AuditRow)
            .where(AuditRow.place.between(places[0], places[-1]))
            .values(sent_at=now)
        )

    def is_over(self, most: int) -> bool:
        """Tell whether there are more than so many messages in order."""
        first, last = self._span()
        return last - first + 1 > most

    def _span(self) -> tuple[int, int]:
        """Give the first and the last place; nothing is in between where there are none."""
        place = AuditRow.place
        first, last = self._session.execute(select(func.min(place), func.max(place))).one()
        return (first or 1, last or 0)

    def drop_oldest(self, most: int, now: datetime) -> Dropped | None:
        """Keep at most so many; what goes is written down. None where there is room."""
        first, last = self._span()
        if last - first + 1 <= most:
            return None
        until = last - most * 9 // 10  # a tenth more than needed: not again in a moment
        seal = self._session.scalar(select(AuditRow.seal).where(AuditRow.place == until)) or ""
        unsent = self.count(AuditRow.sent_at.is_(None), AuditRow.place <= until)
        gone = Dropped(now, first, until, unsent, seal)
        self._session.execute(delete(AuditRow).where(AuditRow.place <= until))
        self._session.add(
            AuditDropRow(at=now, first_place=first, last_place=until, unsent=unsent, seal=seal)
        )
        return gone

    def dropped(self) -> list[Dropped]:
        """List what was dropped, in order."""
        rows = self._session.scalars(select(AuditDropRow).order_by(AuditDropRow.last_place))
        return [Dropped(r.at, r.first_place, r.last_place, r.unsent, r.seal) for r in rows]

    def count(self, *conditions: ColumnElement[bool]) -> int:
        """Count messages, or those of certain conditions."""
        query = select(func.count()).select_from(AuditRow).where(*conditions)
        return self._session.scalar(query) or 0

    def backlog(self) -> tuple[int, datetime | None]:
        """Give how many messages no repository has, and since when the oldest waits."""
        waits = AuditRow.sent_at.is_(None)
        since = self._session.scalar(select(AuditRow.at).where(waits).order_by(AuditRow.place))
        return self.count(waits), since

    def newest(self, limit: int, which: Which) -> list[Kept]:
        """List the newest messages, the newest first."""
        query = select(AuditRow).order_by(AuditRow.audit_id.desc()).limit(limit)
        if which.event:
            query = query.where(AuditRow.event == which.event)
        if which.pacs:
            query = query.where(AuditRow.pacs == which.pacs)
        if which.failed:
            query = query.where(AuditRow.outcome != 0)
        if which.since is not None:
            query = query.where(AuditRow.at >= which.since)
        if which.unsent:
            query = query.where(AuditRow.sent_at.is_(None))
        return self._list(query)

    def in_order(self, after: int, limit: int) -> list[Kept]:
        """List messages that have a place, from one place on."""
        return self._list(
            select(AuditRow).where(AuditRow.place > after).order_by(AuditRow.place).limit(limit)
        )

    def _list(self, query: Any) -> list[Kept]:
        return [_kept(row) for row in self._session.scalars(query)]


def _unsealed() -> ColumnElement[bool]:
    return AuditRow.place.is_(None)


def _kept(row: AuditRow) -> Kept:
    fact = fact_of(row.event, row.kind, row.at, row.outcome, row.pacs, row.body)
    return Kept(row.audit_id, fact, row.place, row.seal, row.sent_at)
