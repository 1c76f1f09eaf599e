"""Loads and their instance ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import String, bindparam, func, select, update
from sqlalchemy.orm import Session

from pacs_bridge.db.prepared import Prepared
from pacs_bridge.db.tables.loads import LoadCaseRow, LoadInstanceRow, LoadRow
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.identifiers import REHEARSAL
from pacs_bridge.domain.loading import (
    CaseVerdict,
    Completeness,
    Findable,
    InstanceCounts,
    InstanceState,
    LedgerRow,
    Load,
    Near,
    Readiness,
    Way,
)

_SETTLE = Prepared(
    update(LoadInstanceRow)
    .where(
        LoadInstanceRow.load_id == bindparam("load"),
        LoadInstanceRow.sop_instance_uid == bindparam("uid"),
    )
    .values(
        state=bindparam("state"),
        status=bindparam("status"),
        comment=bindparam("comment"),
        sent_as=func.coalesce(bindparam("sent_as", type_=String), LoadInstanceRow.sent_as),
        in_doubt=bindparam("in_doubt"),
        attempts=LoadInstanceRow.attempts + 1,
        changed_at=bindparam("now"),
    )
)
_SENT = Prepared(
    update(LoadRow)
    .where(LoadRow.load_id == bindparam("load"))
    .values(last_sent_at=bindparam("now"))
)


class Loads:
    """One case set going into one PACS, image by image."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def plan(self, passport: Passport, pacs: str, now: datetime) -> Load:
        """Give the load of this set and PACS, making it with a ledger row an image if new."""
        row = self._row(passport.set_name, pacs, passport.copy)
        if row is None:
            row = LoadRow(
                set_name=passport.set_name,
                copy=passport.copy,
                pacs=pacs,
                created_at=now,
                readiness=Readiness.PLANNED,
                misses=0,
                run=0,
                note="",
            )
            self._session.add(row)
            self._session.flush()
            self._session.add_all(
                LoadInstanceRow(
                    load_id=row.load_id,
                    sop_instance_uid=image.sop_instance_uid,
                    place=place,
                    accession=case.accession,
                    state=InstanceState.PENDING,
                    status=None,
                    comment="",
                    attempts=0,
                    changed_at=now,
                )
                for place, (case, _, _, image) in enumerate(passport.instances())
            )
            self._session.flush()
        return _load(row)

    def get(self, load_id: int) -> Load:
        """Look a load up by number; raises `NotFound`."""
        row = self._session.get(LoadRow, load_id)
        if row is None:
            raise NotFound("There is no such load; `load status` shows what there is.")
        return _load(row)

    def find(self, set_name: str, pacs: str, copy: int = 0) -> Load | None:
        """Look a load up by set and PACS."""
        row = self._row(set_name, pacs, copy)
        return None if row is None else _load(row)

    def all(self) -> list[Load]:
        """List all loads but those of rehearsals."""
        rows = self._session.scalars(
            select(LoadRow)
            .where(LoadRow.set_name != str(REHEARSAL))
            .order_by(LoadRow.set_name, LoadRow.pacs)
        )
        return [_load(row) for row in rows]

    def start_run(self, load_id: int) -> int:
        """Count one more start; gives its number."""
        row = self._session.get_one(LoadRow, load_id)
        row.run += 1
        return row.run

    def set_readiness(self, load_id: int, readiness: Readiness, *, note: str = "") -> None:
        """Change readiness and its note."""
        row = self._session.get_one(LoadRow, load_id)
        row.readiness, row.note = readiness, note[:500]

    def set_way(self, load_id: int, way: Way) -> None:
        """Change how its images reach the PACS."""
        self._session.get_one(LoadRow, load_id).way = way

    def note_imported(self, load_id: int, sop_instance_uids: Iterable[str], now: datetime) -> None:
        """Write into the ledger that images we did not send were found by their UIDs."""
        self._session.execute(
            update(LoadInstanceRow)
            .where(
                LoadInstanceRow.load_id == load_id,
                LoadInstanceRow.sop_instance_uid.in_(list(sop_instance_uids)),
                LoadInstanceRow.state == InstanceState.PENDING,
            )
            .values(state=InstanceState.STORED, comment="imported from media", changed_at=now)
        )

    def set_note(self, load_id: int, note: str) -> None:
        """Say in one sentence what holds a load up; empty when nothing does."""
        self._session.get_one(LoadRow, load_id).note = note[:500]

    def pending(self, load_id: int, limit: int) -> list[str]:
        """List SOP Instance UIDs still to be sent, in order, at most `limit`."""
        return list(
            self._session.scalars(
                select(LoadInstanceRow.sop_instance_uid)
                .where(
                    LoadInstanceRow.load_id == load_id,
                    LoadInstanceRow.state == InstanceState.PENDING,
                )
                .order_by(LoadInstanceRow.place)
                .limit(limit)
            )
        )

    def attempts(self, load_id: int, sop_instance_uid: str) -> int:
        """How often an image was answered since it was last opened."""
        return self._session.get_one(LoadInstanceRow, (load_id, sop_instance_uid)).attempts

    def settle(
        self,
        load_id: int,
        sop_instance_uid: str,
        state: InstanceState,
        now: datetime,
        *,
        status: int | None = None,
        comment: str = "",
        sent_as: str = "",
        in_doubt: bool = False,
    ) -> None:
        """Write one image's answer into the ledger; pending means that it is tried again.

        Done for every image of every load: what SQLAlchemy does beside the two statements would
        take as long as sending an image.
        """
        self._session.flush()
        connection = self._session.connection()
        values = {
            "load": load_id,
            "uid": sop_instance_uid,
            "state": state.value,
            "status": status,
            "comment": comment[:200],
            "sent_as": sent_as or None,
            "in_doubt": in_doubt,
            "now": now,
        }
        if _SETTLE.run(connection, values).rowcount != 1:
            raise NotFound("There is no such image in this load; look at `load status`.")
        if state in (InstanceState.STORED, InstanceState.WARNED):
            _SENT.run(connection, {"load": load_id, "now": now})
        self._session.expire_all()

    def doubt(self, load_id: int, sop_instance_uids: Iterable[str], *, in_doubt: bool) -> None:
        """Note of images whether they may go out now without their answer being kept."""
        self._session.execute(
            update(LoadInstanceRow)
            .where(
                LoadInstanceRow.load_id == load_id,
                LoadInstanceRow.sop_instance_uid.in_(list(sop_instance_uids)),
            )
            .values(in_doubt=in_doubt)
        )

    def doubt_again(self, load_id: int, sop_instance_uid: str, why: str, now: datetime) -> None:
        """Make an image that was confirmed pending and doubtful, with the reason."""
        row = self._session.get(LoadInstanceRow, (load_id, sop_instance_uid))
        if row is not None and row.state in (InstanceState.STORED, InstanceState.WARNED):
            row.state, row.in_doubt, row.comment = InstanceState.PENDING, True, why[:200]
            row.attempts, row.changed_at = 0, now

    def doubtful(self, load_id: int, sop_instance_uids: Iterable[str]) -> list[str]:
        """List those of the images of which nobody knows whether the PACS has them, in order."""
        return list(
            self._session.scalars(
                select(LoadInstanceRow.sop_instance_uid)
                .where(
                    LoadInstanceRow.load_id == load_id,
                    LoadInstanceRow.sop_instance_uid.in_(list(sop_instance_uids)),
                    LoadInstanceRow.in_doubt,
                )
                .order_by(LoadInstanceRow.place)
            )
        )

    def reopen(self, load_id: int, sop_instance_uids: Iterable[str] | None, now: datetime) -> int:
        """Make images pending again. Gives how many.

        Those given are known to be missing; what the PACS takes no images of the kind of stays
        skipped. Without any: all that failed or were skipped, with the doubts there were.
        Their attempts are counted anew.
        """
        query = update(LoadInstanceRow).where(LoadInstanceRow.load_id == load_id)
        values = {"state": InstanceState.PENDING, "attempts": 0, "changed_at": now}
        if sop_instance_uids is None:
            open_again = (InstanceState.FAILED, InstanceState.SKIPPED)
            query = query.where(LoadInstanceRow.state.in_(open_again))
        else:
            wanted = list(sop_instance_uids)
            values["in_doubt"] = False
            query = query.where(
                LoadInstanceRow.sop_instance_uid.in_(wanted),
                LoadInstanceRow.state.not_in((InstanceState.PENDING, InstanceState.SKIPPED)),
            )
        done = self._session.execute(query.values(**values))
        return int(getattr(done, "rowcount", 0))

    def ledger(self, load_id: int) -> list[LedgerRow]:
        """List every image of a load, in order of sending."""
        rows = self._session.scalars(
            select(LoadInstanceRow)
            .where(LoadInstanceRow.load_id == load_id)
            .order_by(LoadInstanceRow.place)
        )
        return [
            LedgerRow(
                r.sop_instance_uid,
                r.accession,
                InstanceState(r.state),
                r.status,
                r.comment,
                r.attempts,
                r.sent_as or "",
                r.in_doubt,
                r.changed_at,
            )
            for r in rows
        ]

    def counts(self, load_id: int) -> InstanceCounts:
        """Count the ledger."""
        by = dict(
            self._session.execute(
                select(LoadInstanceRow.state, func.count())
                .where(LoadInstanceRow.load_id == load_id)
                .group_by(LoadInstanceRow.state)
            ).all()
        )
        warned = by.get(InstanceState.WARNED, 0)
        return InstanceCounts(
            sum(by.values()),
            by.get(InstanceState.STORED, 0) + warned,
            warned,
            by.get(InstanceState.FAILED, 0),
            by.get(InstanceState.SKIPPED, 0),
        )

    def keep_sweep(
        self,
        load_id: int,
        verdicts: Sequence[CaseVerdict],
        readiness: Readiness,
        misses: int,
        now: datetime,
    ) -> None:
        """Keep a sweep's verdicts and what they mean for the load."""
        for verdict in verdicts:
            row = self._session.get(LoadCaseRow, (load_id, verdict.accession)) or LoadCaseRow(
                load_id=load_id, accession=verdict.accession
            )
            row.complete, row.findable, row.near = verdict.complete, verdict.findable, verdict.near
            row.evidence, row.instruction = verdict.evidence[:500], verdict.instruction[:1000]
            row.wanted, row.found, row.checked_at = verdict.wanted, verdict.found, now
            row.search_for = verdict.search_for[:64]
            self._session.add(row)
        load = self._session.get_one(LoadRow, load_id)
        if readiness is Readiness.READY and load.readiness != Readiness.READY:
            load.ready_at, load.note = now, ""
        load.readiness, load.misses, load.verified_at = readiness, misses, now

    def verdicts(self, load_id: int) -> list[CaseVerdict]:
        """List the last sweep's verdicts, by accession number."""
        rows = self._session.scalars(
            select(LoadCaseRow)
            .where(LoadCaseRow.load_id == load_id)
            .order_by(LoadCaseRow.accession)
        )
        return [
            CaseVerdict(
                r.accession,
                Completeness(r.complete),
                Findable(r.findable),
                Near(r.near),
                r.evidence,
                r.instruction,
                r.wanted,
                r.found,
                search_for=r.search_for,
            )
            for r in rows
        ]

    def _row(self, set_name: str, pacs: str, copy: int) -> LoadRow | None:
        return self._session.scalar(
            select(LoadRow).where(
                LoadRow.set_name == set_name, LoadRow.pacs == pacs, LoadRow.copy == copy
            )
        )


def _load(row: LoadRow) -> Load:
    return Load(
        row.load_id,
        row.set_name,
        row.pacs,
        Readiness(row.readiness),
        row.copy,
        row.misses,
        row.run,
        row.note,
        row.created_at,
        row.last_sent_at,
        row.verified_at,
        row.ready_at,
        Way(row.way),
    )
