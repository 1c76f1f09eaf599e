"""A PACS notifies us where images are: kept where they are ours, and never taken for proof."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import evt

from pacs_bridge.domain.loading import Readiness
from pacs_bridge.services.availability import NOTIFICATION
from tests.commitments import CommittingNode, associated, committing_node, named
from tests.loads import MG, a_pacs

STUDY = "1.2.826.0.1.3680043.10.99.101.1"
ALIEN = "1.9.1"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[CommittingNode]:
    with committing_node(tmp_path) as node:
        yield node


def a_notice(*uids: str, study: str = STUDY, **changes: Any) -> Dataset:
    """Notify of images; all of them online."""
    series = Dataset()
    series.SeriesInstanceUID = f"{study}.2"
    more = {"InstanceAvailability": "ONLINE", "RetrieveAETitle": "ARCHIVE"} | changes
    series.ReferencedSOPSequence = [named(uid, MG, **more) for uid in uids]
    ds = Dataset()
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.StudyInstanceUID = study
    ds.ReferencedSeriesSequence = [series]
    return ds


def notify(node: CommittingNode, ds: Dataset, uid: str | None = "1.2.3.77") -> tuple[int, str]:
    made: list[str] = []

    def look(event: Any) -> None:
        made.append(str(event.message.command_set.get("AffectedSOPInstanceUID", "")))

    with associated(node.port, handlers=[(evt.EVT_DIMSE_RECV, look)]) as association:
        status, _ = association.send_n_create(ds, NOTIFICATION, uid)
        return int(status.Status), made[-1]


def noted(node: CommittingNode, study: str = STUDY) -> dict[str, str]:
    with node.house.begin() as uow:
        found = uow.availabilities.of_study("hospital", study)
    return {each.sop_instance_uid: f"{each.availability} {each.retrieve_ae}" for each in found}


def test_where_images_of_a_loaded_set_are_is_kept_and_the_latest_counts(
    node: CommittingNode,
) -> None:
    first, second = node.uids()[:2]
    assert notify(node, a_notice(first, second))[0] == 0x0000
    assert noted(node) == {first: "ONLINE ARCHIVE", second: "ONLINE ARCHIVE"}
    later = a_notice(second, "1.2.3.99", InstanceAvailability="NEARLINE", RetrieveAETitle="<x>")
    assert notify(node, later)[0] == 0x0000
    assert noted(node) == {first: "ONLINE ARCHIVE", second: "NEARLINE "}  # an unfit title is none
    assert node.events("availability") == [
        {"loads": [1], "nearline": 1}, {"loads": [1], "online": 2},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("readiness", "verifications"),
    [(Readiness.SENT, 1), (Readiness.INCOMPLETE, 1), (Readiness.SENDING, 0), (Readiness.READY, 0)],
)
def test_a_notice_may_bring_a_verification_forward_and_changes_no_readiness(
    node: CommittingNode, readiness: Readiness, verifications: int
) -> None:
    with node.house.begin() as uow:
        uow.loads.set_readiness(1, readiness)
    for uid in node.uids()[:2]:
        assert notify(node, a_notice(uid))[0] == 0x0000
    keys = {key for job, _, key, _ in node.house.queued.jobs if job == "verify"}
    assert len(keys) == verifications  # the second has the key of the first, and so is none
    with node.house.begin() as uow:
        assert uow.loads.get(1).readiness is readiness


def test_a_notice_about_anything_else_is_refused_and_nothing_of_it_is_kept(
    node: CommittingNode, tmp_path: Path
) -> None:
    alien = a_notice("1.9.4", study=ALIEN)
    assert notify(node, alien)[0] == 0x0124
    assert notify(node, a_notice("1.9.5"))[0] == 0x0124  # our study, and no image of it
    assert noted(node, ALIEN) == {}
    with node.house.begin() as uow:
        refusals = uow.refusals.newest()
    assert {(each.kind, each.status) for each in refusals} == {("alien-notice", 0x0124)}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"1.9.4" not in kept
    assert node.house.queued.named("verify") == []


def test_a_set_that_was_not_loaded_into_the_pacs_is_not_its_to_know_of(
    node: CommittingNode,
) -> None:
    with node.house.begin() as uow:
        uow.pacs.put(a_pacs(104, "ELSEWHERE", name="hospital"), node.house.now())
        uow.pacs.put(a_pacs(104, name="other"), node.house.now())  # now calls as HOSPITAL
    assert notify(node, a_notice(node.uids()[0]))[0] == 0x0124


def test_a_notice_without_a_uid_is_given_one(node: CommittingNode) -> None:
    status, uid = notify(node, a_notice(node.uids()[0]), None)
    assert status == 0x0000
    assert uid.startswith("2.25.")


def test_what_is_no_notice_is_refused(node: CommittingNode) -> None:
    first = node.uids()[0]
    assert notify(node, a_notice())[0] == 0x0120
    assert notify(node, a_notice(first, InstanceAvailability="SOMEWHERE"))[0] == 0x0115
    nameless = a_notice(first)
    del nameless.StudyInstanceUID
    assert notify(node, nameless)[0] == 0x0120
    assert noted(node) == {}
