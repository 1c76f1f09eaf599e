"""Other people's senders are served: DCMTK and GDCM, as installed by Debian."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import TestDatabase
from tests.nodes import (
    RunningNode,
    an_alien,
    as_file,
    encode,
    our_report,
    our_state,
    register,
    running_node,
)
from tests.peers import need
from tests.waiting import wait_until

CALL = ["-aet", "HOSPITAL", "-aec", "PACSBRIDGE"]


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node that knows case PERFORMS121101 and the PACS called HOSPITAL."""
    register(database)
    with running_node(database, tmp_path) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A presentation state and a report of ours, in two encodings."""
    folder = tmp_path / "out"
    folder.mkdir()
    return [
        as_file(folder / "state.dcm", our_state(), undefined=True),
        as_file(folder / "report.dcm", our_report(), implicit=True),
    ]


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def stored(node: RunningNode) -> set[str]:
    with node.database.begin() as uow:
        return {received.sop_instance_uid for received in uow.objects.list_newest()}


@pytest.mark.peer("dcmtk")
def test_dcmtk_echoes(node: RunningNode) -> None:
    done = run(need("echoscu", "dcmtk"), *CALL, "127.0.0.1", node.port)
    assert done.returncode == 0, done.stderr


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("pdu", [16384, 131072])
def test_storescu_stores_and_the_bytes_are_the_same(
    node: RunningNode, files: list[Path], pdu: int
) -> None:
    done = run(
        need("storescu", "dcmtk"), *CALL, "-R", "--max-pdu", pdu, "127.0.0.1", node.port, *files
    )
    assert done.returncode == 0, done.stderr
    assert stored(node) == {"1.2.3.9.1", "1.2.3.9.2"}
    with node.database.begin() as uow:
        state = uow.objects.find("1.2.3.9.1")
    assert state is not None
    assert node.hand_over() == 2
    # storescu writes what it read anew, with lengths of its own
    assert node.archive.path(state.content_hash).read_bytes().endswith(encode(our_state()))


@pytest.mark.peer("dcmtk")
def test_dcmsend_stores_a_folder_over_one_association(node: RunningNode, files: list[Path]) -> None:
    done = run(need("dcmsend", "dcmtk"), *CALL, "127.0.0.1", node.port, *files)
    assert done.returncode == 0, done.stderr
    assert stored(node) == {"1.2.3.9.1", "1.2.3.9.2"}


@pytest.mark.peer("dcmtk")
def test_storescu_is_told_why_an_alien_is_refused(node: RunningNode, tmp_path: Path) -> None:
    alien = as_file(tmp_path / "alien.dcm", an_alien())
    done = run(need("storescu", "dcmtk"), "-v", *CALL, "-R", "127.0.0.1", node.port, alien)
    assert "0x124" in done.stdout + done.stderr
    assert stored(node) == set()


@pytest.mark.peer("dcmtk")
def test_storescu_is_told_that_it_is_not_registered(node: RunningNode, files: list[Path]) -> None:
    done = run(
        need("storescu", "dcmtk"), "-aet", "STRANGER", "-aec", "PACSBRIDGE",
        "127.0.0.1", node.port, *files,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Calling AE Title Not Recognized" in done.stderr + done.stdout


@pytest.mark.peer("gdcm")
def test_gdcm_echoes_and_stores(node: RunningNode, files: list[Path]) -> None:
    # gdcmscu 3.0.21 ends in an exception after every release, also towards DCMTK's storescp
    # (ProtocolStream as nullptr): what it left with us counts, not its exit status
    gdcmscu = need("gdcmscu", "libgdcm-tools")
    who = ["--aetitle", "HOSPITAL", "--call", "PACSBRIDGE"]
    run(gdcmscu, "--echo", *who, "127.0.0.1", node.port)
    for path in files:
        run(gdcmscu, "--store", *who, "127.0.0.1", node.port, path)
    assert stored(node) == {"1.2.3.9.1", "1.2.3.9.2"}
    rows = wait_until(lambda: [r for r in node.rows() if r.outcome == "released"][2:], "releases")
    assert rows
    assert sum(row.echoes for row in node.rows()) == 1
