"""Jobs over a real engine: due exactly when the caller commits, each key once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import sessionmaker

from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.postgresql import MOST_CONNECTIONS
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.errors import (
    MailUnavailable,
    PeerUnavailable,
    ScorerUnavailable,
    StoreBusy,
)
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.jobs.engine import Jobs
from pacs_bridge.jobs.queue import JobQueue
from pacs_bridge.jobs.workflows import LoadPace, Services
from tests.databases import ON_POSTGRESQL, a_database
from tests.waiting import wait_until

THEIRS = "dbos." if ON_POSTGRESQL else ""  # where the jobs' library has its tables


@dataclass
class Sweep:
    readiness: Readiness
    waiting: bool = False
    missing: list[str] = field(default_factory=list)
    unanswered: int = 0


class Recorder:
    """Stands for all services: remembers calls, answers what a test put in."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers: dict[str, list[Any]] = {}
        self.refused: dict[str, Exception] = {}
        self.running: dict[int, int] = {}
        self.most_at_once: dict[int, int] = {}
        self.lock = threading.Lock()

    def call(self, name: str, default: Any, *args: Any) -> Any:
        with self.lock:
            self.calls.append((name, *args))
            answers = self.answers.get(name)
            answer = answers.pop(0) if answers else default
            answer = self.refused.get(f"{name} {args[0] if args else ''}", answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def named(self, name: str) -> list[tuple[Any, ...]]:
        with self.lock:
            return [call[1:] for call in self.calls if call[0] == name]

    def services(self) -> Services:
        ready = Sweep(Readiness.READY)
        return Services(
            send_next=partial(self.call, "send", 0),
            verify_load=partial(self.call, "verify", ready),
            reopen_missing=partial(self.call, "reopen", 1),
            note_load=partial(self.call, "note", 1),
            park_load=partial(self.call, "park", None),
            extract_object=partial(self.call, "extract", "read"),
            park_object=partial(self.call, "park-object", "parked"),
            judge_image=partial(self.call, "came-back", "read"),
            close_reading=partial(self.call, "close", "closed"),
            forward_reading=partial(self.call, "forward", "settled"),
            deliver_truth=partial(self.call, "truth", None),
            deliver_mail=partial(self.call, "mail", None),
            release_due=partial(self.call, "due", 0),
            watch_due=partial(self.call, "watch", 0),
            hand_over=lambda: 0,
            pace=LoadPace(
                chunk=4, first_verify=0.01, retry=0.01, max_retry=0.05, grace=0.2, attempts=3
            ),
        )


@pytest.fixture
def engine_url(tmp_path: Path) -> Iterator[str]:
    with a_database(tmp_path, with_jobs=True) as url:
        yield url


@pytest.fixture
def begin(engine_url):
    engine = make_engine(engine_url)
    jobs = JobQueue(engine_url)
    yield partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), jobs)
    jobs.close()
    engine.dispose()


@pytest.fixture
def recorder(engine_url):
    recorder = Recorder()
    jobs = Jobs(engine_url, recorder.services())
    jobs.start()
    yield recorder
    jobs.stop(0)


def queue(begin, *job, **options):
    with begin() as uow:
        uow.enqueue(*job, **options)


def test_a_job_runs_once_its_transaction_is_committed(recorder, begin):
    queue(begin, "extract", "1.2.3", key="extract-1.2.3")
    wait_until(lambda: recorder.named("extract") == [("1.2.3",)], "the job")


def test_a_job_of_a_transaction_that_rolled_back_never_runs(recorder, begin):
    with begin() as uow:
        uow.enqueue("extract", "lost", key="lost")
        uow.open_session().rollback()
    queue(begin, "extract", "kept", key="kept")
    wait_until(lambda: recorder.named("extract"), "the later job")
    assert recorder.named("extract") == [("kept",)]


def test_a_key_is_used_once_for_good(recorder, begin):
    for _ in range(3):
        queue(begin, "mail", "welcome", key="mail-welcome")
    wait_until(lambda: recorder.named("mail"), "the mail")
    queue(begin, "mail", "welcome", key="mail-welcome")
    queue(begin, "mail", "other", key="mail-other")
    wait_until(lambda: ("other",) in recorder.named("mail"), "the other mail")
    assert recorder.named("mail") == [("welcome",), ("other",)]


def test_what_a_job_names_reaches_its_service(engine_url, begin):
    told: list[dict[str, Any]] = []
    services = replace(Recorder().services(), watch_exposure=lambda *_, **named: told.append(named))
    jobs = Jobs(engine_url, services)
    jobs.start()
    try:
        job = ("watch_exposure", "hospital", "PERFORMS121", "PERFORMS121101")
        queue(begin, *job, key="watch", partition="hospital")
        wait_until(lambda: told == [{"case": "PERFORMS121101"}], "the case to be named")
    finally:
        jobs.stop()


