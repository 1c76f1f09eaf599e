"""Migrations bring a database exactly to the tables of the code."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from pacs_bridge.db.engine import make_engine, make_jobs_engine
from pacs_bridge.db.migrate import is_current, migrate
from pacs_bridge.db.tables import all_tables
from pacs_bridge.jobs.engine import migrate_jobs


def differences(engine):
    def ours(_item, name, kind, *_):
        return kind != "table" or name.startswith("pb_")

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": "pb_alembic", "include_object": ours, "compare_type": True},
        )
        return compare_metadata(context, all_tables())


def test_a_new_database_has_the_tables_of_the_code_and_repeating_changes_nothing(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert not is_current(engine)
    migrate(engine)
    migrate(engine)
    assert is_current(engine)
    assert differences(engine) == []
    engine.dispose()


def test_the_jobs_tables_stand_beside_ours_and_are_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    engine = make_engine(url)
    migrate(engine)
    migrate_jobs(url)
    migrate(engine)
    assert differences(engine) == []
    with engine.connect() as connection:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all()
    assert {"workflow_status", "pb_object"} <= set(names)
    assert {name for name in names if name.startswith("pb_")} >= set(all_tables().tables)
    engine.dispose()


def test_every_table_of_ours_says_so_in_its_name():
    assert all(name.startswith("pb_") for name in all_tables().tables)


def test_a_commit_is_durable(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_what_jobs_note_of_themselves_waits_for_no_disk_and_cannot_spoil_the_database(tmp_path):
    engine = make_jobs_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    engine.dispose()


def test_the_next_arrival_is_found_without_reading_every_object(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'new.sqlite'}")
    migrate(engine)
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT max(arrival) FROM pb_object"
        ).all()
    assert ["ix_pb_object_arrival" in row[-1] for row in plan] == [True]
    engine.dispose()
