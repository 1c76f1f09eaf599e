"""What the node takes is safe and queued; what it refuses leaves a row, a reason, and no bytes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from sqlalchemy import text

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import StorageFull
from pacs_bridge.scp.contexts import STORED
from pacs_bridge.services.arrivals import file_of, hand_over
from pacs_bridge.services.group_commit import GroupCommit, Work
from pacs_bridge.upper_layer.contract import Bounds
from tests.builders import a_received_object
from tests.databases import TestDatabase, of_sqlite
from tests.nodes import (
    EXPLICIT,
    IMPLICIT,
    RunningNode,
    an_alien,
    associated,
    encode,
    our_report,
    our_state,
    register,
    running_node,
    send,
    send_raw,
    taking,
)

SUCCESS, ALIEN, NEVER, CONFLICT, MISMATCH = 0, 0x0124, 0xC000, 0xC001, 0xA900
STATE = "1.2.840.10008.5.1.4.1.1.11.1"


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node that knows case PERFORMS121101 and the PACS called HOSPITAL."""
    register(database)
    with running_node(database, tmp_path) as running:
        yield running


def received(node: RunningNode, uid: str) -> Any:
    with node.database.begin() as uow:
        return uow.objects.find(uid)


def repeats(node: RunningNode, uid: str) -> int:
    query = text("SELECT repeats FROM pb_object WHERE sop_instance_uid = :uid")
    with node.database.begin() as uow:
        return int(uow.connect().execute(query, {"uid": uid}).scalar_one())


@pytest.mark.parametrize("sop_class", sorted(STORED))
def test_every_kind_of_object_that_is_offered_is_taken(node: RunningNode, sop_class: str) -> None:
    answer = send(node.port, our_state(SOPClassUID=sop_class))
    assert answer.Status == SUCCESS
    assert received(node, "1.2.3.9.1").sop_class_uid == sop_class


@pytest.mark.parametrize("implicit", [False, True])
def test_the_bytes_lie_in_the_archive_as_they_came(node: RunningNode, implicit: bool) -> None:
    sent = encode(our_state(), implicit=implicit, undefined=True)
    syntax = IMPLICIT if implicit else EXPLICIT
    with associated(node.port, STATE, syntaxes=[syntax]) as association:
        assert send_raw(association, our_state(), data=sent).Status == SUCCESS
    row = received(node, "1.2.3.9.1")
    assert node.hand_over() == 1
    with node.archive.open(row.content_hash) as file:
        kept = file.read()
    assert kept.endswith(sent)
    assert kept[:132] == bytes(128) + b"DICM"
    assert hashlib.sha256(kept).hexdigest() == row.content_hash
    assert (row.size, row.transfer_syntax_uid) == (len(sent), syntax)


def test_success_means_row_bytes_and_job_stand_together(node: RunningNode) -> None:
    assert send(node.port, our_report()).Status == SUCCESS
    row = received(node, "1.2.3.9.2")
    assert (row.state, row.accession, row.caller.pacs) == ("received", "PERFORMS121101", "hospital")
    with node.database.begin() as uow:
        (waiting,) = uow.arrivals.oldest(9)
    assert (waiting.sop_instance_uid, waiting.content_hash) == ("1.2.3.9.2", row.content_hash)
    assert hashlib.sha256(waiting.data).hexdigest() == row.content_hash
    assert waiting.data.endswith(encode(our_report()))


