"""Truth on PACS: asked for with its withdrawal in one breath; sent object by object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.feedback import FeedbackObjectRow, FeedbackRow, FeedbackWithdrawalRow
from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.feedback import Feedback, FeedbackObject, FeedbackWithdrawal
from pacs_bridge.domain.loading import InstanceState

_AT_ONCE = 500


class FeedbackOnPacs:
    """Feedback by number; none without its withdrawal is ever given."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(
        self,
        set_name: str,
        pacs: str,
        copy: int,
        reader: str,
        *,
        now: datetime,
        due_at: datetime,
        account_id: int | None,
    ) -> tuple[Feedback, bool]:
        """Ask for it, and promise that it goes; what stands already is given as it is.

        Returns
        -------
        tuple
            The feedback, and whether it is new.
        """
        same = [
            each
            for each in self.of_set(set_name)
            if (each.pacs, each.copy, each.reader) == (pacs, copy, reader)
        ]
        standing = next((each for each in same if not each.ended), None)
        if standing is not None:
            return standing, False
        row = FeedbackRow(
            set_name=set_name, pacs=pacs, copy=copy, reader=reader, run=len(same) + 1,
            asked_at=now, account_id=account_id, made_at=None, found_at=None, tries=0,
            next_at=None, note="",
        )  # fmt: skip
        self._session.add(row)
        self._session.flush()
        self._session.add(
            FeedbackWithdrawalRow(
                feedback_id=row.feedback_id,
                due_at=due_at,
                begun_at=None,
                asked_at=None,
                gone_at=None,
                left={},
                notes={},
            )
        )
        self._session.flush()
        return self.get(row.feedback_id), True

    def get(self, feedback_id: int) -> Feedback:
        """Look one up; raises `NotFound`."""
        found = self._select(FeedbackRow.feedback_id == feedback_id)
        if not found:
            raise NotFound("There is no such feedback; `results feedback SET` lists what there is.")
        return found[0]

    def of_set(self, set_name: str) -> list[Feedback]:
        """List what was ever asked for of a set, oldest first."""
        return self._select(FeedbackRow.set_name == set_name)

    def at(self, pacs: str, set_name: str, copy: int) -> list[Feedback]:
        """List what was ever asked for of one load."""
        return self._select(
            FeedbackRow.pacs == pacs, FeedbackRow.set_name == set_name, FeedbackRow.copy == copy
        )

    def standing(self) -> list[Feedback]:
        """List what has not gone."""
        return self._select(FeedbackWithdrawalRow.gone_at.is_(None))

    def put(self, feedback: Feedback) -> None:
        """Keep how sending stands."""
        row = self._session.get_one(FeedbackRow, feedback.feedback_id)
        row.made_at, row.found_at = feedback.made_at, feedback.found_at
        row.tries, row.next_at, row.note = feedback.tries, feedback.next_at, feedback.note[:500]
        self._session.flush()

    def put_withdrawal(self, feedback_id: int, withdrawal: FeedbackWithdrawal) -> None:
        """Keep how its withdrawal stands; by when it was promised never changes."""
        row = self._session.get_one(FeedbackWithdrawalRow, feedback_id)
        row.begun_at, row.asked_at = withdrawal.begun_at, withdrawal.asked_at
        row.gone_at = withdrawal.gone_at
        row.left, row.notes = dict(withdrawal.left), dict(withdrawal.notes)
        self._session.flush()

    def add_objects(self, feedback_id: int, objects: Iterable[FeedbackObject]) -> None:
        """Put objects into the ledger; those that are there stay as they are."""
        place = self._session.scalar(
            select(func.count()).where(FeedbackObjectRow.feedback_id == feedback_id)
        )
        for number, each in enumerate(objects, (place or 0) + 1):
            if self._session.get(FeedbackObjectRow, each.sop_instance_uid) is None:
                self._session.add(
                    FeedbackObjectRow(
                        sop_instance_uid=each.sop_instance_uid,
                        feedback_id=feedback_id,
                        place=number,
                        sop_class_uid=each.sop_class_uid,
                        accession=each.accession,
                        study_instance_uid=each.study_instance_uid,
                        series_instance_uid=each.series_instance_uid,
                        series_number=each.series_number,
                        instance_number=each.instance_number,
                        content_hash=each.content_hash,
                        state=InstanceState.PENDING.value,
                        status=None,
                        comment="",
                        attempts=0,
                        in_doubt=False,
                        found=False,
                    )
                )
        self._session.flush()

    def objects(self, feedback_id: int) -> list[FeedbackObject]:
        """Give the ledger, in the order in which it is sent."""
        rows = self._session.scalars(
            select(FeedbackObjectRow)
            .where(FeedbackObjectRow.feedback_id == feedback_id)
            .order_by(FeedbackObjectRow.place)
        )
        return [_object(row) for row in rows]

    def settle(
        self, uid: str, state: InstanceState, *, status: int | None = None, comment: str = ""
    ) -> None:
        """Write an answer, or what takes its place, into the ledger."""
        row = self._session.get_one(FeedbackObjectRow, uid)
        row.state, row.status, row.comment = state.value, status, comment[:200]
        row.attempts += 1
        row.in_doubt = False
        self._session.flush()

    def lose(self, uid: str, why: str, attempts: int) -> None:
        """Count an attempt of which no answer came; the PACS may or may not have the object."""
        row = self._session.get_one(FeedbackObjectRow, uid)
        row.attempts += 1
        row.in_doubt, row.comment = True, why[:200]
        if row.attempts >= attempts:
            row.state = InstanceState.FAILED.value
        self._session.flush()

    def doubt(self, uids: Collection[str], *, in_doubt: bool) -> None:
        """Note of which objects it is not known whether the PACS has them."""
        self._set(uids, in_doubt=in_doubt)

    def see(self, uids: Collection[str]) -> None:
        """Note that the PACS was seen to find objects."""
        self._set(uids, found=True)

    def known(self, uids: Collection[str]) -> frozenset[str]:
        """Tell which objects are feedback of ours."""
        found: set[str] = set()
        wanted = list(uids)
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            found.update(
                self._session.scalars(
                    select(FeedbackObjectRow.sop_instance_uid).where(
                        FeedbackObjectRow.sop_instance_uid.in_(part)
                    )
                )
            )
        return frozenset(found)

    def sent(self, pacs: str, accessions: Collection[str]) -> dict[str, Counter[str]]:
        """Count what a PACS may have of it by case and SOP class; what has gone is left out."""
        counted: dict[str, Counter[str]] = {}
        for feedback in self._select(
            FeedbackRow.pacs == pacs, FeedbackWithdrawalRow.gone_at.is_(None)
        ):
            for each in self.objects(feedback.feedback_id):
                if each.may_be_there and each.accession in accessions:
                    counted.setdefault(each.accession, Counter())[each.sop_class_uid] += 1
        return counted

    def _set(self, uids: Collection[str], **values: bool) -> None:
        wanted = list(uids)
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            self._session.execute(
                update(FeedbackObjectRow)
                .where(FeedbackObjectRow.sop_instance_uid.in_(part))
                .values(**values)
            )
        self._session.expire_all()

    def _select(self, *conditions: object) -> list[Feedback]:
        rows = self._session.execute(
            select(FeedbackRow, FeedbackWithdrawalRow)
            .join(FeedbackWithdrawalRow)
            .where(*conditions)  # type: ignore[arg-type]
            .order_by(FeedbackRow.feedback_id)
        ).all()
        counts: dict[int, dict[str, int]] = {}
        for number, state, count in self._session.execute(
            select(FeedbackObjectRow.feedback_id, FeedbackObjectRow.state, func.count())
            .where(FeedbackObjectRow.feedback_id.in_([row.feedback_id for row, _ in rows]))
            .group_by(FeedbackObjectRow.feedback_id, FeedbackObjectRow.state)
        ):
            counts.setdefault(number, {})[state] = count
        return [_feedback(row, promise, counts.get(row.feedback_id, {})) for row, promise in rows]


def _feedback(row: FeedbackRow, promise: FeedbackWithdrawalRow, counts: dict[str, int]) -> Feedback:
    withdrawal = FeedbackWithdrawal(
        promise.due_at, promise.begun_at, promise.asked_at, promise.gone_at, promise.left,
        promise.notes,
    )  # fmt: skip
    return Feedback(
        row.feedback_id, row.set_name, row.pacs, row.copy, row.reader, row.run, row.asked_at,
        withdrawal, row.account_id, row.made_at, row.found_at, row.tries, row.next_at, row.note,
        counts,
    )  # fmt: skip


def _object(r: FeedbackObjectRow) -> FeedbackObject:
    return FeedbackObject(
        r.sop_instance_uid, r.sop_class_uid, r.accession, r.study_instance_uid,
        r.series_instance_uid, r.series_number, r.instance_number, r.content_hash,
        InstanceState(r.state), r.status, r.comment, r.attempts, r.in_doubt, r.found,
    )  # fmt: skip