def test_a_load_sends_until_nothing_is_pending_then_verifies(recorder, begin):
    recorder.answers["send"] = [8, 4, 0]
    queue(begin, "load", 1, 1, key="load-1-1", partition="hospital")
    wait_until(lambda: recorder.named("verify"), "the sweep")
    assert recorder.named("send") == [(1, 4)] * 3
    assert recorder.named("park") == []


def test_a_load_survives_a_pacs_that_is_away_for_a_while(recorder, begin):
    recorder.answers["send"] = [PeerUnavailable("hospital", "connect"), 0]
    queue(begin, "load", 1, 1, key="load-1-1", partition="hospital")
    wait_until(lambda: recorder.named("verify"), "the sweep")
    assert "failed at: connect" in recorder.named("note")[0][1]


def test_a_pacs_that_takes_something_each_time_before_it_breaks_off_is_not_given_up(
    recorder, begin
):
    away = PeerUnavailable("hospital", "answer")
    recorder.answers["send"] = [away] * 30 + [0]
    recorder.answers["note"] = list(range(30, 0, -1))
    queue(begin, "load", 1, 1, key="load-1-1", partition="hospital")
    wait_until(lambda: recorder.named("verify"), "the sweep")
    assert len(recorder.named("send")) == 31
    assert recorder.named("park") == []


def test_a_pacs_that_takes_nothing_is_given_up_for_a_person(recorder, begin):
    recorder.answers["send"] = [PeerUnavailable("hospital", "connect")] * 30
    queue(begin, "load", 1, 1, key="load-1-1", partition="hospital")
    wait_until(lambda: recorder.named("park"), "the load to be parked")
    assert len(recorder.named("send")) == 3 * 8 + 1


def test_a_load_sends_again_what_is_missing_and_ends_with_a_person(recorder, begin):
    missing = Sweep(Readiness.INCOMPLETE, missing=["1.2.3"])
    recorder.answers["verify"] = [missing] * 3
    queue(begin, "load", 1, 1, key="load-1-1", partition="hospital")
    wait_until(lambda: recorder.named("park"), "the load to be parked")
    assert len(recorder.named("verify")) == 3
    assert recorder.named("reopen") == [(1, ["1.2.3"])] * 2  # the last miss stays missing


def test_a_load_waits_for_the_index_before_it_judges(recorder, begin):
    waiting = Sweep(Readiness.SENT, waiting=True)
    recorder.answers["verify"] = [waiting, waiting, Sweep(Readiness.READY)]
    queue(begin, "load", 1, 1, key="load-1-1", partition="hospital")
    wait_until(lambda: len(recorder.named("verify")) == 3, "three sweeps")
    assert recorder.named("reopen") == []


def test_a_load_whose_pacs_does_not_answer_is_asked_again_and_nothing_is_sent_again(
    recorder, begin
):
    silence = Sweep(Readiness.SENT, unanswered=2)
    recorder.answers["verify"] = [silence, silence, Sweep(Readiness.READY)]
    queue(begin, "load", 1, 1, key="load-1-1", partition="hospital")
    wait_until(lambda: len(recorder.named("verify")) == 3, "three sweeps")
    assert recorder.named("reopen") == recorder.named("park") == []
    assert len(recorder.named("send")) == 1


def test_a_reading_is_forwarded_until_the_scorer_takes_it(recorder, begin):
    recorder.answers["forward"] = [ScorerUnavailable("away")]
    queue(begin, "forward", 7, key="forward-7")
    wait_until(lambda: len(recorder.named("forward")) == 2, "the second attempt")


def test_an_extraction_that_fails_for_a_bug_of_ours_parks_its_object(recorder, begin):
    recorder.answers["extract"] = [RuntimeError("a bug")]
    queue(begin, "extract", "1.2.3", key="extract-1.2.3")
    wait_until(lambda: recorder.named("park-object"), "the object to be parked")
    assert recorder.named("park-object")[0][0] == "1.2.3"


def test_work_that_a_stopped_host_left_is_taken_up_by_the_next(engine_url, begin):
    first = Recorder()
    first.answers["forward"] = [ScorerUnavailable("away")] * 3
    jobs = Jobs(engine_url, first.services())
    jobs.start()
    queue(begin, "forward", 7, key="forward-7")
    wait_until(lambda: first.named("forward"), "the first attempt")
    jobs.stop(seconds=0)
    second = Recorder()
    again = Jobs(engine_url, second.services())
    again.start()
    try:
        wait_until(lambda: second.named("forward") == [(7,)], "the next host's attempt")
    finally:
        again.stop()


