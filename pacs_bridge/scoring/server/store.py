"""What the scoring server keeps: every revision of every reading, every version of every truth.

One SQLite file, one connection behind one lock. Rows are only ever added. A commit is on disk
before it returns (write-ahead log, ``synchronous=FULL``), so a receipt is never ahead of it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from pacs_bridge.domain.errors import RefusedInput, StoreBusy
from pacs_bridge.scoring.server.errors import TruthConflict

_SCHEMA = """
CREATE TABLE IF NOT EXISTS truth (
    set_name TEXT NOT NULL, version INTEGER NOT NULL, content_hash TEXT NOT NULL,
    body TEXT NOT NULL, received_at REAL NOT NULL,
    PRIMARY KEY (set_name, version)
);
CREATE TABLE IF NOT EXISTS reading (
    reading TEXT NOT NULL, revision INTEGER NOT NULL, content_hash TEXT NOT NULL,
    set_name TEXT NOT NULL, accession TEXT NOT NULL, reader TEXT NOT NULL,
    body TEXT NOT NULL, received_at REAL NOT NULL,
    PRIMARY KEY (reading, revision)
);
CREATE TABLE IF NOT EXISTS report (
    reading TEXT NOT NULL, revision INTEGER NOT NULL, sha256 TEXT NOT NULL,
    body BLOB NOT NULL, received_at REAL NOT NULL,
    PRIMARY KEY (reading, revision, sha256)
);
CREATE INDEX IF NOT EXISTS reading_by_reader ON reading (set_name, reader, accession);
"""
_NEWEST_OF_READING = "SELECT * FROM reading WHERE reading = ? ORDER BY revision DESC LIMIT 1"
_NEWEST_OF_READER = """
SELECT * FROM reading AS kept WHERE set_name = ? AND reader = ? AND revision =
    (SELECT max(revision) FROM reading AS other WHERE other.reading = kept.reading)
ORDER BY accession
"""


@dataclass(frozen=True)
class KeptTruth:
    """One version of a set's truth; `body` is JSON, `received_at` seconds since 1970."""

    set_name: str
    version: int
    content_hash: str
    body: str
    received_at: float


@dataclass(frozen=True)
class KeptReading:
    """One revision of a reading; `body` is JSON, `received_at` seconds since 1970."""

    reading: str
    revision: int
    content_hash: str
    set_name: str
    accession: str
    reader: str
    body: str
    received_at: float


@dataclass(frozen=True)
class KeptReport:
    """A report of one revision of a reading, as the bytes of its file."""

    reading: str
    revision: int
    sha256: str
    body: bytes
    received_at: float


