"""A PostgreSQL server of the test session's own, and a fresh database for whoever asks.

It listens on a socket in its folder, does without the disk's sync, and ends with the session,
however that ends (`tests.postgres_server`).
"""

from __future__ import annotations

import atexit
import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.migrate import migrate
from pacs_bridge.jobs.engine import migrate_jobs
from tests.peers import ROOT, need
from tests.postgres_server import SETTINGS, SUPERUSER
from tests.waiting import wait_until

OWNER = "bridge"


class Cluster:
    """One running server.

    Parameters
    ----------
    folder : Path
        Its data and its socket.
    """

    def __init__(self, folder: Path, guardian: subprocess.Popen[str]) -> None:
        self.folder, self._guardian = folder, guardian
        self._numbers = itertools.count()
        self._templates: dict[bool, str] = {}

    def url(self, database: str, user: str = OWNER) -> str:
        """Give the address of a database, as the setting ``database.url`` has it."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def empty(self, template: str = "template0") -> str:
        """Make a database without tables; gives its address."""
        name = f"test{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return self.url(name)

    def migrated(self, *, with_jobs: bool = False) -> str:
        """Make a database with this version's tables, and the jobs' too; gives its address."""
        return self.empty(self._template(with_jobs=with_jobs))

    def copied(self, url: str) -> str:
        """Make a copy of a database that nobody speaks with; gives its address."""
        return self.empty(self.name_of(url))

    def _template(self, *, with_jobs: bool) -> str:
        if with_jobs not in self._templates:
            if with_jobs:
                url = self.migrated()
                migrate_jobs(url)
            else:
                url = self.empty()
                engine = make_engine(url)
                migrate(engine)
                engine.dispose()
            self._templates[with_jobs] = self.name_of(url)
            self.hang_up(url)
        return self._templates[with_jobs]

    @staticmethod
    def name_of(url: str) -> str:
        """Give the name of the database at an address."""
        return url.rpartition("@/")[2].partition("?")[0]

    def hang_up(self, url: str) -> None:
        """End every connection to a database, as a server does that is stopped."""
        self.ask(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s",
            self.name_of(url),
        )

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        """Let in nobody to a database for a while, nor who is there: as if its server were off."""
        name = self.name_of(url)
        self.ask(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.hang_up(url)
        try:
            yield
        finally:
            self.ask(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def drop(self, url: str) -> None:
        """Take a database away, whoever still speaks with it."""
        self.ask(f"DROP DATABASE {self.name_of(url)} WITH (FORCE)")

    @contextmanager
    def lent(self, *, with_jobs: bool = False) -> Iterator[str]:
        """Make a database as `migrated` does, and take it away again.

        Threads of jobs that were cut off may outlive them, and would look for it for ever: one
        with jobs stays as long as the server.
        """
        url = self.migrated(with_jobs=with_jobs)
        try:
            yield url
        finally:
            if not with_jobs:
                self.drop(url)

    def ask(self, text: str, *values: Any, url: str = "") -> list[Any]:
        """Run a statement as the server's own user; gives the rows."""
        address = url.replace(OWNER + "@", SUPERUSER + "@") or self.url("postgres", SUPERUSER)
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(text), values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def setting(self, **settings: str) -> Iterator[None]:
        """Run with other settings for a while; only such as a reload changes."""
        for name, value in settings.items():
            self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self._reload(settings)
        try:
            yield
        finally:
            for name in settings:
                self.ask(f"ALTER SYSTEM RESET {name}")
            self._reload({name: SETTINGS[name] for name in settings if name in SETTINGS})

    def _reload(self, expected: dict[str, str]) -> None:
        self.ask("SELECT pg_reload_conf()")
        for name, value in expected.items():
            wait_until(
                lambda name=name, value=value: self.ask(f"SHOW {name}") == [(value,)],
                f"{name} to be {value}",
            )

    def stop(self) -> None:
        """End it, and take its folder away."""
        self._guardian.communicate(timeout=300)


@cache
def cluster() -> Cluster:
    """Start the server of this session; the same one each time.

    A machine without PostgreSQL skips the test, and fails it under CI.
    """
    programs = Path(need("/usr/lib/postgresql/*/bin/initdb", "postgresql")).parent
    guardian = subprocess.Popen(
        [sys.executable, "-m", "tests.postgres_server", str(programs)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert guardian.stdout is not None
    folder = guardian.stdout.readline().strip()
    assert folder, "the server could not be set up"
    made = Cluster(Path(folder), guardian)
    atexit.register(made.stop)

    def answers() -> bool:
        assert guardian.poll() is None, "the server ended"
        try:
            return made.ask("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    wait_until(answers, "the server to answer", seconds=240)
    made.ask(f"CREATE ROLE {OWNER} LOGIN")
    return made


@pytest.fixture(scope="session")
def postgres() -> Cluster:
    """The server of this session."""
    return cluster()


@pytest.fixture
def postgres_url(postgres: Cluster) -> Iterator[str]:
    """A fresh database with this version's tables."""
    with postgres.lent() as url:
        yield url
