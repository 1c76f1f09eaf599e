"""Readers' answers: kept, listed, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.answers import AnswerRow
from pacs_bridge.domain.answers import GivenAnswer


class Answers:
    """What readers answered on our page."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        answer: GivenAnswer,
        *,
        reading_uid: str,
        set_name: str,
        accession: str,
        reader: str,
        token: str,
    ) -> int | None:
        """Keep an answer; gives its number, or None where one with its token is here."""
        here = self._session.scalar(
            select(AnswerRow.answer_id).where(
                AnswerRow.reading_uid == reading_uid, AnswerRow.token == token
            )
        )
        if here is not None:
            return None
        row = AnswerRow(
            reading_uid=reading_uid,
            set_name=set_name,
            accession=accession,
            reader=reader,
            token=token,
            kind=str(answer.kind),
            key=answer.key,
            given_at=answer.given_at,
            body=answer.as_dict(),
        )
        self._session.add(row)
        self._session.flush()
        return row.answer_id

    def has_token(self, reader: str, set_name: str, token: str) -> bool:
        """Whether a reader gave an answer of this token."""
        found = self._session.scalar(
            select(AnswerRow.answer_id)
            .where(
                AnswerRow.reader == reader,
                AnswerRow.set_name == set_name,
                AnswerRow.token == token,
            )
            .limit(1)
        )
        return found is not None

    def known_readings(self, reading_uids: Iterable[str]) -> set[str]:
        """Give those of these readings that have answers."""
        return set(
            self._session.scalars(
                select(AnswerRow.reading_uid)
                .where(AnswerRow.reading_uid.in_(list(reading_uids)))
                .distinct()
            )
        )

    def given_at(self, reading_uids: Iterable[str]) -> dict[str, datetime]:
        """Give when the last answer to readings was given."""
        query = (
            select(AnswerRow.reading_uid, func.max(AnswerRow.given_at))
            .where(AnswerRow.reading_uid.in_(list(reading_uids)))
            .group_by(AnswerRow.reading_uid)
        )
        return dict(self._session.execute(query).all())

    def of_reading(self, reading_uid: str) -> list[GivenAnswer]:
        """List the answers to one reading, oldest first."""
        return self.of_readings([reading_uid]).get(reading_uid, [])

    def of_readings(self, reading_uids: Iterable[str]) -> dict[str, list[GivenAnswer]]:
        """List the answers to several readings, each oldest first."""
        found: dict[str, list[GivenAnswer]] = {}
        rows = self._session.scalars(
            select(AnswerRow)
            .where(AnswerRow.reading_uid.in_(list(reading_uids)))
            .order_by(AnswerRow.answer_id)
        )
        for row in rows:
            found.setdefault(row.reading_uid, []).append(
                GivenAnswer.of_dict(row.answer_id, row.kind, row.given_at, row.key, row.body)
            )
        return found
