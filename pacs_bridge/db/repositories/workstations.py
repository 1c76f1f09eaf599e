"""Checks at workstations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.workstations import WorkstationCheckRow
from pacs_bridge.domain.workstation import WorkstationCheck


class Workstations:
    """What people saw, by set, copy and site."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, check: WorkstationCheck) -> None:
        """Keep one check."""
        self._session.add(
            WorkstationCheckRow(
                set_name=check.set_name,
                copy=check.copy,
                site=check.site,
                kind=check.kind,
                passed=check.passed,
                checked_at=check.checked_at,
                account_id=check.account_id,
            )
        )
        self._session.flush()

    def passed(self, set_name: str, copy: int) -> list[WorkstationCheck]:
        """List the checks that were passed, newest first, one a site and kind."""
        rows = self._session.scalars(
            select(WorkstationCheckRow)
            .where(
                WorkstationCheckRow.set_name == set_name,
                WorkstationCheckRow.copy == copy,
                WorkstationCheckRow.passed,
            )
            .order_by(WorkstationCheckRow.check_id.desc())
        )
        newest = {(row.site, row.kind): row for row in reversed(list(rows))}
        return [
            WorkstationCheck(
                r.set_name, r.copy, r.site, r.kind, r.passed, r.checked_at, r.account_id
            )
            for r in reversed(newest.values())
        ]

    def failed_since(self, set_name: str, copy: int, site: str, moment: datetime) -> int:
        """Count the checks of a site that failed since a moment."""
        return (
            self._session.scalar(
                select(func.count())
                .select_from(WorkstationCheckRow)
                .where(
                    WorkstationCheckRow.set_name == set_name,
                    WorkstationCheckRow.copy == copy,
                    WorkstationCheckRow.site == site,
                    WorkstationCheckRow.passed.is_(False),
                    WorkstationCheckRow.checked_at >= moment,
                )
            )
            or 0
        )
