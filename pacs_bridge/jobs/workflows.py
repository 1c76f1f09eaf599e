"""Each job as a durable workflow: what to call, what to repeat, when to stop.

A workflow that was cut off by a crash is run again from its last finished step. Every
service it calls may therefore happen twice, and is made for that.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from dbos import DBOS

from pacs_bridge.domain.errors import GiveUp, RetryLater
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.sending import OutsideWindow
from pacs_bridge.domain.sentences import NEEDS_CONTACT

LOG = structlog.get_logger()

FORWARD_DAYS = 7
REPORT_DAYS = 2
SENT, OUTSIDE, UNREACHABLE = "sent", "outside the sending window", "unreachable"
UNREPORTED = "The PACS took no report for two days; check where it takes them, and ask again."


@dataclass(frozen=True)
class LoadPace:
    """How a load is repeated; seconds."""

    chunk: int = 64
    first_verify: float = 1.0
    retry: float = 5.0
    max_retry: float = 900.0
    grace: float = 900.0
    attempts: int = 5


def _nobody_asks(*_: object, **__: object) -> None:
    """Have no commitments to report on."""


@dataclass(frozen=True)
class Services:
    """What the jobs call; joined by wiring, every other argument already given."""

    send_next: Callable[[int, int], int]
    verify_load: Callable[[int], Any]
    reopen_missing: Callable[[int, list[str]], int]
    note_load: Callable[[int, str], int]
    park_load: Callable[[int, str], None]
    extract_object: Callable[[str], str]
    park_object: Callable[[str, str], str]
    judge_image: Callable[[str], str]
    close_reading: Callable[[str], str]
    forward_reading: Callable[[int], str]
    deliver_truth: Callable[[str, int], None]
    deliver_mail: Callable[[str], None]
    release_due: Callable[[], int]
    watch_due: Callable[[], int]
    hand_over: Callable[[], int]
    pace: LoadPace = LoadPace()
    report_commitment: Callable[[int], None] = _nobody_asks
    park_report: Callable[[int, str], None] = _nobody_asks
    wait_for_window: Callable[[int, int], None] = _nobody_asks
    ask_to_commit: Callable[[int, int], None] = _nobody_asks
    commit_load: Callable[[int], None] = _nobody_asks
    check_intact: Callable[[int], Any] = _nobody_asks
    check_withdrawal: Callable[[int], Any] = _nobody_asks
    send_feedback: Callable[[int], Any] = _nobody_asks
    withdraw_feedback: Callable[[int], Any] = _nobody_asks
    checks_due: Callable[[], Any] = _nobody_asks
    rehearse: Callable[[int], Any] = _nobody_asks
    make_copies: Callable[[str, str], Any] = _nobody_asks
    tidy: Callable[[], Any] = _nobody_asks
    handshakes_due: Callable[[], Any] = _nobody_asks
    end_due: Callable[[], Any] = _nobody_asks
    pulls_due: Callable[[], Any] = _nobody_asks
    reread_due: Callable[[], Any] = _nobody_asks
    isolation_due: Callable[[], Any] = _nobody_asks
    watch_exposure: Callable[..., Any] = _nobody_asks
    clear_turn: Callable[[str, str], Any] = _nobody_asks
    pull_marks: Callable[[str], Any] = _nobody_asks


def back_off(attempt: int, first: float, most: float) -> float:
    """Seconds to wait before attempt number `attempt` + 1: doubling, with jitter."""
    return min(most, first * 2 ** min(attempt, 20)) * random.uniform(0.75, 1.0)  # noqa: S311  not a secret


def register(services: Services) -> None:
    """Make every workflow known under the name that services queue it by."""
    DBOS.workflow(name="load")(_load_workflow(services))
    DBOS.workflow(name="verify")(lambda load_id: _verify_once(services, load_id))
    DBOS.workflow(name="check_intact")(
        lambda load_id: _once("check_intact", lambda: services.check_intact(load_id))
    )
    DBOS.workflow(name="commit_load")(
        lambda load_id: _once("commit_load", lambda: services.commit_load(load_id))
    )
    DBOS.workflow(name="check_withdrawal")(
        lambda load_id: _once("check_withdrawal", lambda: services.check_withdrawal(load_id))
    )
    DBOS.workflow(name="send_feedback")(
        lambda number: _once("send_feedback", lambda: services.send_feedback(number))
    )
    DBOS.workflow(name="withdraw_feedback")(
        lambda number: _once("withdraw_feedback", lambda: services.withdraw_feedback(number))
    )
    DBOS.workflow(name="rehearse")(
        lambda load_id: _once("rehearse", lambda: services.rehearse(load_id))
    )
    DBOS.workflow(name="make_copies")(
        lambda set_name, pacs: _until_done(
            "make_copies", lambda: services.make_copies(set_name, pacs), days=1
        )
    )
    DBOS.workflow(name="watch_exposure")(
        lambda pacs, set_name, case="": _once(
            "watch_exposure", lambda: services.watch_exposure(pacs, set_name, case=case)
        )
    )
    DBOS.workflow(name="clear_turn")(
        lambda pacs, set_name: _once("clear_turn", lambda: services.clear_turn(pacs, set_name))
    )
    DBOS.workflow(name="pull_marks")(
        lambda pacs: _once("pull_marks", lambda: services.pull_marks(pacs))
    )
    DBOS.workflow(name="extract")(lambda uid: _extract(services, uid))
    DBOS.workflow(name="came_back")(lambda key: _judge_image(services, key))
    DBOS.workflow(name="close")(lambda uid: _patiently(lambda: services.close_reading(uid)))
    DBOS.workflow(name="forward")(
        lambda outbox_id: _until_done(
            "forward", lambda: services.forward_reading(outbox_id), days=FORWARD_DAYS
        )
    )
    DBOS.workflow(name="deliver_truth")(
        lambda set_name, version: _until_done(
            "truth", lambda: services.deliver_truth(set_name, version), days=FORWARD_DAYS
        )
    )
    one_mail = threading.Lock()  # the mail server gets one connection of ours at a time

    def deliver_mail(key: str) -> None:
        with one_mail:
            services.deliver_mail(key)

    DBOS.workflow(name="mail")(lambda key: _until_done("mail", lambda: deliver_mail(key), days=1))
    DBOS.workflow(name="report_commitment")(lambda number: _report(services, number))


def _load_workflow(services: Services) -> Callable[[int, int], str]:
    pace = services.pace

    def load(load_id: int, run: int) -> str:
        """Send what is pending, verify, send again what is missing, until ready or at a loss."""
        LOG.info("load-started", load=load_id, run=run)
        for left in reversed(range(pace.attempts)):
            end = _send_all(services, load_id)
            if end == OUTSIDE:
                DBOS.run_step({"name": "wait"}, services.wait_for_window, load_id, run)
                return OUTSIDE
            if end != SENT:
                break
            DBOS.run_step({"name": "commit"}, services.ask_to_commit, load_id, run)
            readiness, missing = _verify_until_settled(services, load_id)
            if readiness is Readiness.READY:
                return "ready"
            if not missing or not left:  # what is not sent again must not look as if it were
                break
            if not DBOS.run_step({"name": "reopen"}, services.reopen_missing, load_id, missing):
                break
        DBOS.run_step({"name": "park"}, services.park_load, load_id, NEEDS_CONTACT)
        return "parked"

    return load


def _send_all(services: Services, load_id: int) -> str:
    """Send chunk by chunk until nothing is pending; gives how it ended.

    That is `SENT`; `OUTSIDE` of the sending window; or `UNREACHABLE`: a PACS that breaks off
    again and again, and takes nothing in between.
    """
    pace, failures, least = services.pace, 0, math.inf
    while True:
        remaining = DBOS.run_step({"name": "send"}, _try_send, services, load_id)
        if remaining == OUTSIDE:
            return OUTSIDE
        if isinstance(remaining, int):
            failures = 0
            if remaining == 0:
                return SENT
            continue
        pending = DBOS.run_step({"name": "note"}, services.note_load, load_id, remaining)
        failures = 1 if pending < least else failures + 1
        least = min(least, pending)
        if failures > pace.attempts * 8:
            return UNREACHABLE
        DBOS.sleep(back_off(failures - 1, pace.retry, pace.max_retry))


def _try_send(services: Services, load_id: int) -> int | str:
    """Send one chunk: how many remain, or in one sentence why it could not be sent."""
    try:
        return services.send_next(load_id, services.pace.chunk)
    except OutsideWindow:
        return OUTSIDE
    except (RetryLater, GiveUp) as error:
        return str(error)


def _verify_until_settled(services: Services, load_id: int) -> tuple[Readiness, list[str]]:
    """Sweep with growing pauses while an answer may still change.

    That is, while images may be on their way to the index, and while the PACS does not
    answer: then nothing is known to be missing, and nothing is sent again.
    """
    pace, waited, silent = services.pace, 0.0, 0
    DBOS.sleep(pace.first_verify)
    attempt = 0
    while True:
        found = DBOS.run_step({"name": "verify"}, _sweep, services, load_id)
        silent = silent + 1 if found.unanswered else 0
        if found.readiness is Readiness.READY or silent > pace.attempts * 8:
            return found.readiness, list(found.missing)
        if not found.unanswered and (not found.waiting or waited > max(pace.grace, found.grace)):
            return found.readiness, list(found.missing)
        most = pace.max_retry if found.unanswered else 60.0
        pause = back_off(attempt, pace.first_verify, most)
        DBOS.sleep(pause)
        waited += pause
        attempt += 1


@dataclass(frozen=True)
class Found:
    """What one sweep came to, as a step's result that can be kept."""

    readiness: Readiness
    waiting: bool
    missing: tuple[str, ...]
    unanswered: bool
    grace: float = 0.0


