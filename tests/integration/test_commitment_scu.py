"""We ask a PACS to commit to what it took: its report counts, whichever way it comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import build_role, evt

from pacs_bridge.domain.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    CommitmentReport,
    Reference,
    RefusedRequest,
    Route,
    TransactionState,
)
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.services.commitment import take_report, unconfirmed
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import WITH_DATA_SET, Command, Field, encode_command
from pacs_bridge.upper_layer.references import decode_request, encode_report
from tests.commitments import (
    CommittingNode,
    a_request,
    associated,
    at,
    committing_node,
    listening,
    named,
    tell,
)
from tests.loads import MG, a_pacs
from tests.pdu_server import Line, pdu_server
from tests.waiting import wait_until

SOON = 0.05


@pytest.fixture
def node(tmp_path: Path) -> Iterator[CommittingNode]:
    with committing_node(tmp_path) as node:
        node.send_all()
        yield node


def a_report(request: Any, *failed: str, reason: int = 0x0110) -> Dataset:
    """Report on a request: all committed but these."""
    ds = a_request(request.TransactionUID, sop_class=MG)
    uids = [item.ReferencedSOPInstanceUID for item in request.ReferencedSOPSequence]
    ds.ReferencedSOPSequence = [named(uid, MG) for uid in uids if uid not in failed]
    if failed:
        ds.FailedSOPSequence = [named(uid, MG, FailureReason=reason) for uid in failed]
    return ds


class Committing:
    """A PACS that accepts requests, and reports as a test wants it to."""

    def __init__(self, *failed: str, status: int = 0x0000, on_same: bool = False) -> None:
        self.requests: list[Dataset] = []
        self.classes: list[str] = []
        self.failed, self.status, self.on_same = failed, status, on_same
        self.on_next: list[Dataset] = []
        self.threads: list[threading.Thread] = []
        self.handlers = [(evt.EVT_N_ACTION, self._act), (evt.EVT_ACCEPTED, self._accepted)]

    def _act(self, event: Any) -> tuple[int, None]:
        assert event.action_type == 1
        self.requests.append(event.action_information)
        if self.on_same:
            self._tell(event.assoc, a_report(self.requests[-1], *self.failed))
        return self.status, None

    def _accepted(self, event: Any) -> None:
        while self.on_next:
            self._tell(event.assoc, self.on_next.pop())

    def _tell(self, association: Any, report: Dataset) -> None:
        def run() -> None:
            wait_until(lambda: association.is_established, "the association to stand")
            event = 2 if "FailedSOPSequence" in report else 1
            association.send_n_event_report(report, event, PUSH_MODEL, PUSH_MODEL_INSTANCE)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def end(self) -> None:
        for thread in self.threads:
            thread.join(60)


def send_report(node: CommittingNode, report: Dataset, *, role: bool = True) -> int:
    """Report over a new association, as most PACS do."""
    roles = (build_role(PUSH_MODEL, scp_role=True),) if role else ()
    with associated(node.port, *roles) as association:
        return tell(association, report, 2 if "FailedSOPSequence" in report else 1)


def test_a_report_on_the_same_association_counts(node: CommittingNode) -> None:
    pacs = Committing(on_same=True)
    with listening(pacs.handlers) as port:
        node.register(at(port))
        standing = node.ask()
        pacs.end()
    assert standing.committed == tuple(node.uids())
    assert standing.to_ask == set()
    assert standing.waiting == ()
    (transaction,) = node.transactions()
    assert (transaction.state, transaction.route) == (TransactionState.REPORTED, Route.SAME)
    (request,) = pacs.requests
    assert [i.ReferencedSOPInstanceUID for i in request.ReferencedSOPSequence] == node.uids()
    assert {i.ReferencedSOPClassUID for i in request.ReferencedSOPSequence} == {MG}
    assert standing.load.readiness is Readiness.PLANNED  # a commitment alone changes none


@pytest.mark.parametrize("role", [True, False])
def test_a_report_on_an_association_that_the_pacs_opens_counts(
    node: CommittingNode, *, role: bool
) -> None:
    pacs = Committing()
    with listening(pacs.handlers) as port:
        node.register(at(port))
        assert node.ask(SOON).waiting == tuple(node.uids())
        report = a_report(pacs.requests[0], node.uids()[2], reason=0x0213)
        assert send_report(node, report, role=role) == 0x0000
        assert send_report(node, report, role=role) == 0x0000  # again: nothing changes
    standing = node.standing()
    assert standing.failed == {node.uids()[2]: 0x0213}
    assert len(standing.committed) == 7
    (transaction,) = node.transactions()
    assert (transaction.route, transaction.reports) == (Route.NEW, 2)
    (event,) = node.events("commitment-reported")
    assert event == {
        "load": 1, "route": "new", "committed": 7, "failed": 1, "not_mentioned": 0,
    }  # fmt: skip
    said = standing.as_dict()
    assert said["failed"] == [
        {"sop_instance_uid": node.uids()[2], "reason": "0213", "words": "it has no room"}
    ]
    assert said["images"]["committed"] == 7


def test_a_report_on_the_next_association_that_we_open_counts(node: CommittingNode) -> None:
    pacs = Committing()
    with listening(pacs.handlers) as port:
        node.register(at(port))
        assert node.ask(SOON).waiting
        pacs.on_next.append(a_report(pacs.requests[0]))
        standing = node.ask()
        pacs.end()
    assert len(standing.committed) == 8
    assert len(pacs.requests) == 1  # what waits for its report is not asked for again
    assert node.transactions()[0].route is Route.NEXT


def test_only_what_is_not_committed_to_is_asked_for_again_under_a_new_uid(
    node: CommittingNode,
) -> None:
    pacs = Committing(node.uids()[0], on_same=True)
    with listening(pacs.handlers) as port:
        node.register(at(port))
        assert node.ask().failed == {node.uids()[0]: 0x0110}
        pacs.failed = ()
        standing = node.ask()
        pacs.end()
    assert len(standing.committed) == 8
    again = pacs.requests[1]
    assert [i.ReferencedSOPInstanceUID for i in again.ReferencedSOPSequence] == node.uids()[:1]
    assert again.TransactionUID != pacs.requests[0].TransactionUID


def test_without_a_report_images_become_unconfirmed_and_may_be_asked_for_again(
    node: CommittingNode,
) -> None:
    pacs = Committing()
    with listening(pacs.handlers) as port:
        node.register(at(port))
        assert node.ask(SOON).unconfirmed == ()
        assert unconfirmed(begin=node.house.begin, now=node.house.now) == []
        node.house.pass_time(25 * 3600)
        assert node.standing().unconfirmed == tuple(node.uids())
        assert node.standing().failed == {}  # no answer is no failure
        (late,) = unconfirmed(begin=node.house.begin, now=node.house.now)
        node.ask(SOON)
        assert len(pacs.requests) == 2
    assert late.transaction_uid == pacs.requests[0].TransactionUID
    assert send_report(node, a_report(pacs.requests[0])) == 0x0000  # late, and still true
    assert node.standing().committed == tuple(node.uids())


def test_a_report_on_no_transaction_of_ours_is_refused(node: CommittingNode) -> None:
    pacs = Committing()
    with listening(pacs.handlers) as port:
        node.register(at(port))
        node.ask(SOON)
        stranger = a_report(pacs.requests[0])
        stranger.TransactionUID = "1.2.3.4"
        assert send_report(node, stranger) == 0x0110
    report = CommitmentReport(pacs.requests[0].TransactionUID, (Reference(MG, node.uids()[0]),))
    node.register(a_pacs(104, "ELSEWHERE", name="other"))
    with pytest.raises(RefusedRequest):  # another PACS cannot report on it
        take_report(report, Route.NEW, pacs="other", begin=node.house.begin, now=node.house.now)
    assert [each["images"] for each in node.events("commitment-unknown")] == [1, 8]
    assert node.standing().waiting == tuple(node.uids())


def test_what_a_report_says_beside_what_was_asked_is_left_out(node: CommittingNode) -> None:
    pacs = Committing()
    with listening(pacs.handlers) as port:
        node.register(at(port))
        node.ask(SOON)
    uids = node.uids()
    report = a_report(pacs.requests[0], uids[0])
    report.ReferencedSOPSequence = [
        named(uids[0], MG),  # said both ways
        named(uids[1], "1.2.840.10008.5.1.4.1.1.7"),  # of another class
        named(uids[2], MG),
        named("1.2.3.99", MG),  # not asked for
    ]
    assert send_report(node, report) == 0x0000
    standing = node.standing()
    assert standing.committed == (uids[2],)
    assert standing.failed == {uids[0]: 0x0110, uids[1]: 0x0119}
    assert standing.not_mentioned == tuple(uids[3:])


def test_a_report_that_is_damaged_is_refused_and_changes_nothing(node: CommittingNode) -> None:
    pacs = Committing()
    with listening(pacs.handlers) as port:
        node.register(at(port))
        node.ask(SOON)
    empty = Dataset()
    empty.TransactionUID = pacs.requests[0].TransactionUID
    with associated(node.port) as association:
        assert tell(association, empty) == 0x0120
        assert tell(association, a_report(pacs.requests[0]), event=7) == 0x0113
        status, _ = association.send_n_event_report(
            a_report(pacs.requests[0]), 1, PUSH_MODEL, "1.2.3.4"
        )
        assert status.Status == 0x0112
    assert node.standing().waiting == tuple(node.uids())


def test_a_pacs_that_refuses_to_commit_is_told_of_by_its_status(node: CommittingNode) -> None:
    pacs = Committing(status=0x0213)
    with listening(pacs.handlers) as port:
        node.register(at(port))
        standing = node.ask()
    (transaction,) = standing.transactions
    assert (transaction.state, transaction.status) == (TransactionState.REFUSED, 0x0213)
    assert standing.not_asked == tuple(node.uids())


def test_a_pacs_that_cannot_be_asked_is_said_so_and_its_request_stays_open(
    node: CommittingNode,
) -> None:
    node.register(at(1))
    with pytest.raises(PeerUnavailable, match="connect"):
        node.ask()
    assert [each.state for each in node.transactions()] == [TransactionState.ASKING]
    assert node.events("commitment-unasked")


def test_a_request_that_nobody_answered_is_made_again_the_next_time(node: CommittingNode) -> None:
    node.register(at(1))
    with pytest.raises(PeerUnavailable):
        node.ask()
    pacs = Committing()
    with listening(pacs.handlers) as port:
        node.register(at(port))
        standing = node.ask(SOON)
        assert node.ask(SOON).waiting == standing.waiting == tuple(node.uids())
    (request,) = pacs.requests  # and once it was answered, the report is waited for
    assert [item.ReferencedSOPInstanceUID for item in request.ReferencedSOPSequence] == node.uids()
    unanswered, asked = node.transactions()
    assert (unanswered.state, asked.state) == (TransactionState.ASKING, TransactionState.ASKED)
    assert send_report(node, a_report(request)) == 0x0000
    assert node.standing().committed == tuple(node.uids())


def test_nothing_is_asked_for_before_an_image_was_sent(tmp_path: Path) -> None:
    with committing_node(tmp_path) as node, pytest.raises(RefusedInput, match="load start"):
        node.ask()


def test_many_images_go_in_several_requests(node: CommittingNode) -> None:
    pacs = Committing(on_same=True)
    with listening(pacs.handlers) as port:
        node.register(at(port))
        assert len(node.ask(at_once=3).committed) == 8
        pacs.end()
    assert [len(each.ReferencedSOPSequence) for each in pacs.requests] == [3, 3, 2]


def test_a_report_may_come_before_the_request_is_answered(node: CommittingNode) -> None:
    """A scripted peer, since no library does it."""
    answered: list[Command] = []

    def behave(line: Line) -> None:
        line.accept()
        asked, data = line.message()
        request = decode_request(data, "1.2.840.10008.1.2.1")
        report = CommitmentReport(request.transaction_uid, request.references)
        told = Command(
            Field.N_EVENT_REPORT,
            WITH_DATA_SET,
            affected_sop_class_uid=PUSH_MODEL,
            affected_sop_instance_uid=PUSH_MODEL_INSTANCE,
            message_id=7,
            event_type_id=1,
        )
        body = encode_report(report, "1.2.840.10008.1.2.1")
        for is_command, content in ((True, encode_command(told)), (False, body)):
            line.say(pdu.Data((pdu.Fragment(1, is_command, True, content),)))
        answered.append(line.message()[0])
        line.answer(asked.answer(0x0000))
        line.end()

    with pdu_server(behave) as (port, _):
        node.register(at(port))
        assert len(node.ask().committed) == 8
    (answer,) = answered
    assert (answer.status, answer.message_id_responded_to, answer.event_type_id) == (0, 7, 1)
