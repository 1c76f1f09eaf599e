"""What every role and command of one home shares."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.config import Config
from pacs_bridge.domain.errors import RefusedInput

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pacs_bridge.archive.renamed import RenamedArchive
    from pacs_bridge.db.unit_of_work import UnitOfWork
    from pacs_bridge.db.watch_queries import WatchQueries
    from pacs_bridge.jobs.queue import JobQueue

HOME_VARIABLE = "PACS_BRIDGE_HOME"


def now() -> datetime:
    """Give the present moment, UTC."""
    return datetime.now(UTC)


def find_home(home: Path | None) -> Path:
    """Give the home from ``--home`` or the environment.

    Raises
    ------
    RefusedInput
        When neither says it.
    """
    if home is not None:
        return home
    if place := os.environ.get(HOME_VARIABLE):
        return Path(place)
    raise RefusedInput(f"Say which home: give --home FOLDER or set {HOME_VARIABLE}.")


@dataclass(frozen=True)
class Installation:
    """A home that is open: its configuration, database, archive and clock.

    Everything is made when first asked for, so that a command pays only for what it uses.
    """

    config: Config
    now: Callable[[], datetime] = now

    @classmethod
    def open(cls, home: Path | None) -> Installation:
        """Open a home; raises `RefusedInput` where there is none or its settings are wrong."""
        return cls(Config.load(find_home(home)))

    @cached_property
    def engine(self) -> Engine:
        """The database, for units of work that write."""
        from pacs_bridge.db.engine import make_engine

        return make_engine(self.config.database_url)

    @cached_property
    def reading_engine(self) -> Engine:
        """The database, for units of work that only read and so never wait for a writer."""
        from pacs_bridge.db.engine import make_engine

        return make_engine(self.config.database_url, immediate=False)

    @cached_property
    def begin(self) -> Callable[[], UnitOfWork]:
        """Open a unit of work that may write and queue jobs."""
        from sqlalchemy.orm import sessionmaker

        from pacs_bridge.db.unit_of_work import UnitOfWork

        return partial(UnitOfWork, sessionmaker(self.engine, expire_on_commit=False), self.queue)

    @cached_property
    def begin_for_many(self) -> Callable[[], UnitOfWork]:
        """Open a unit of work like `begin`, for the one who commits for all associations."""
        from pacs_bridge.db.group_unit import GroupUnits

        return GroupUnits(self.engine, self.queue)

    @cached_property
    def queue(self) -> JobQueue:
        """Queues jobs inside a unit of work."""
        from pacs_bridge.jobs.queue import JobQueue

        return JobQueue(self.config.database_url)

    @cached_property
    def read(self) -> Callable[[], UnitOfWork]:
        """Open a unit of work that only reads."""
        from sqlalchemy.orm import sessionmaker

        from pacs_bridge.db.unit_of_work import UnitOfWork

        return partial(UnitOfWork, sessionmaker(self.reading_engine, expire_on_commit=False))

    @cached_property
    def watch(self) -> WatchQueries:
        """What administrators look at."""
        from sqlalchemy.orm import sessionmaker

        from pacs_bridge.db.trouble import TellingSession
        from pacs_bridge.db.watch_queries import WatchQueries

        return WatchQueries(
            sessionmaker(self.reading_engine, class_=TellingSession, expire_on_commit=False)
        )

    @cached_property
    def archive(self) -> RenamedArchive:
        """The objects of this home, and the images of readers' copies, made when wanted."""
        from pacs_bridge.archive.renamed import RenamedArchive
        from pacs_bridge.wiring.reader_copies import find_renamed

        folder = self.config.home / "reader-copies"
        return RenamedArchive(self.config.archive_dir, folder, find_renamed(self))
