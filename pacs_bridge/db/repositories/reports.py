"""Reports of the standard: one set of documents a revision of a reading, never written twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.objects import ReadingRow
from pacs_bridge.db.tables.reports import ReportRow
from pacs_bridge.domain.reports import KeptReport, ReportState


class Reports:
    """What is kept of each reading as documents, and whether the scorer has it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, reports: Iterable[KeptReport], now: datetime) -> None:
        """Keep the documents of one revision; those that are here already stay as they are."""
        for each in reports:
            key = (each.reading_uid, each.revision, each.number)
            if self._session.get(ReportRow, key) is None:
                self._session.add(
                    ReportRow(
                        reading_uid=each.reading_uid,
                        revision=each.revision,
                        number=each.number,
                        study_instance_uid=each.study_instance_uid,
                        series_instance_uid=each.series_instance_uid,
                        sop_instance_uid=each.sop_instance_uid,
                        content_hash=each.content_hash,
                        marks=each.marks,
                        state=each.state.value,
                        reason=each.reason[:500],
                        kept_at=now,
                        delivered_at=None,
                    )
                )
        self._session.flush()

    def of(self, reading_uid: str, revision: int) -> list[KeptReport]:
        """List the documents of a revision; empty before it was tried."""
        rows = self._session.scalars(
            select(ReportRow)
            .where(ReportRow.reading_uid == reading_uid, ReportRow.revision == revision)
            .order_by(ReportRow.number)
        )
        return [_report(row) for row in rows]

    def before(self, reading_uid: str, revision: int) -> list[KeptReport]:
        """List the documents of the last earlier revision that has any."""
        last = self._session.scalar(
            select(func.max(ReportRow.revision)).where(
                ReportRow.reading_uid == reading_uid,
                ReportRow.revision < revision,
                ReportRow.number > 0,
            )
        )
        return [] if last is None else self.of(reading_uid, last)

    def of_set(self, set_name: str) -> list[KeptReport]:
        """List all documents of a set, by reading and revision."""
        rows = self._session.scalars(
            select(ReportRow)
            .join(ReadingRow, ReadingRow.reading_uid == ReportRow.reading_uid)
            .where(ReadingRow.set_name == set_name)
            .order_by(ReportRow.reading_uid, ReportRow.revision, ReportRow.number)
        )
        return [_report(row) for row in rows]

    def settle(
        self, report: KeptReport, state: ReportState, now: datetime, reason: str = ""
    ) -> None:
        """Note how far a document has come on its way to the scorer."""
        key = (report.reading_uid, report.revision, report.number)
        row = self._session.get_one(ReportRow, key)
        row.state, row.reason = state.value, reason[:500]
        if state is ReportState.DELIVERED:
            row.delivered_at = row.delivered_at or now


def _report(row: ReportRow) -> KeptReport:
    return KeptReport(
        row.reading_uid,
        row.revision,
        row.number,
        row.study_instance_uid,
        row.series_instance_uid,
        row.sop_instance_uid,
        row.content_hash,
        row.marks,
        ReportState(row.state),
        row.reason,
        row.delivered_at,
    )
