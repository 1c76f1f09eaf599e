"""Who may open an association, and the row that every association leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.errors import StoreBusy
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.services.associations import UNFIT
from pacs_bridge.upper_layer.contract import Bounds
from tests.databases import TestDatabase
from tests.nodes import (
    RunningNode,
    an_alien,
    associated,
    connect,
    our_report,
    our_state,
    register,
    running_node,
    send,
    send_raw,
)
from tests.raw_peer import associate_rq, read_pdu
from tests.waiting import wait_until

STATE, SR = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.88.33"
RELEASED, ABORTED = AssociationOutcome.RELEASED, AssociationOutcome.ABORTED
REJECTED, OPEN = AssociationOutcome.REJECTED, AssociationOutcome.OPEN


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node that knows case PERFORMS121101 and the PACS called HOSPITAL."""
    register(database)
    with running_node(database, tmp_path) as running:
        yield running


def the_row(node: RunningNode) -> Association:
    def ended() -> list[Association]:
        return [row for row in node.rows() if row.outcome is not OPEN]

    (row,) = wait_until(ended, "the association's row to say how it ended")
    return row


def rejection(port: int, calling: str, called: str) -> tuple[int, ...]:
    # by the byte: pynetdicom takes a rejection that is quicker than its own threads for an abort
    with connect(port) as connection:
        connection.sendall(associate_rq(calling=calling, called=called))
        kind, body = read_pdu(connection)
    assert kind == 3
    return tuple(body[1:])


def test_a_registered_pacs_is_answered_an_echo_and_leaves_a_row(node: RunningNode) -> None:
    with associated(node.port) as association:
        assert association.send_c_echo().Status == 0x0000
        assert [row.outcome for row in node.rows()] == [OPEN]
    row = the_row(node)
    assert (row.outcome, row.echoes, row.stored, row.refused) == (RELEASED, 1, 0, 0)
    assert (row.caller.ae_title, row.caller.called_ae_title) == ("HOSPITAL", "PACSBRIDGE")
    assert (row.caller.address, row.caller.pacs) == ("127.0.0.1", "hospital")


def test_a_row_counts_what_was_stored_and_what_was_refused(node: RunningNode) -> None:
    with associated(node.port, STATE) as association:
        for ds in (our_state(), our_state(), an_alien()):
            send_raw(association, ds)
    row = the_row(node)
    assert (row.outcome, row.stored, row.refused) == (RELEASED, 2, 1)


def test_an_aborted_association_is_told_from_a_released_one(node: RunningNode) -> None:
    with associated(node.port) as association:
        association.abort()
    row = the_row(node)
    assert (row.outcome, row.note) == (ABORTED, "command: ended without a release")


def test_an_unknown_caller_is_rejected_and_offered_for_adoption(node: RunningNode) -> None:
    assert rejection(node.port, "STRANGER", "PACSBRIDGE") == (1, 1, 3)
    row = the_row(node)
    assert (row.outcome, row.caller.pacs) == (REJECTED, None)
    with node.database.begin() as uow:
        (event,) = uow.events.newest(kind="unknown-caller")
    assert event.subject == "STRANGER"
    assert event.detail == {
        "ae_title": "STRANGER", "address": "127.0.0.1", "called_ae_title": "PACSBRIDGE"
    }  # fmt: skip


def test_a_caller_that_knocks_again_is_offered_once_a_minute(node: RunningNode) -> None:
    def offers() -> int:
        assert node.log.flush(60)
        with node.database.begin() as uow:
            return len(uow.events.newest(kind="unknown-caller"))

    for _ in range(3):
        rejection(node.port, "STRANGER", "PACSBRIDGE")
    assert offers() == 1
    rejection(node.port, "STRANGER2", "PACSBRIDGE")
    node.database.clock.pass_(61)
    rejection(node.port, "STRANGER", "PACSBRIDGE")
    assert offers() == 3


def test_the_right_title_from_the_wrong_address_is_unknown(
    database: TestDatabase, tmp_path: Path
) -> None:
    endpoint = Endpoint("HOSPITAL", "192.0.2.7", 104, ("calls-from",))
    register(database, endpoints=(endpoint,))
    with running_node(database, tmp_path) as node:
        assert rejection(node.port, "HOSPITAL", "PACSBRIDGE") == (1, 1, 3)