def _sweep(services: Services, load_id: int) -> Found:
    sweep = services.verify_load(load_id)
    return Found(
        sweep.readiness,
        sweep.waiting,
        tuple(sweep.missing),
        bool(sweep.unanswered),
        getattr(sweep, "grace", 0.0),
    )


def _verify_once(services: Services, load_id: int) -> str:
    return str(_sweep(services, load_id).readiness)


def _once(name: str, call: Callable[[], Any]) -> str:
    """Call once: what cannot be found out now is asked for again by the clock."""
    return DBOS.run_step({"name": name}, _try, call) or "done"


def _extract(services: Services, uid: str) -> str:
    try:
        return _patiently(lambda: services.extract_object(uid))
    except Exception:
        # A bug of ours: the object is safe; a person must see it, and the trace must too.
        LOG.exception("extract-failed", object=uid)
        return services.park_object(uid, "Our own reading of it failed; it is kept for repair.")


def _report(services: Services, number: int) -> str:
    """Report on a commitment, as long as the PACS may still take it; then park it."""
    end = _until_done("report", lambda: services.report_commitment(number), days=REPORT_DAYS)
    if end != "done":
        DBOS.run_step({"name": "park"}, services.park_report, number, UNREPORTED)
    return end


def _judge_image(services: Services, key: str) -> str:
    try:
        return _until_done("came_back", lambda: services.judge_image(key), days=1)
    except Exception:  # as above
        LOG.exception("came-back-failed", object=key)
        return services.park_object(key, "Our own look at it failed; it is kept for repair.")


def _until_done(name: str, call: Callable[[], Any], *, days: float) -> str:
    """Repeat a call while it may succeed later: 1 s, 2 s … 15 min, for so many days."""
    waited, attempt = 0.0, 0
    while True:
        answer = DBOS.run_step({"name": name}, _try, call)
        if answer is None:
            return "done"
        if waited > days * 86_400:
            LOG.error("job-given-up", job=name, reason=answer)
            return "given up"
        pause = back_off(attempt, 1.0, 900.0)
        DBOS.sleep(pause)
        waited += pause
        attempt += 1


def _patiently(call: Callable[[], str]) -> str:
    """Repeat a call for as long as it may succeed later: nobody else would ask for it again."""
    attempt = 0
    while True:
        try:
            return call()
        except RetryLater:
            DBOS.sleep(back_off(attempt, 1.0, 60.0))
            attempt += 1


def _try(call: Callable[[], Any]) -> str | None:
    """Call once: None when done (or never to be done), else why it must be repeated."""
    try:
        call()
    except RetryLater as error:
        return str(error)
    except GiveUp as error:
        LOG.warning("job-refused", reason=str(error))
    return None
