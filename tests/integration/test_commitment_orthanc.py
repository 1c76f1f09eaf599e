"""Storage commitment with Orthanc, both ways: it asks us, and we ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pacs_bridge.domain.commitment import CustodyState, Route
from pacs_bridge.domain.errors import RetryLater
from pacs_bridge.domain.pacs import Endpoint
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.sandbox.orthanc import Modality, Orthanc
from pacs_bridge.scu.store import store
from tests.commitments import SILENT, STATE, CommittingNode, committing_node, wait
from tests.loads import a_pacs
from tests.orthanc import running_orthanc

AT_NODE = "node"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as orthanc:
        yield orthanc


@pytest.fixture
def node(tmp_path: Path, orthanc: Orthanc) -> Iterator[CommittingNode]:
    with committing_node(tmp_path, SILENT) as node:
        orthanc.add_modality(Modality(AT_NODE, "PACSBRIDGE", node.port))
        node.register(a_pacs(orthanc.dicom_port))
        yield node


def report_at_last(node: CommittingNode) -> None:
    """Do what the job does, as often as it would."""

    def is_reported() -> bool:
        with suppress(RetryLater):
            node.run_report()
        return node.custody().state is CustodyState.REPORTED

    wait(is_reported, "Orthanc to take the report")


def test_orthanc_asks_us_and_is_told_object_by_object(
    orthanc: Orthanc, node: CommittingNode
) -> None:
    node.hold("1.2.9.1")
    objects = [
        {"SOPClassUID": STATE, "SOPInstanceUID": "1.2.9.1"},
        {"SOPClassUID": STATE, "SOPInstanceUID": "1.2.9.2"},
    ]
    asked = orthanc.post(
        f"/modalities/{AT_NODE}/storage-commitment", {"DicomInstances": objects, "Timeout": 60}
    )
    path = f"/storage-commitment/{asked['ID']}"
    assert orthanc.get(path)["Status"] == "Pending"
    report_at_last(node)
    report = orthanc.get(path)
    assert report["Status"] == "Failure"
    assert report["Success"] == [{"SOPClassUID": STATE, "SOPInstanceUID": "1.2.9.1"}]
    (failure,) = report["Failures"]
    assert (failure["SOPInstanceUID"], failure["FailureReason"]) == ("1.2.9.2", 0x0112), failure


def test_orthanc_commits_to_what_it_took_and_to_nothing_else(
    orthanc: Orthanc, node: CommittingNode
) -> None:
    images = [image for *_, image in node.passport.instances()]
    sent = [
        Sendable(
            node.house.archive.path(image.content_hash),
            image.sop_class_uid,
            image.sop_instance_uid,
            image.transfer_syntax_uid,
        )
        for image in images[:6]  # the rest it said it took, and has not
    ]
    answers = list(store(a_pacs(orthanc.dicom_port), sent))
    assert [answer.status for answer in answers] == [0x0000] * 6
    node.send_all()
    node.ask(0.05)  # Orthanc reports on an association of its own
    standing = wait(lambda: (s := node.standing()).is_settled and s, "the report")
    assert standing.committed == tuple(node.uids()[:6])
    assert standing.failed == dict.fromkeys(node.uids()[6:], 0x0112)
    assert node.transactions()[0].route is Route.NEW


def test_orthanc_is_reported_to_at_its_endpoint_for_commitment(
    orthanc: Orthanc, node: CommittingNode
) -> None:
    elsewhere = Endpoint("HOSPITAL", "127.0.0.1", 1, ("store", "calls-from"))
    here = Endpoint("HOSPITAL", "127.0.0.1", orthanc.dicom_port, ("commit",))
    node.register(a_pacs(0, endpoints=(elsewhere, here)))
    node.hold("1.2.9.1")
    objects = [{"SOPClassUID": STATE, "SOPInstanceUID": "1.2.9.1"}]
    asked = orthanc.post(
        f"/modalities/{AT_NODE}/storage-commitment", {"DicomInstances": objects, "Timeout": 60}
    )
    report_at_last(node)
    assert orthanc.get(f"/storage-commitment/{asked['ID']}")["Status"] == "Success"