class Store:
    """The scoring server's file.

    Parameters
    ----------
    path : Path
        Made, readable by its owner only, where it is not there.

    Raises
    ------
    RefusedInput
        When it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=30.0, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise RefusedInput(
                "The scoring server's file cannot be opened; check its folder and its rights."
            ) from error

    def close(self) -> None:
        """Let go of the file; the store is of no use afterwards."""
        with self._lock:
            self._connection.close()

    def check(self) -> None:
        """Read once; raises `StoreBusy` when that fails."""
        with self._reading() as connection:
            connection.execute("SELECT count(*) FROM truth").fetchone()

    def add_truth(self, truth: KeptTruth) -> bool:
        """Keep a version of a truth; False where it is here already.

        Raises
        ------
        TruthConflict
            When this version is here with other content.
        """
        with self._writing() as connection:
            known = connection.execute(
                "SELECT content_hash FROM truth WHERE set_name = ? AND version = ?",
                (truth.set_name, truth.version),
            ).fetchone()
            if known is None:
                connection.execute("INSERT INTO truth VALUES (?, ?, ?, ?, ?)", astuple(truth))
                return True
            if known[0] != truth.content_hash:
                raise TruthConflict(
                    f"Version {truth.version} of the truth of {truth.set_name} is here with other "
                    "content; send changed truth as the next version."
                )
            return False

    def newest_truth(self, set_name: str) -> KeptTruth | None:
        """The version in force: the highest, whenever it came."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT * FROM truth WHERE set_name = ? ORDER BY version DESC LIMIT 1",
                (set_name,),
            ).fetchone()
        return KeptTruth(*row) if row else None

    def has_reading(self, wanted: KeptReading) -> bool:
        """Whether exactly this revision is here; refuses one that contradicts what is here.

        Raises
        ------
        RefusedInput
            As for `add_reading`.
        """
        with self._reading() as connection:
            return _is_known(connection, wanted)

    def add_reading(self, reading: KeptReading) -> str:
        """Keep a revision of a reading.

        Returns
        -------
        str
            ``scored``: now the current one; ``stored``: a later one stands; ``duplicate``:
            it was here, nothing changed.

        Raises
        ------
        RefusedInput
            When this revision is here with other content, when the reading was of another
            case or reader, or when the reader's reading of the case has another name.
        """
        with self._writing() as connection:
            if _is_known(connection, reading):
                return "duplicate"
            newest = connection.execute(
                "SELECT max(revision) FROM reading WHERE reading = ?", (reading.reading,)
            ).fetchone()[0]
            connection.execute(
                "INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?)", astuple(reading)
            )
            return "scored" if newest is None or newest < reading.revision else "stored"

    def find_reading(self, reading: str, revision: int) -> KeptReading | None:
        """One revision of a reading."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT * FROM reading WHERE reading = ? AND revision = ?", (reading, revision)
            ).fetchone()
        return KeptReading(*row) if row else None

    def add_report(self, report: KeptReport) -> bool:
        """Keep a report beside its reading; False where it is here already."""
        with self._writing() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO report VALUES (?, ?, ?, ?, ?)", astuple(report)
            )
            return done.rowcount == 1

    def reports(self, reading: str) -> list[KeptReport]:
        """All reports of a reading, by revision."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT * FROM report WHERE reading = ? ORDER BY revision, sha256", (reading,)
            ).fetchall()
        return [KeptReport(*row) for row in rows]

    def newest_reading(self, reading: str) -> KeptReading | None:
        """The current revision of a reading."""
        with self._reading() as connection:
            row = connection.execute(_NEWEST_OF_READING, (reading,)).fetchone()
        return KeptReading(*row) if row else None

    def newest_readings(self, set_name: str, reader: str) -> list[KeptReading]:
        """The current revision of each reading of one reader in one set, by case."""
        with self._reading() as connection:
            rows = connection.execute(_NEWEST_OF_READER, (set_name, reader)).fetchall()
        return [KeptReading(*row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreBusy("The scoring store could not be read; ask again.") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, committed on a clean exit and undone on any exception."""
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _is_known(connection: sqlite3.Connection, wanted: KeptReading) -> bool:
    """Whether this revision is here with this content; refuses a contradiction."""
    rows = connection.execute(
        "SELECT reading, revision, content_hash, set_name, accession, reader FROM reading "
        "WHERE reading = ? OR (set_name = ? AND reader = ? AND accession = ?)",
        (wanted.reading, wanted.set_name, wanted.reader, wanted.accession),
    ).fetchall()
    for reading, revision, content_hash, *about in rows:
        if reading != wanted.reading:
            raise RefusedInput(
                "This reader's reading of this case is here under another name; send it as a "
                "revision of that one."
            )
        if about != [wanted.set_name, wanted.accession, wanted.reader]:
            raise RefusedInput(
                "This reading was of another case or reader before; give the new one its own name."
            )
        if revision == wanted.revision and content_hash != wanted.content_hash:
            raise RefusedInput(
                f"Revision {revision} of this reading is here with other content; send the changed "
                "reading as a later revision."
            )
    return any(revision == wanted.revision for _, revision, *_ in rows)
