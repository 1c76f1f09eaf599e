"""The sandbox PACS is asked to commit by our node, and reports as its quirks have it."""

from __future__ import annotations

import pydicom
import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from tests.commitments import committing_node
from tests.hospital import a_hospital, send
from tests.loads import a_pacs
from tests.waiting import wait_until

SOON = 0.05


def stored(node, pacs, folder):
    """Have the load's images in a PACS."""
    archive = node.house.archive
    images = [image for *_, image in node.passport.instances()]
    send(
        pacs,
        *(pydicom.dcmread(archive.path(image.content_hash)) for image in images),
        folder=folder,
    )
    node.send_all()
    node.register(a_pacs(pacs.port))


@pytest.mark.parametrize(("quirks", "failed"), [((), 0), (("commitment-partial",), 4)])
def test_a_pacs_reports_over_an_association_of_its_own(tmp_path, quirks, failed):
    with committing_node(tmp_path) as node:
        know = (("PACSBRIDGE", "127.0.0.1", node.port),)
        with a_hospital(quirks=quirks, know=know) as pacs:
            stored(node, pacs, tmp_path)
            node.ask()
            wait_until(lambda: not node.standing().waiting, "the report", seconds=30)
            standing = node.standing()
    assert (len(standing.committed), len(standing.failed)) == (8 - failed, failed)


def test_a_pacs_that_lost_images_says_so(tmp_path):
    with committing_node(tmp_path) as node:
        know = (("PACSBRIDGE", "127.0.0.1", node.port),)
        with a_hospital(quirks=("drop=4",), know=know) as pacs:
            stored(node, pacs, tmp_path)
            node.ask()
            wait_until(lambda: not node.standing().waiting, "the report", seconds=30)
            assert list(node.standing().failed.values()) == [0x0112, 0x0112]


def test_a_pacs_that_never_reports_leaves_everything_waiting(tmp_path):
    with committing_node(tmp_path) as node:
        know = (("PACSBRIDGE", "127.0.0.1", node.port),)
        with a_hospital(quirks=("commitment-never",), know=know) as pacs:
            stored(node, pacs, tmp_path)
            assert node.ask(SOON).waiting == tuple(node.uids())


def test_a_pacs_without_commitment_takes_no_such_association(tmp_path):
    with committing_node(tmp_path) as node, a_hospital(quirks=("no-commitment",)) as pacs:
        stored(node, pacs, tmp_path)
        with pytest.raises(PeerUnavailable):
            node.ask(SOON)
