"""Queueing a job inside somebody else's database transaction."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from pacs_bridge.db.engine import make_jobs_engine
from pacs_bridge.jobs.names import APPLICATION, JOBS, VERSION

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions
    from sqlalchemy import Engine


class JobQueue:
    """Implements `domain.ports.Enqueue`.

    The job's row is written by the caller's own session, into the same database, so that
    it becomes due exactly when the caller commits, and never when it rolls back.

    Parameters
    ----------
    database_url : str
        The database of the installation.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._lock = threading.Lock()
        self._client: DBOSClient | None = None
        self._engine: Engine | None = None

    def __call__(
        self,
        transaction: Any,
        job: str,
        *args: Any,
        key: str | None = None,
        partition: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Queue a job; with a key that was ever used, do nothing."""
        lane = JOBS[job]
        options: dict[str, Any] = {
            "workflow_name": job,
            "queue_name": lane.name,
            "app_version": VERSION,
        }
        if key is not None:
            options["workflow_id"] = key
        if lane.partitioned:
            options["queue_partition_key"] = partition or "-"
        if delay > 0:
            options["delay_seconds"] = delay
        self._open().enqueue_in_transaction(transaction, cast("EnqueueOptions", options), *args)

    def close(self) -> None:
        """Close its connections; the next job opens them anew."""
        with self._lock:
            if self._client is not None:
                self._client.destroy()
                self._client = None
            if self._engine is not None:
                self._engine.dispose()

    def _open(self) -> DBOSClient:
        with self._lock:
            if self._client is None:
                from dbos import DBOSClient

                self._engine = make_jobs_engine(self._url)
                self._client = DBOSClient(
                    system_database_engine=self._engine,
                    application_name=APPLICATION,
                    dbos_system_schema=None if self._url.startswith("sqlite") else "dbos",
                )
            return self._client