def test_an_endpoint_that_only_stores_may_not_call(database: TestDatabase, tmp_path: Path) -> None:
    register(database, endpoints=(Endpoint("HOSPITAL", "127.0.0.1", 104, ("store",)),))
    with running_node(database, tmp_path) as node:
        assert rejection(node.port, "HOSPITAL", "PACSBRIDGE") == (1, 1, 3)


def test_a_called_title_that_is_not_ours_is_rejected(node: RunningNode) -> None:
    assert rejection(node.port, "HOSPITAL", "SOMEBODY") == (1, 1, 7)
    assert the_row(node).note == "called AE title is not ours"


def test_our_title_towards_a_pacs_is_answered_too(database: TestDatabase, tmp_path: Path) -> None:
    register(database, our_ae_title="PERFORMS_NORTH")
    with (
        running_node(database, tmp_path) as node,
        associated(node.port, called="PERFORMS_NORTH") as association,
    ):
        assert association.send_c_echo().Status == 0x0000


def test_a_pacs_registered_while_the_node_runs_is_let_in_at_once(node: RunningNode) -> None:
    rejection(node.port, "NEWCOMER", "PACSBRIDGE")
    endpoint = Endpoint("NEWCOMER", "127.0.0.1", 104, ("calls-from",))
    with node.database.begin() as uow:
        uow.pacs.put(Pacs("newcomer", (endpoint,), plain=True), node.database.clock())
    with associated(node.port, calling="NEWCOMER") as association:
        assert association.is_established


@pytest.mark.parametrize("title", ["<script>alert()", "';DROP TABLE--", "A&B", "(odd)"])
def test_an_ae_title_that_could_be_markup_is_rejected_and_never_shown(
    node: RunningNode, title: str
) -> None:
    assert rejection(node.port, title, "PACSBRIDGE") == (1, 1, 3)
    assert the_row(node).caller.ae_title == UNFIT
    with node.database.begin() as uow:
        (event,) = uow.events.newest(kind="unknown-caller")
    assert event.detail["ae_title"] == UNFIT


def test_one_association_more_than_allowed_is_rejected_for_the_moment(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with (
        running_node(database, tmp_path, bounds=Bounds(associations=2)) as node,
        associated(node.port),
        associated(node.port),
    ):
        assert rejection(node.port, "HOSPITAL", "PACSBRIDGE") == (2, 3, 2)
        assert the_row(node).outcome is REJECTED


def test_a_database_that_does_not_answer_rejects_for_the_moment(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    away = False

    def begin() -> UnitOfWork:
        if away:
            raise StoreBusy("The database is busy; the same call works later.")
        return database.begin()

    with running_node(TestDatabase(begin, database.jobs, database.clock), tmp_path) as node:
        away = True
        assert rejection(node.port, "HOSPITAL", "PACSBRIDGE") == (2, 3, 1)
        away = False
        with associated(node.port) as association:
            assert association.is_established


def test_a_node_that_was_killed_leaves_no_open_rows(database: TestDatabase, tmp_path: Path) -> None:
    register(database)
    with database.begin() as uow:
        caller = Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital", "f" * 32)
        uow.associations.put(Association("f" * 32, database.clock(), caller))
    with running_node(database, tmp_path) as node:
        (row,) = node.rows()
    assert (row.outcome, row.note) == (ABORTED, "the node stopped")


def test_stopping_waits_for_a_release_and_then_listens_no_more(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with running_node(database, tmp_path) as node, associated(node.port, STATE) as association:
        assert send_raw(association, our_state()).Status == 0x0000
    row = the_row(node)
    assert (row.outcome, row.stored) == (RELEASED, 1)
    with pytest.raises(ConnectionRefusedError):
        connect(node.port)


def test_two_objects_on_one_association_and_two_associations_at_once(node: RunningNode) -> None:
    with associated(node.port, STATE, SR) as one, associated(node.port, STATE) as two:
        assert send_raw(one, our_state("1.2.3.1")).Status == 0x0000
        assert send_raw(two, our_state("1.2.3.2")).Status == 0x0000
        assert send_raw(one, our_state("1.2.3.3")).Status == 0x0000
    assert send(node.port, our_report()).Status == 0x0000
    assert node.hand_over() == 4
    assert len(node.database.jobs.jobs) == 4
