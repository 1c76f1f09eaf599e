"""A PACS asks us to commit to what it stored here: we answer for that, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import build_role, evt

from pacs_bridge.domain.commitment import (
    PUSH_MODEL,
    CommitmentReport,
    CommitmentRequest,
    CustodyState,
    Reference,
    Route,
)
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint
from pacs_bridge.scu.commit import DimseCommitter
from pacs_bridge.services.commitment_reports import park_report
from tests.commitments import (
    EXPLICIT,
    IMPLICIT,
    SILENT,
    STATE,
    CommittingNode,
    a_request,
    ask,
    associated,
    at,
    committing_node,
    listening,
    named,
    reporting,
    wait,
)
from tests.loads import a_pacs

BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[CommittingNode]:
    with committing_node(tmp_path) as node:
        yield node


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[CommittingNode]:
    """A node that reports on new associations only."""
    with committing_node(tmp_path, SILENT) as node:
        yield node


def jobs(node: CommittingNode) -> list[Any]:
    return node.house.queued.named("report_commitment")


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_the_report_comes_on_the_same_association_while_it_stays_open(
    node: CommittingNode, syntax: str
) -> None:
    node.hold("1.2.9.1")
    heard: list[Any] = []
    with associated(node.port, handlers=[reporting(heard)], syntaxes=[syntax]) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0000
        assert jobs(node) == [(1,)]  # so it is reported whatever becomes of the association
        node.await_report()
    assert heard == [(1, {"transaction": "1.2.3.1", "committed": ["1.2.9.1"], "failed": {}})]
    assert node.custody().route is Route.SAME
    assert node.custody().references == ()  # what else a hospital has is not remembered
    node.run_report()  # finds nothing left to do: nobody listens on the PACS's port
    assert node.events("custody-reported") == [{"route": "same", "committed": 1, "failed": 0}]


def test_each_object_that_is_not_committed_to_has_its_reason(node: CommittingNode) -> None:
    node.hold("1.2.9.1")
    node.hold("1.2.9.2")
    lost = node.hold("1.2.9.3")
    node.house.archive.path(lost).unlink()
    request = a_request("1.2.3.1", "1.2.9.1", "1.2.9.3", "1.2.9.4")
    request.ReferencedSOPSequence.append(named("1.2.9.2", BASIC_TEXT))
    request.ReferencedSOPSequence.append(named("1.2.9.5", "1.2.840.10008.5.1.4.1.1.2"))
    heard: list[Any] = []
    with associated(node.port, handlers=[reporting(heard)]) as association:
        assert ask(association, request) == 0x0000
        node.await_report()
    ((event_type, report),) = heard
    assert event_type == 2
    assert report["committed"] == ["1.2.9.1"]
    assert report["failed"] == {
        "1.2.9.2": 0x0119, "1.2.9.3": 0x0110, "1.2.9.4": 0x0112, "1.2.9.5": 0x0122,
    }  # fmt: skip


def test_what_another_pacs_stored_does_not_exist_for_the_one_that_asks(
    node: CommittingNode,
) -> None:
    node.register(a_pacs(104, "ELSEWHERE", name="other"))
    node.hold("1.2.9.1", pacs="other")
    heard: list[Any] = []
    with associated(node.port, handlers=[reporting(heard)]) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.1", "1.2.9.2")) == 0x0000
        node.await_report()
    ((_, report),) = heard
    assert report["failed"] == {"1.2.9.1": 0x0112, "1.2.9.2": 0x0112}  # no difference to be seen


@pytest.mark.parametrize("with_roles", [True, False])
def test_the_report_goes_out_on_a_new_association_when_the_first_has_ended(
    silent: CommittingNode, *, with_roles: bool
) -> None:
    silent.hold("1.2.9.1")
    heard: list[Any] = []
    proposed: list[Any] = []

    def look(event: Any) -> None:
        proposed.append(
            [(r.scu_role, r.scp_role) for r in event.assoc.requestor.role_selection.values()]
        )

    with listening([reporting(heard), (evt.EVT_ACCEPTED, look)], with_roles=with_roles) as port:
        silent.register(at(port))
        with associated(silent.port) as association:
            assert ask(association, a_request("1.2.3.1", "1.2.9.1", "1.2.9.2")) == 0x0000
        silent.run_report()
    assert [event for event, _ in heard] == [2]
    assert heard[0][1]["failed"] == {"1.2.9.2": 0x0112}
    assert proposed == [[(False, True)]]
    assert silent.custody().state is CustodyState.REPORTED
    assert silent.custody().route is Route.NEW


def test_a_report_that_is_not_taken_is_tried_again_and_parked_in_the_end(
    silent: CommittingNode,
) -> None:
    answers = [0x0110, 0x0000]
    with listening([(evt.EVT_N_EVENT_REPORT, lambda _e: (answers.pop(0), None))]) as port:
        silent.register(at(port))
        with associated(silent.port) as association:
            assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0000
        with pytest.raises(PeerUnavailable, match="0x0110"):
            silent.run_report()
        assert silent.custody().state is CustodyState.WAITING
        assert "0x0110" in silent.custody().note
        silent.run_report()
    assert silent.custody().state is CustodyState.REPORTED
    with associated(silent.port) as association:
        assert ask(association, a_request("1.2.3.2", "1.2.9.1")) == 0x0000
    with pytest.raises(PeerUnavailable, match="connect"):
        silent.run_report(2)
    for _ in range(2):
        park_report(2, "It took none.", begin=silent.house.begin, now=silent.house.now)
    assert silent.custody(2).state is CustodyState.PARKED
    assert silent.events("custody-parked") == [{"reason": "It took none."}]
    silent.run_report(2)  # parked is parked
    park_report(1, "Too late.", begin=silent.house.begin, now=silent.house.now)
    assert silent.custody(1).state is CustodyState.REPORTED


def test_a_report_that_gets_no_answer_is_left_to_the_job(node: CommittingNode) -> None:
    def break_off(event: Any) -> tuple[int, None]:
        event.assoc.abort()
        return 0x0000, None

    handlers = [(evt.EVT_N_EVENT_REPORT, break_off)]
    with associated(node.port, handlers=handlers) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0000
        wait(lambda: "no answer" in node.custody().note, "the report to be given back")
    assert node.custody().state is CustodyState.WAITING
    assert node.custody().references


def test_whoever_took_a_report_on_and_is_gone_does_not_hold_it_for_ever(
    silent: CommittingNode,
) -> None:
    heard: list[Any] = []
    with listening([reporting(heard)]) as port:
        silent.register(at(port))
        with associated(silent.port) as association:
            assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0000
        now = silent.house.now()
        with silent.house.begin() as uow:
            assert uow.custodies.claim(1, now, now)
            assert not uow.custodies.claim(1, now, now)  # one at a time
        with pytest.raises(Exception, match="on its way"):
            silent.run_report()
        silent.house.pass_time(600)
        silent.run_report()
    assert len(heard) == 1


def test_a_request_that_comes_again_is_one_and_its_uid_is_not_taken_for_another(
    silent: CommittingNode,
) -> None:
    with associated(silent.port) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.1", "1.2.9.2")) == 0x0000
    with associated(silent.port) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.2", "1.2.9.1")) == 0x0000
        assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0131
    assert jobs(silent) == [(1,)]


def test_what_is_no_request_is_refused_with_the_reason(node: CommittingNode) -> None:
    empty = a_request("1.2.3.1")
    nameless = a_request("1.2.3.1", "1.2.9.1")
    del nameless.TransactionUID
    classless = a_request("1.2.3.1", "1.2.9.1")
    del classless.ReferencedSOPSequence[0].ReferencedSOPClassUID
    with associated(node.port) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.1"), action=2) == 0x0123
        assert ask(association, empty) == 0x0120
        assert ask(association, nameless) == 0x0120
        assert ask(association, classless) == 0x0120
        status, _ = association.send_n_action(
            a_request("1.2.3.1", "1.2.9.1"), 1, PUSH_MODEL, "1.2.3.4"
        )
        assert status.Status == 0x0112
    with node.house.begin() as uow:
        assert uow.custodies.find("hospital", "1.2.3.1") is None
    assert jobs(node) == []


def test_a_paused_pacs_is_not_committed_to(node: CommittingNode) -> None:
    node.register(at(104, paused=True))
    with associated(node.port) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0110


def test_ten_thousand_objects_are_taken_at_once(node: CommittingNode) -> None:
    root = "1.2.826.0.1.3680043.10.99.1234567890.1234567890"
    named = tuple(Reference(STATE, f"{root}.{number}") for number in range(10_000))
    node.hold(named[-1].sop_instance_uid)
    reports: list[CommitmentReport] = []
    us = Endpoint("PACSBRIDGE", "127.0.0.1", node.port, ("commit",))
    status, _ = DimseCommitter().request_commitment(
        replace(a_pacs(node.port), endpoints=(us,), our_ae_title="HOSPITAL"),
        CommitmentRequest("1.2.3.1", named),
        take=lambda report, _route: reports.append(report),
        seconds=60.0,
    )
    assert status == 0x0000
    (report,) = reports
    assert report.committed == named[-1:]
    assert len(report.failed) == 9_999


def test_a_request_that_is_longer_than_allowed_ends_the_association(tmp_path: Path) -> None:
    with committing_node(tmp_path, SILENT) as node:
        with associated(node.port) as association:
            request = a_request("1.2.3.1", "1.2.9.1", SelectorUTValue="x" * (5 << 20))
            status, _ = association.send_n_action(request, 1, PUSH_MODEL, "1.2.840.10008.1.20.1.1")
            assert "Status" not in status  # it broke off
        with associated(node.port) as association:
            assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0000


def test_the_role_of_scp_is_granted_to_a_pacs_that_reports(node: CommittingNode) -> None:
    role = build_role(PUSH_MODEL, scp_role=True)
    with associated(node.port, role) as association:
        context = association.accepted_contexts[0]
        assert (context.abstract_syntax, context.as_scp) == (PUSH_MODEL, True)


def test_an_object_that_is_named_twice_is_reported_once(node: CommittingNode) -> None:
    node.hold("1.2.9.1")
    heard: list[Any] = []
    with associated(node.port, handlers=[reporting(heard)]) as association:
        assert ask(association, a_request("1.2.3.1", "1.2.9.1", "1.2.9.1")) == 0x0000
        node.await_report()
    assert heard[0][1]["committed"] == ["1.2.9.1"]