def test_a_large_object_lies_in_the_archive_before_the_answer(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with running_node(database, tmp_path, streams={"small": 8_000}) as node:
        large = our_report(TextComments="x" * 9_000)
        for _ in range(2):
            assert send(node.port, large).Status == SUCCESS
        assert send(node.port, our_report(TextComments="y" * 9_000)).Status == CONFLICT
        assert send(node.port, our_state()).Status == SUCCESS
        assert len(node.files()) == 2
        assert repeats(node, "1.2.3.9.2") == 1
        assert node.hand_over() == 2
        assert node.database.jobs.jobs[0] == ("extract", ("1.2.3.9.2",))
        assert len(node.files()) == 3


def test_what_waits_is_handed_over_once_and_in_the_order_it_came(node: RunningNode) -> None:
    uids = [f"1.2.3.{number}" for number in (3, 1, 2)]
    for uid in uids:
        assert send(node.port, our_state(uid)).Status == SUCCESS
    begin = node.database.begin
    assert hand_over(begin=begin, read=begin, archive=node.archive, most=2) == 2
    assert [node.hand_over(), node.hand_over()] == [1, 0]
    assert node.database.jobs.jobs == [("extract", (uid,)) for uid in uids]
    assert len(node.files()) == 3
    for uid in uids:
        row = received(node, uid)
        data = file_of(row, read=begin, archive=node.archive)
        assert hashlib.sha256(data).hexdigest() == row.content_hash


def test_an_object_that_came_to_harm_in_the_database_is_parked_and_never_read(
    node: RunningNode,
) -> None:
    assert send(node.port, our_state()).Status == SUCCESS
    with node.database.begin() as uow:
        uow.connect().execute(text("UPDATE pb_arrival SET data = :data"), {"data": bytes(9)})
    assert node.hand_over() == 1
    row = received(node, "1.2.3.9.1")
    assert (row.state, node.database.jobs.jobs) == ("parked", [])
    assert "send it again" not in row.reason


def test_a_full_archive_leaves_objects_safe_where_they_are(node: RunningNode) -> None:
    class Full(LocalArchive):
        def put(self, *parts: bytes | memoryview) -> str:
            raise StorageFull("The archive's disk did not take the object.")

    assert send(node.port, our_state()).Status == SUCCESS
    begin = node.database.begin
    with pytest.raises(StorageFull):
        hand_over(begin=begin, read=begin, archive=Full(node.folder / "archive"))
    assert node.database.jobs.jobs == []
    assert node.hand_over() == 1


@of_sqlite
def test_a_full_database_is_told_as_a_full_disk(database: TestDatabase) -> None:
    register(database)

    def fill() -> None:
        with database.begin() as uow:
            pages = uow.open_session().execute(text("PRAGMA page_count")).scalar_one()
            uow.open_session().execute(text(f"PRAGMA max_page_count = {pages + 4}"))
            uow.arrivals.add(a_received_object(), bytes(99_000))

    with pytest.raises(StorageFull, match="make room"):
        fill()


@pytest.mark.parametrize(
    "names_us",
    [
        {"AccessionNumber": "", "ReferencedSeriesSequence": []},
        {"StudyInstanceUID": "1.9.1", "ReferencedSeriesSequence": []},
        {"StudyInstanceUID": "1.9.1", "AccessionNumber": "OTHER"},
    ],
    ids=["study", "accession number", "referenced image"],
)
def test_one_of_three_names_makes_an_object_ours(
    node: RunningNode, names_us: dict[str, Any]
) -> None:
    assert send(node.port, our_state(**names_us)).Status == SUCCESS
    assert received(node, "1.2.3.9.1").accession == "PERFORMS121101"


def test_an_object_that_names_two_cases_is_taken_and_left_open(node: RunningNode) -> None:
    assert send(node.port, our_state(AccessionNumber="PERFORMS121001")).Status == SUCCESS
    assert received(node, "1.2.3.9.1").accession is None


def test_a_case_is_never_named_by_the_beginning_of_its_number(node: RunningNode) -> None:
    stranger = an_alien(AccessionNumber="PERFORMS1211")
    assert send(node.port, stranger).Status == ALIEN


def test_the_same_object_again_is_success_again_and_one_job(node: RunningNode) -> None:
    for _ in range(3):
        assert send(node.port, our_state()).Status == SUCCESS
    assert repeats(node, "1.2.3.9.1") == 2
    assert node.hand_over() == 1
    assert send(node.port, our_state()).Status == SUCCESS
    assert node.hand_over() == 0
    assert len(node.database.jobs.jobs) == 1
    assert len(node.files()) == 1


@pytest.mark.parametrize("handed_over", [False, True])
def test_the_same_object_in_another_encoding_is_the_same_object(
    node: RunningNode, handed_over: bool
) -> None:
    assert send(node.port, our_state()).Status == SUCCESS
    assert not handed_over or node.hand_over()
    with associated(node.port, STATE, syntaxes=[IMPLICIT]) as association:
        data = encode(our_state(), implicit=True, undefined=True)
        assert send_raw(association, our_state(), data=data).Status == SUCCESS
    assert repeats(node, "1.2.3.9.1") == 1
    assert len(node.files()) == handed_over


@pytest.mark.parametrize("handed_over", [False, True])
def test_other_content_under_a_known_uid_is_refused_kept_and_alarmed(
    node: RunningNode, handed_over: bool
) -> None:
    assert send(node.port, our_state()).Status == SUCCESS
    assert not handed_over or node.hand_over()
    other = our_state(ContentCreatorName="SOMEBODY ELSE")
    assert send(node.port, other).Status == CONFLICT
    (refusal,) = node.refusals()
    assert (refusal.kind, refusal.status) == ("conflict", CONFLICT)
    assert refusal.content_hash != received(node, "1.2.3.9.1").content_hash
    with node.archive.open(refusal.content_hash) as file:
        assert b"SOMEBODY ELSE" in file.read()
    with node.database.begin() as uow:
        (event,) = uow.events.newest(kind="conflict")
    assert (event.subject, event.detail["pacs"]) == ("1.2.3.9.1", "hospital")
    node.hand_over()
    assert len(node.database.jobs.jobs) == 1


class MeetingCommit(GroupCommit):
    """Lets nobody commit until two are there; who comes later passes."""

    def __init__(self, begin: Begin) -> None:
        super().__init__(begin)
        self._early, self._meeting = threading.Semaphore(2), threading.Barrier(2, timeout=180)

    def __call__(self, work: Work) -> None:
        if self._early.acquire(blocking=False):
            self._meeting.wait()
        super().__call__(work)


@pytest.mark.parametrize(
    ("creator", "statuses"), [("READER1", {SUCCESS}), ("SOMEBODY ELSE", {SUCCESS, CONFLICT})]
)
def test_two_who_send_one_uid_in_the_same_moment_make_one_object(
    database: TestDatabase, tmp_path: Path, creator: str, statuses: set[int]
) -> None:
    register(database)
    archive = LocalArchive(tmp_path / "archive")
    receive = taking(database, archive, MeetingCommit(database.begin_for_many))
    with (
        running_node(database, tmp_path, archive=archive, receive=receive) as node,
        ThreadPoolExecutor(2) as pool,
    ):
        senders = [
            pool.submit(send, node.port, ds)
            for ds in (our_state(), our_state(ContentCreatorName=creator))
        ]
        assert {sender.result().Status for sender in senders} == statuses
        assert node.hand_over() == 1
        assert len(node.database.jobs.jobs) == 1
        assert received(node, "1.2.3.9.1") is not None


def test_a_command_that_says_another_uid_than_the_object_is_refused(node: RunningNode) -> None:
    with associated(node.port, STATE) as association:
        assert send_raw(association, our_state(), sop_instance="1.2.3.8").Status == MISMATCH
        other_class = our_state(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.2")
        assert send_raw(association, other_class, sop_class=STATE).Status == MISMATCH
    assert {refusal.kind for refusal in node.refusals()} == {"mismatched"}
    assert node.files() == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("evil", ["../../evil", "/etc/evil", "1.2;rm", "1.2\n3", "CON", "1..2"])
def test_a_path_in_a_uid_never_reaches_the_disk(node: RunningNode, evil: str) -> None:
    before = sorted(path for path in node.folder.parent.rglob("*evil*"))
    with associated(node.port, STATE) as association:
        ds = our_state()
        data = encode(ds).replace(b"1.2.3.9.1\0", evil.encode().ljust(10, b"\0"))
        assert send_raw(association, ds, sop_instance=evil, data=data).Status == NEVER
    assert node.files() == []
    assert sorted(path for path in node.folder.parent.rglob("*evil*")) == before
    assert node.refusals()[0].kind == "unreadable"


DAMAGE = {
    "a length past the end": lambda data: data + b"\x70\0\x86\0PN\xf0\xff",
    "cut in the middle": lambda data: data[: len(data) // 2 + 1],
    "nothing but zeros": lambda data: bytes(len(data)),
    "empty": lambda data: b"\0\0",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_object_is_never_success(node: RunningNode, damage: Any) -> None:
    with associated(node.port, STATE) as association:
        answer = send_raw(association, our_state(), data=damage(encode(our_state())))
    assert answer.Status == NEVER
    assert answer.ErrorComment.startswith("The object is damaged")
    assert [refusal.kind for refusal in node.refusals()] == ["unreadable"]
    assert node.files() == []


def test_an_object_larger_than_allowed_is_refused_and_not_kept(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    ds = our_state(TextComments="x" * 9_000)
    with running_node(database, tmp_path, bounds=Bounds(object_bytes=8_000)) as node:
        assert send(node.port, ds).Status == NEVER
        assert send(node.port, our_state()).Status == SUCCESS
        (refusal,) = node.refusals()
    assert refusal.kind == "oversized"
    assert refusal.size == len(encode(ds))


def test_kinds_that_are_not_offered_are_not_negotiated(node: RunningNode) -> None:
    ct, deflated = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1.99"
    big_endian = "1.2.840.10008.1.2.2"
    with associated(node.port, ct, "1.2.840.10008.1.1") as association:
        assert [str(c.abstract_syntax) for c in association.rejected_contexts] == [ct]
    with associated(node.port, STATE, syntaxes=[deflated, big_endian]) as association:
        assert association.accepted_contexts == []


def test_a_kind_that_slips_into_an_accepted_context_is_refused(node: RunningNode) -> None:
    ct = our_state(SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    with associated(node.port, STATE) as association:
        assert send_raw(association, ct).Status == 0x0122
    assert [refusal.kind for refusal in node.refusals()] == ["unsupported"]


def test_a_failure_of_our_own_is_answered_kept_and_survived(
    database: TestDatabase, tmp_path: Path
) -> None:
    class Broken(GroupCommit):
        def __call__(self, work: Work) -> None:
            raise ZeroDivisionError(f"with {work!r} in its message")

    register(database)
    receive = taking(database, LocalArchive(tmp_path / "archive"), Broken(database.begin_for_many))
    with running_node(database, tmp_path, receive=receive) as node:
        answer = send(node.port, our_state())
        assert answer.Status == NEVER
        assert node.refusals()[0].kind == "failed"
        assert received(node, "1.2.3.9.1") is None


def test_a_thousand_references_are_looked_up_and_the_last_one_counts(node: RunningNode) -> None:
    ds = our_state(StudyInstanceUID="1.9.1", AccessionNumber="")
    references = []
    for number in range(1200):
        reference = Dataset()
        reference.ReferencedSOPInstanceUID = f"1.9.{number}"
        references.append(reference)
    references.append(ds.ReferencedSeriesSequence[0].ReferencedImageSequence[0])
    ds.ReferencedSeriesSequence[0].ReferencedImageSequence = references
    assert send(node.port, ds).Status == SUCCESS
