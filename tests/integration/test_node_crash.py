"""What the node said Success to is there after a kill -9; the rest is whole or absent."""

from __future__ import annotations

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.objects import Association, AssociationOutcome, ReceivedObject
from pacs_bridge.services.arrivals import hand_over
from tests.databases import TestDatabase
from tests.dying_node import GROUP_STEPS, STEPS, dying
from tests.hostile.peer import Peer, Talk
from tests.nodes import (
    associated,
    encode,
    our_state,
    register,
    running_node,
    send,
    send_raw,
)
from tests.waiting import wait_until

STATE = "1.2.840.10008.5.1.4.1.1.11.1"


def hash_of(archive: LocalArchive, received: ReceivedObject) -> str:
    with archive.open(received.content_hash) as file:
        return hashlib.sha256(file.read()).hexdigest()


def associations(database: TestDatabase) -> list[Association]:
    with database.begin() as uow:
        return uow.associations.newest()


@pytest.mark.parametrize(("way", "step"), STEPS)
def test_a_kill_between_write_and_answer_loses_nothing_that_was_acknowledged(
    database: TestDatabase, tmp_path: Path, way: str, step: str
) -> None:
    register(database)
    acknowledged = []
    # an object in a new folder of the archive costs up to four syncs of folders
    with dying(tmp_path, step, 3, way=way) as (port, process):
        with associated(port, STATE) as association:
            wait_until(lambda: associations(database), "the row of the association")
            for number in range(12):
                answer = send_raw(association, our_state(f"1.2.3.{number}"))
                if answer.get("Status") != 0x0000:
                    break
                acknowledged.append(f"1.2.3.{number}")
        assert process.wait(timeout=180) == -9
    assert len(acknowledged) < 12
    lost = f"1.2.3.{len(acknowledged)}"

    with running_node(database, tmp_path) as node:
        node.hand_over()
        with database.begin() as uow:
            for uid in acknowledged:
                row = uow.objects.find(uid)
                assert row is not None
                assert hash_of(node.archive, row) == row.content_hash
            kept = uow.objects.find(lost)
            assert not uow.arrivals.any()
        assert (kept is not None) == (step == "committed" or way == "handed")
        assert [path for path in node.files() if path.suffix == ".part"] == []
        assert {row.outcome for row in node.rows()} == {AssociationOutcome.ABORTED}
        assert send(node.port, our_state(lost)).Status == 0x0000
        with database.begin() as uow:
            assert uow.objects.counts() == {"received": len(acknowledged) + 1}
            stored = uow.objects.find(lost)
        assert stored is not None
        node.hand_over()
        assert hash_of(node.archive, stored) == stored.content_hash
        assert len(node.files()) == len(acknowledged) + 1


@pytest.mark.parametrize("step", GROUP_STEPS)
def test_a_kill_within_a_commit_for_many_loses_nothing_that_was_acknowledged(
    database: TestDatabase, tmp_path: Path, step: str
) -> None:
    register(database)
    acknowledged: list[str] = []

    def send_many(sender: int, talk: Talk) -> None:
        for number in range(200):
            uid = f"1.2.3.{sender}.{number}"
            if talk.store(uid, encode(our_state(uid))) != 0x0000:
                break
            acknowledged.append(uid)

    with dying(tmp_path, step, 5, way="small") as (port, process), ExitStack() as stack:
        talks = [stack.enter_context(Peer(port).associate(STATE)) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(send_many, range(6), talks))
        assert process.wait(timeout=180) == -9

    archive, begin = LocalArchive(tmp_path / "archive"), database.begin
    with begin() as uow:
        kept = uow.objects.in_state("received")
    assert hand_over(begin=begin, read=begin, archive=archive, most=10_000) == len(kept)
    assert {row.sop_instance_uid for row in kept} >= set(acknowledged)
    assert {uid for _, (uid,) in database.jobs.jobs} == {row.sop_instance_uid for row in kept}
    for row in kept:
        assert hash_of(archive, row) == row.content_hash
    on_their_way = len(kept) - len(acknowledged)  # safe, and the answer did not get out
    assert (2 if step == "group committed" else 0) <= on_their_way <= 6


def test_a_full_disk_is_try_again_and_later_it_goes_in(
    database: TestDatabase, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    register(database)
    try:
        stuffing = small / "stuffing"
        stuffing.write_bytes(bytes(240 << 10))
        archive = LocalArchive(small / "archive")
        with running_node(database, tmp_path, archive=archive, streams={"small": 0}) as node:
            private = b"\x71\0\1\x10UN\0\0\0\0\1\0" + bytes(65_536)
            with associated(node.port, STATE) as association:
                answer = send_raw(association, our_state(), data=encode(our_state()) + private)
            assert answer.Status == 0xA700
            assert "make room" in answer.ErrorComment
            with database.begin() as uow:
                assert uow.objects.counts() == {}
                assert uow.refusals.newest()[0].status == 0xA700
            assert list(small.rglob("*.part")) == []
            stuffing.unlink()
            assert send(node.port, our_state()).Status == 0x0000
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
