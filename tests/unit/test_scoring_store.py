"""The scoring server's file: nothing acknowledged is lost, nothing is kept twice."""

from __future__ import annotations

import random
import sqlite3
import threading
from dataclasses import replace

import pytest

from pacs_bridge.domain.errors import RefusedInput, StoreBusy
from pacs_bridge.scoring.server.store import KeptReading, KeptTruth, Store

READING = KeptReading("r", 1, "a" * 64, "PERFORMS121", "PERFORMS121101", "R1", "{}", 1.0)
TRUTH = KeptTruth("PERFORMS121", 1, "a" * 64, "{}", 1.0)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "scorer.sqlite")
    yield store
    store.close()


def numbered(case, revision):
    """A revision of the reading of a case, whose hash names it."""
    return replace(
        READING,
        reading=f"r{case}",
        revision=revision,
        accession=f"PERFORMS121{case}",
        content_hash=f"{case}{revision}",
    )


def test_a_commit_is_on_disk_before_the_receipt(store, tmp_path):
    # synchronous=FULL is 2; it holds for the connection that writes, so it is asked there
    asked = [store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in
             ("journal_mode", "synchronous")]  # fmt: skip
    assert asked == ["wal", 2]
    assert (tmp_path / "scorer.sqlite").stat().st_mode & 0o077 == 0


def test_what_was_kept_is_there_after_a_restart(store, tmp_path):
    store.add_truth(TRUTH)
    store.add_reading(READING)
    other = Store(tmp_path / "scorer.sqlite")
    assert other.newest_reading("r") == READING
    assert other.newest_truth("PERFORMS121") == TRUTH
    assert other.add_reading(READING) == "duplicate"
    other.close()


def test_a_thousand_shuffled_deliveries_with_duplicates_leave_the_newest_once(store):
    chance = random.Random(7)
    sent = [numbered(case, revision) for case in range(101, 161) for revision in range(1, 6)]
    deliveries = sent + chance.choices(sent, k=700)
    chance.shuffle(deliveries)
    answers = [store.add_reading(reading) for reading in deliveries]
    assert answers.count("duplicate") == 700
    newest = store.newest_readings("PERFORMS121", "R1")
    assert [kept.revision for kept in newest] == [5] * 60
    assert len({kept.accession for kept in newest}) == 60


def test_many_threads_at_once_keep_each_reading_once(store):
    answers = []

    def deliver(seed):
        order = [numbered(case, 1) for case in range(101, 121)]
        random.Random(seed).shuffle(order)
        answers.extend(store.add_reading(reading) for reading in order)

    threads = [threading.Thread(target=deliver, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count("scored"), answers.count("duplicate")) == (20, 100)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(RefusedInput, match="cannot be opened"):
        Store(tmp_path / "no folder" / "scorer.sqlite")
    (tmp_path / "text").write_text("this is no database, " * 100)
    with pytest.raises(RefusedInput, match="cannot be opened"):
        Store(tmp_path / "text")


def test_a_store_that_cannot_write_says_so_and_keeps_nothing_half(store):
    store._connection.execute("PRAGMA query_only=ON")
    for attempt in (lambda: store.add_reading(READING), lambda: store.add_truth(TRUTH)):
        with pytest.raises(StoreBusy):
            attempt()
    store._connection.execute("PRAGMA query_only=OFF")
    assert store.newest_reading("r") is None
    assert store.add_reading(READING) == "scored"


def test_a_store_locked_by_another_is_busy_and_not_broken(store, tmp_path):
    store._connection.execute("PRAGMA busy_timeout=20")
    other = sqlite3.connect(tmp_path / "scorer.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        store.add_reading(READING)
    other.execute("ROLLBACK")
    other.close()
    assert store.add_reading(READING) == "scored"
