"""Events of queries are kept together, in their order, and again when the database was busy."""

from __future__ import annotations

import threading
from datetime import datetime
from types import TracebackType
from typing import Any

import pytest

from pacs_bridge.domain.errors import StoreBusy
from pacs_bridge.services import event_log
from pacs_bridge.services.event_log import EventLog, Kept
from tests.builders import NOON


class Transactions:
    """Stands for units of work: remembers events a transaction, fails so many times first.

    Each waits to begin until `begins` is set.
    """

    def __init__(self, fail: int = 0) -> None:
        self.fail, self.committed = fail, list[list[str]]()
        self.begins = threading.Event()
        self.begins.set()

    def __call__(self) -> Any:
        assert self.begins.wait(60)
        return _Transaction(self)


class _Transaction:
    def __init__(self, of: Transactions) -> None:
        self._of, self._kinds, self.events = of, list[str](), self

    def __enter__(self) -> Any:
        return self

    def add(self, now: datetime, kind: str, subject: str, **detail: Any) -> None:
        self._kinds.append(f"{kind} {subject} {detail}")

    def __exit__(self, kind: type | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        if self._of.fail:
            self._of.fail -= 1
            raise StoreBusy("busy")
        self._of.committed.append(self._kinds)


def test_events_of_one_moment_are_one_transaction_in_their_order() -> None:
    transactions = Transactions()
    transactions.begins.clear()
    log = EventLog(transactions)
    for number in range(50):
        log.keep(Kept(NOON, "query", "hospital", {"matches": number}))
    transactions.begins.set()
    assert log.flush(60)
    kept = [each for some in transactions.committed for each in some]
    assert kept == [f"query hospital {{'matches': {number}}}" for number in range(50)]
    assert len(transactions.committed) <= 2  # one may have been about to begin
    log.keep(Kept(NOON, "retrieve", "hospital"))
    assert log.flush(60)
    assert transactions.committed[-1] == ["retrieve hospital {}"]


def test_events_that_were_not_taken_are_offered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_AGAIN_SECONDS", 0.01)
    transactions = Transactions(fail=2)
    log = EventLog(transactions)
    log.keep(Kept(NOON, "query", "hospital"))
    assert log.flush(60)
    assert transactions.committed == [["query hospital {}"]]


def test_a_database_that_is_gone_for_good_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_AGAIN_SECONDS", 0.0)
    transactions = Transactions(fail=10_000)
    log = EventLog(transactions)
    log.keep(Kept(NOON, "query", "hospital"))
    assert log.flush(60)
    assert transactions.committed == []


def test_no_more_wait_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_MOST_WAITING", 3)
    transactions = Transactions()
    log = EventLog(transactions)
    for _ in range(10):
        log.keep(Kept(NOON, "query", "hospital"))
    assert log.flush(60)
    assert sum(map(len, transactions.committed)) == 3
