"""The jobs' engine: migrated by `init`, launched by the jobs role."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import structlog
from dbos import DBOS, DBOSConfig
from sqlalchemy import Engine

from pacs_bridge.db.engine import make_jobs_engine
from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.jobs.names import APPLICATION, LANES, VERSION, WHOLE, Part
from pacs_bridge.jobs.running import Running
from pacs_bridge.jobs.workflows import Services, register

LOG = structlog.get_logger()

TICK_SECONDS = 5.0
ARRIVALS_SECONDS = 0.1  # between two looks for objects that wait to be handed over
GRACE_SECONDS = 3.0  # for what is going on when the jobs are to stop


def migrate_jobs(database_url: str) -> None:
    """Make the engine's own tables; `init` calls it before anything can be queued."""
    _quiet()
    engine = make_jobs_engine(database_url)
    DBOS(config=_config(engine, "init"))
    try:
        DBOS.launch()
        _lay_lanes()
    finally:
        DBOS.destroy()
        engine.dispose()


def _lay_lanes() -> None:
    """Write into the database how wide each lane is, whatever an older release wrote there."""
    for lane in LANES:
        DBOS.register_queue(
            lane.name,
            partition_concurrency=1 if lane.partitioned else None,
            worker_concurrency=lane.concurrency,
            polling_interval_sec=lane.poll,
            on_conflict="always_update",
        )


class Jobs:
    """The running engine of one host.

    Parameters
    ----------
    part : Part
        What this process does; the others have the other parts. Work that a killed process left is
        taken up again by the next one with the same `host_id`.
    stopping : threading.Event or None
        Set when the jobs are to stop, for services that take long and can end in between.
    """

    def __init__(
        self,
        database_url: str,
        services: Services,
        part: Part = WHOLE,
        stopping: threading.Event | None = None,
    ) -> None:
        self._stop = stopping or threading.Event()
        self._running = Running()
        self._url, self._part = database_url, part
        self._services = self._running.counted(services)
        self._porter: threading.Thread | None = None

    def start(self) -> None:
        """Launch, take up what a crash had cut off, and begin serving the queues."""
        _quiet()
        self._engine = make_jobs_engine(self._url)
        DBOS(config=_config(self._engine, self._part.host_id))
        DBOS.listen_queues([lane.name for lane in self._part.lanes])
        register(self._services)
        DBOS.launch()
        _lay_lanes()
        if self._part.keeps_time:
            threading.Thread(target=self._tick, name="ticker", daemon=True).start()
        if self._part.takes_arrivals:
            self._porter = threading.Thread(target=self._hand_over, name="arrivals", daemon=True)
            self._porter.start()

    def stop(self, seconds: float = GRACE_SECONDS) -> None:
        """Let calls that are going on end, at most so long; the rest waits for the next start.

        A workflow that sleeps until it tries again is not waited for: its thread lives on until
        it wakes, so that a process which is to end at once has to leave it behind.
        """
        self._stop.set()
        if self._porter is not None:
            self._porter.join(seconds)
        self._running.wait_for_none(seconds)
        DBOS.destroy(workflow_completion_timeout_sec=1 if seconds else 0)  # from call to call
        self._engine.dispose()

    def _tick(self) -> None:
        """Do what is due by the clock: release readers, and verify what was proven long ago."""
        while not self._stop.wait(TICK_SECONDS):
            _guarded(self._services.release_due)
            _guarded(self._services.watch_due)
            _guarded(self._services.checks_due)
            _guarded(self._services.end_due)
            _guarded(self._services.handshakes_due)
            _guarded(self._services.pulls_due)
            _guarded(self._services.reread_due)
            _guarded(self._services.isolation_due)
            _guarded(self._services.tidy)

    def _hand_over(self) -> None:
        """Take received objects out of the database: into the archive, and into the queue."""
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                pause = 0.0 if self._services.hand_over() else ARRIVALS_SECONDS
            except PacsBridgeError as error:  # they are safe where they are
                LOG.warning("arrivals wait", reason=str(error))
                pause = TICK_SECONDS
            except Exception:  # a bug of ours must not keep all that comes after from its job
                LOG.exception("arrivals wait")
                pause = TICK_SECONDS


def _guarded(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:  # the clock must go on; the trace says what to mend
        LOG.exception("tick-failed")


def _config(engine: Engine, host_id: str) -> DBOSConfig:
    return DBOSConfig(
        name=APPLICATION,
        system_database_engine=engine,
        executor_id=host_id,
        application_version=VERSION,
        run_migrations=True,
        log_level="WARNING",
        notification_listener_polling_interval_sec=1.0,
    )


def _quiet() -> None:
    """Silence the library's advertisement at launch."""
    logging.getLogger("dbos").setLevel(logging.WARNING)
