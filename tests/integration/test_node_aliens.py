"""Objects of women that are none of ours: nothing of them is kept, and somebody is told in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.people import Role, Site
from pacs_bridge.services.aliens import PAUSE_AT, TELL_AT
from tests.databases import TestDatabase
from tests.nodes import (
    RunningNode,
    an_alien,
    associated,
    encode,
    our_state,
    register,
    running_node,
    send,
    send_raw,
)

SUCCESS, ALIEN, TRY_AGAIN = 0, 0x0124, 0xA700
STATE = "1.2.840.10008.5.1.4.1.1.11.1"


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node that knows case PERFORMS121101 and the PACS called HOSPITAL."""
    register(database)
    with running_node(database, tmp_path) as running:
        yield running


def test_an_alien_object_is_refused_and_nothing_of_it_is_kept(node: RunningNode) -> None:
    answer = send(node.port, an_alien())
    assert answer.Status == ALIEN
    assert answer.ErrorComment == "This is not a case of this scheme."
    (refusal,) = node.refusals()
    assert (refusal.kind, refusal.caller.pacs) == ("alien", "hospital")
    assert (refusal.sop_class_uid, refusal.size) == (STATE, len(encode(an_alien())))
    assert len(refusal.keyed_hash) == 64
    assert refusal.content_hash == ""
    assert node.files() == []
    for path in node.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for planted in (b"PLANTED", b"9434765919", b"RX000417", b"1.9.9.1"):
                assert planted not in content, (path.name, planted)


def aliens(node: RunningNode, count: int, first: int = 0) -> list[int]:
    with associated(node.port, STATE) as association:
        found = []
        for number in range(first, first + count):
            found.append(send_raw(association, an_alien(f"1.9.9.{number}")).Status)
        return found


def add_contact(database: TestDatabase) -> None:
    with database.begin() as uow:
        uow.sites.put(Site("unit-a", "hospital"))
        uow.accounts.put(
            "contact@unit-a.example", "!", [Role.CONTACT], database.clock(), sites=["unit-a"]
        )


def mails(node: RunningNode) -> list[Any]:
    with node.database.begin() as uow:
        return uow.mails.newest()


def test_three_aliens_in_an_hour_make_one_mail_to_the_contact(node: RunningNode) -> None:
    add_contact(node.database)
    aliens(node, TELL_AT - 1)
    assert mails(node) == []
    aliens(node, 4, first=TELL_AT)
    (mail,) = mails(node)
    assert mail.message.to == "contact@unit-a.example"
    assert "PERFORMS" in mail.message.body
    assert ("mail", (mail.message.key,)) in node.database.jobs.jobs


def test_one_alien_that_is_tried_again_and_again_counts_once(node: RunningNode) -> None:
    add_contact(node.database)
    for _ in range(TELL_AT + 2):
        aliens(node, 1)
    assert mails(node) == []
    assert len({refusal.keyed_hash for refusal in node.refusals()}) == 1


def test_aliens_of_an_hour_ago_are_forgotten(node: RunningNode) -> None:
    add_contact(node.database)
    aliens(node, TELL_AT - 1)
    node.database.clock.pass_(3601)
    aliens(node, TELL_AT - 1, first=100)
    assert mails(node) == []


def test_twenty_aliens_pause_the_pacs_until_somebody_resumes_it(node: RunningNode) -> None:
    assert aliens(node, PAUSE_AT + 1) == [ALIEN] * PAUSE_AT + [TRY_AGAIN]
    assert send(node.port, our_state()).Status == TRY_AGAIN
    with node.database.begin() as uow:
        (event,) = uow.events.newest(kind="pacs-paused")
        assert (event.subject, event.detail) == ("hospital", {"aliens": PAUSE_AT})
        uow.pacs.set_paused("hospital", paused=False)
    assert send(node.port, our_state()).Status == SUCCESS
