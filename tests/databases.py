"""A real database for a test, with our tables and a queue that only remembers.

SQLite's; with ``PACS_BRIDGE_TEST_DATABASE=postgresql`` in the environment PostgreSQL's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy.orm import sessionmaker

from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.group_unit import GroupUnits
from pacs_bridge.db.migrate import migrate
from pacs_bridge.db.unit_of_work import UnitOfWork
from tests.builders import NOON

ON_POSTGRESQL = os.environ.get("TESTS_DATABASE", "sqlite") == "postgresql"

of_sqlite = pytest.mark.skipif(ON_POSTGRESQL, reason="this is how SQLite does it")


@dataclass
class RememberedJobs:
    """Implements `Enqueue`: keeps what was queued, each key once."""

    jobs: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def __call__(
        self, _transaction: Any, job: str, *args: Any, key: str | None = None, **_: Any
    ) -> None:
        if key is not None and key in self.keys:
            return
        if key is not None:
            self.keys.add(key)
        self.jobs.append((job, args))


@dataclass
class Clock:
    """A clock that a test moves."""

    moment: datetime = NOON

    def __call__(self) -> datetime:
        return self.moment

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


@dataclass
class TestDatabase:
    """What a service test needs."""

    __test__ = False
    begin: Callable[[], UnitOfWork]
    jobs: RememberedJobs
    clock: Clock
    begin_for_many: Callable[[], UnitOfWork] = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.begin_for_many = self.begin_for_many or self.begin


@cache
def migrated(*, with_jobs: bool = False) -> bytes:
    """An empty database with this version's tables, as the bytes of its file; made once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite"
        engine = make_engine(f"sqlite:///{path}")
        migrate(engine)
        if with_jobs:
            from pacs_bridge.jobs.engine import migrate_jobs

            migrate_jobs(str(engine.url))
        engine.dispose()  # the last connection to close leaves nothing beside the file
        assert not path.with_name("empty.sqlite-wal").exists()
        return path.read_bytes()


@contextmanager
def a_database(folder: Path, *, with_jobs: bool = False) -> Iterator[str]:
    """An empty database with this version's tables, and the jobs' too; gives its address."""
    if ON_POSTGRESQL:
        from tests.postgres import cluster

        with cluster().lent(with_jobs=with_jobs) as url:
            yield url
        return
    (folder / "test.sqlite").write_bytes(migrated(with_jobs=with_jobs))
    yield f"sqlite:///{folder / 'test.sqlite'}"


@contextmanager
def opened(url: str) -> Iterator[TestDatabase]:
    """What a service test needs, over a database with this version's tables."""
    engine = make_engine(url)
    jobs = RememberedJobs()
    begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), jobs)
    for_many = GroupUnits(engine, jobs)
    try:
        yield TestDatabase(begin, jobs, Clock(), for_many)
    finally:
        for_many.close()
        engine.dispose()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TestDatabase]:
    """A fresh database with this version's tables."""
    with a_database(tmp_path) as url, opened(url) as database:
        yield database
