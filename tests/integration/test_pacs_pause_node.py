"""A paused PACS at the node: nothing is taken from it; it may echo, query and retrieve."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.pacs import set_paused
from tests.databases import TestDatabase
from tests.nodes import our_state, register, running_node, send
from tests.peers import need
from tests.queries import keep, load, query_node


def the_node(port: int) -> Pacs:
    """The node as a PACS sees it."""
    ours = Endpoint("PACSBRIDGE", "127.0.0.1", port, ("store", "query"))
    return Pacs("node", (ours,), "HOSPITAL", plain=True)


def pause(database: TestDatabase, *, paused: bool = True) -> None:
    set_paused("hospital", paused=paused, begin=database.begin, now=database.clock)


def test_an_object_of_a_paused_pacs_is_put_off_and_its_echo_answered(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    pause(database)
    with running_node(database, tmp_path) as node:
        assert send(node.port, our_state()).Status == 0xA700
        DimsePeer().echo(the_node(node.port))
        pause(database, paused=False)
        assert send(node.port, our_state()).Status == 0x0000


@pytest.mark.peer("dcmtk")
def test_a_paused_pacs_may_query_and_retrieve_what_was_loaded_into_it(
    database: TestDatabase, tmp_path: Path
) -> None:
    archive = LocalArchive(tmp_path / "archive")
    passport = keep(archive, 101)
    load(database, passport)
    pause(database)
    came = tmp_path / "came"
    came.mkdir()
    (case,) = passport.cases
    with query_node(database, archive) as port:
        found = DimsePeer().find_case(the_node(port), case)
        study = case.studies[0].study_instance_uid
        subprocess.run(
            [
                need("getscu", "dcmtk"), "-S", "-aet", "HOSPITAL", "-aec", "PACSBRIDGE",
                "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
                "-od", came, "127.0.0.1", str(port),
            ],
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
    assert found.error is None
    assert found.studies[study] is not None
    assert len(list(came.iterdir())) == 4
