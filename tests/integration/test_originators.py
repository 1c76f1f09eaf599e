"""Of what a PACS stores here because somebody asked it to, one can see who that was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pacs_bridge.cli import marks
from pacs_bridge.domain.objects import Originator
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.upper_layer.command import Command, Field
from pacs_bridge.upper_layer.pdu import AssociateAccept
from tests.builders import a_passport, a_received_object
from tests.databases import TestDatabase
from tests.homes import a_home
from tests.nodes import encode, our_state, register, running_node
from tests.ul_peer import STATE, Peer, a_request


def store(port: int, uid: str, **said: Any) -> int | None:
    with Peer(port) as peer:
        request = replace(a_request(STATE, calling="HOSPITAL"), called_ae_title="PACSBRIDGE")
        assert isinstance(peer.ask(request), AssociateAccept)
        command = Command(
            Field.C_STORE, 1, affected_sop_class_uid=STATE, affected_sop_instance_uid=uid,
            message_id=1, priority=0, **said,
        )  # fmt: skip
        peer.say(command, encode(our_state(uid)))
        return peer.hear()[0].status


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({}, None),
        ({"move_originator_ae_title": "VIEWER1"}, Originator("VIEWER1")),
        (
            {"move_originator_ae_title": "VIEWER1", "move_originator_message_id": 65_535},
            Originator("VIEWER1", 65_535),
        ),
        ({"move_originator_message_id": 7}, None),
        ({"move_originator_ae_title": "<b>\x1b[31m"}, None),  # fit for no page and no terminal
    ],
)
def test_who_asked_for_an_object_is_kept_with_it(
    database: TestDatabase, tmp_path: Path, said: dict[str, Any], kept: Originator | None
) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        assert store(node.port, "1.2.3.9.1", **said) == 0
    with database.begin() as uow:
        found = uow.objects.find("1.2.3.9.1")
    assert found is not None
    assert found.originator == kept


def test_an_administrator_sees_who_asked_for_an_object(tmp_path: Path) -> None:
    installation = a_home(tmp_path)
    now = installation.now()
    asked = replace(a_received_object("1.2.3.1"), originator=Originator("VIEWER1", 7))
    with installation.begin() as uow:
        uow.pacs.put(Pacs("hospital", (Endpoint("HOSPITAL", "10.0.0.1", 104, ("store",)),)), now)
        uow.case_sets.add(a_passport(1, 101))
        uow.objects.add(asked)
        uow.objects.add(a_received_object("1.2.3.2"))
    installation.engine.dispose()

    def listed(*options: str) -> str:
        result = CliRunner().invoke(marks.app, ["list", "--home", str(tmp_path), *options])
        assert result.exception is None, result.output
        return result.stdout

    lines = {line["sop_instance_uid"]: line for line in json.loads(listed("--json"))}
    first, second = lines["1.2.3.1"], lines["1.2.3.2"]
    assert (first["originator"], first["originator_message_id"]) == ("VIEWER1", 7)
    assert first["calling_ae"] == "HOSPITAL"
    assert (second["originator"], second["originator_message_id"]) == (None, None)
    assert "VIEWER1" in listed()
