"""What a crash left in the archive goes, and nothing else does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.services.tidy import AGE_SECONDS, Tidying
from tests.databases import TestDatabase, of_sqlite
from tests.dying_node import dying
from tests.loads import a_passport
from tests.mammograms import MAMMOGRAM
from tests.nodes import associated, register, send, send_raw
from tests.resent import image_node, images, load, our_image


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def grown_old(archive: LocalArchive, folder: Path) -> list[str]:
    """Have everything in the archive be two hours old; gives the names."""
    paths = [path for path in (folder / "archive").glob("??/*") if path.is_file()]
    for path in paths:
        os.utime(path, (time.time() - 2 * AGE_SECONDS,) * 2)
    return sorted(path.name for path in paths)


def tidy(tidying: Tidying, times: int = 12) -> int:
    return sum(tidying() for _ in range(times))


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


@of_sqlite
def test_an_image_whose_node_was_killed_before_its_row_stood_is_removed_when_it_is_old(
    database: TestDatabase, archive: LocalArchive, tmp_path: Path
) -> None:
    register(database)
    load(database)
    with dying(tmp_path, "begin", way="streamed") as (port, process):
        with associated(port, MAMMOGRAM) as association:
            assert "Status" not in send_raw(association, our_image())
        assert process.wait(60) == -signal.SIGKILL
    assert images(database) == []
    [left] = (path for path in (tmp_path / "archive").glob("??/*"))
    clock = Clock()
    tidying = Tidying(read=database.begin, archive=archive, clock=clock)
    assert tidy(tidying) == 0  # it may be on its way
    assert grown_old(archive, tmp_path) == [left.name]
    assert tidy(tidying) == 0  # once an hour
    clock.seconds = 3601.0
    assert tidy(tidying) == 1
    assert not left.exists()


def test_an_image_that_waits_to_be_judged_stays_however_old_it_is(
    database: TestDatabase, archive: LocalArchive, tmp_path: Path
) -> None:
    with image_node(database, tmp_path, archive=archive) as node:
        assert send(node.port, our_image()).Status == 0x0000
        [image] = images(database)
    assert not archive.is_named_for_its_content(image.content_hash)
    assert grown_old(archive, tmp_path) == [image.content_hash]
    assert tidy(Tidying(read=database.begin, archive=archive)) == 0
    assert archive.has(image.content_hash)


def test_an_image_that_a_passport_names_stays_though_it_was_damaged(
    database: TestDatabase, archive: LocalArchive, tmp_path: Path
) -> None:
    passport = a_passport(archive, 1)
    with database.begin() as uow:
        uow.case_sets.add(passport)
    [one, *_] = (image.content_hash for *_, image in passport.instances())
    archive.path(one).write_bytes(b"damaged")
    cut_off = archive.put(b"an import that was cut off")  # lies under its own hash
    names = grown_old(archive, tmp_path)
    assert {one, cut_off} < set(names)
    assert tidy(Tidying(read=database.begin, archive=archive)) == 0
    assert grown_old(archive, tmp_path) == names


def test_what_was_named_after_it_was_suspected_stays(
    database: TestDatabase, archive: LocalArchive, tmp_path: Path
) -> None:
    passport = a_passport(archive, 1)
    for path in (tmp_path / "archive").glob("??/*"):
        path.write_bytes(b"damaged")
    names = grown_old(archive, tmp_path)
    tidying = Tidying(read=database.begin, archive=archive)
    assert tidying() == 1  # nothing names it
    with database.begin() as uow:
        uow.case_sets.add(passport)
    assert tidy(tidying) == 0
    assert len(grown_old(archive, tmp_path)) == len(names) - 1