def test_any_number_of_pacs_that_are_slow_or_dead_delay_no_other(engine_url, begin):
    """Seventy of them hold the line; the one that answers has its images all the same.

    The home was made by a release whose lanes were narrow.
    """
    engine = make_engine(engine_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {THEIRS}queues SET worker_concurrency = 1"))
    engine.dispose()
    recorder, gate = Recorder(), threading.Event()
    answer = recorder.services()
    slow = range(1, 71)

    def send_next(load_id: int, limit: int) -> int:
        if load_id in slow:
            gate.wait(600)
        return answer.send_next(load_id, limit)

    jobs = Jobs(engine_url, replace(answer, send_next=send_next))
    jobs.start()
    try:
        with begin() as uow:
            for number in slow:
                uow.enqueue("load", number, 1, key=f"load-{number}-1", partition=f"slow{number}")
        queue(begin, "load", 99, 1, key="load-99-1", partition="awake")
        wait_until(lambda: recorder.named("send"), "the PACS that answers", seconds=120)
        assert recorder.named("send") == [(99, 4)]
        gate.set()
        wait_until(lambda: len(recorder.named("verify")) == 71, "all the others", seconds=120)
    finally:
        gate.set()
        jobs.stop()


def test_a_receipt_waits_behind_no_image_and_no_reading_that_closes(engine_url, begin):
    recorder, gate = Recorder(), threading.Event()
    services = recorder.services()

    def stand_still(call: Any) -> Any:
        def stand(key: str) -> Any:
            answer = call(key)
            gate.wait(600)
            return answer

        return stand

    jobs = Jobs(
        engine_url,
        replace(
            services,
            judge_image=stand_still(services.judge_image),
            close_reading=stand_still(services.close_reading),
        ),
    )
    jobs.start()
    try:
        with begin() as uow:
            for number in range(40):  # more than lanes of either are wide
                uow.enqueue("close", f"reading-{number}", key=f"close-{number}")
                if number < 10:
                    uow.enqueue("came_back", f"2.25.{number}", key=f"came-back-{number}")
        wait_until(lambda: recorder.named("came-back"), "images that are looked at", seconds=60)
        wait_until(lambda: recorder.named("close"), "readings that close", seconds=60)
        queue(begin, "extract", "2.25.99", key="extract-2.25.99")
        wait_until(lambda: recorder.named("extract"), "the object with marks", seconds=60)
        gate.set()
        wait_until(lambda: len(recorder.named("came-back")) == 10, "the other images", seconds=60)
        wait_until(lambda: len(recorder.named("close")) == 40, "the other readings", seconds=60)
    finally:
        gate.set()
        jobs.stop()


BUSY = StoreBusy("The database is busy; the same call works later.")


@pytest.mark.parametrize(
    ("call", "job", "then"),
    [
        ("extract", ("extract", "2.25.1"), "extract"),
        ("close", ("close", "reading-1"), "close"),
        ("note", ("load", 1, 1), "park"),
    ],
)
def test_a_database_that_is_busy_for_a_while_ends_no_job(recorder, begin, call, job, then):
    """Nobody would begin it again: an object would never be read, a load never go on."""
    recorder.answers["send"] = [PeerUnavailable("It is away.")] * 40
    recorder.answers[call] = [BUSY, BUSY]
    queue(begin, *job, key="busy", partition="hospital")
    wait_until(lambda: len(recorder.named(call)) >= 3, "the third attempt", seconds=60)
    wait_until(lambda: recorder.named(then), "what comes after it", seconds=60)


def test_more_may_wait_for_the_database_than_a_pool_has_places(engine_url):
    """Each that waits for its turn to write has a connection; one more waits like them."""
    engine = make_engine(engine_url)
    jobs = JobQueue(engine_url)
    begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), jobs)
    writers = [
        threading.Thread(target=queue, args=(begin, "mail", f"{number}"), daemon=True)
        for number in range(40)
    ]
    with begin() as uow:
        uow.enqueue("mail", "first")
        for writer in writers:
            writer.start()
        most = MOST_CONNECTIONS if ON_POSTGRESQL else 41  # the others wait for a connection
        wait_until(lambda: engine.pool.checkedout() == most, "all of them to wait")
    for writer in writers:
        writer.join(60)
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {THEIRS}workflow_status")) == 41
    jobs.close()
    engine.dispose()


def test_a_mailbox_that_is_full_keeps_nobody_elses_mail(recorder, begin):
    full = MailUnavailable("The mail server asks us to come back later.")
    recorder.refused["mail full"] = full
    queue(begin, "mail", "full", key="mail-full")
    wait_until(lambda: recorder.named("mail"), "the first attempt")
    queue(begin, "mail", "other", key="mail-other")
    wait_until(lambda: ("other",) in recorder.named("mail"), "the other mail")
    recorder.refused.clear()
    tries = len(recorder.named("mail"))
    wait_until(lambda: len(recorder.named("mail")) > tries, "the next attempt")
