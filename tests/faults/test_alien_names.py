"""What belongs to other women is refused, and not a byte of it is found afterwards.

60 objects in `make test`, 1,000 in `make faults`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pacs_bridge.services.audit_trail import send_waiting
from pacs_bridge.syslog.sender import Repository, SyslogSender
from pacs_bridge.wiring.audit import gather
from pacs_bridge.wiring.installation import Installation
from tests.hostile.aliens import MARKER, UIDS, an_alien_object
from tests.hostile.peer import REPORT, STATE, Peer
from tests.hostile.siege import FULL, HostileNode, running
from tests.syslog_server import syslog_server

ALIENS = 1000 if FULL else 60
BEFORE_A_PAUSE = 19  # the twentieth in an hour pauses a PACS
SITES = [(f"SITE{n}", "127.0.0.1") for n in range(-(-ALIENS // BEFORE_A_PAUSE))]
SEED = 20261122


@pytest.fixture
def node(tmp_path: Path) -> Iterator[HostileNode]:
    with running(tmp_path, *SITES) as node:
        yield node


def send_all(site: Peer, numbers: range) -> list[int | None]:
    """Send aliens as one PACS, all on one association."""
    answers = []
    with site.associate(STATE, REPORT) as talk:
        for number in numbers:
            chance = random.Random(f"{SEED}-{number}")
            sop_class, uid, data_set = an_alien_object(number, chance)
            piece = chance.choice((16, 300, 16_000)) * 2
            answers.append(talk.store(uid, data_set, sop_class=sop_class, piece=piece))
        assert talk.release()
    return answers


def holding(folder: Path, *texts: str) -> set[str]:
    """Which files hold one of these texts, in upper or lower case, in bytes or UTF-16."""
    wanted = [
        form for text in texts for form in (text.lower().encode(), text.lower().encode("utf-16-le"))
    ]
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        if any(each in path.read_bytes().lower() for each in wanted)
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_byte_of_an_alien_object_is_kept_anywhere(node: HostileNode, tmp_path: Path) -> None:
    numbers = [
        range(start, min(start + BEFORE_A_PAUSE, ALIENS))
        for start in range(0, ALIENS, BEFORE_A_PAUSE)
    ]
    sites = [Peer(node.port, *site) for site in SITES]
    with ThreadPoolExecutor(4) as pool:
        answers = [status for part in pool.map(send_all, sites, numbers) for status in part]
    assert answers == [0x0124] * ALIENS
    node.probe()

    assert node.refusals("alien") == ALIENS
    count = "SELECT count(DISTINCT keyed_hash) FROM pb_refusal WHERE kind = 'alien' AND size > 0"
    assert node.installation.row(count) == ALIENS
    assert holding(tmp_path, "PERFORMS121101")  # the search finds what is there
    assert holding(tmp_path, MARKER, UIDS) == set()  # while the database and its WAL are open
    assert node.stop() == 0
    sent = audited(node, tmp_path)
    assert sum(b"objects refused, alien" in message for message in sent) >= len(SITES)
    planted = [text.lower().encode() for text in (MARKER, UIDS)]
    assert not any(each in message.lower() for message in sent for each in planted)
    assert holding(tmp_path, MARKER, UIDS) == set()


def audited(node: HostileNode, folder: Path) -> list[bytes]:
    """Audit what happened, look through the buffer while it is full, then send it away."""
    installation = Installation.open(node.home)
    begin, read = installation.begin, installation.read
    try:
        gather(installation)
        assert node.installation.row("SELECT count(*) FROM pb_audit") > len(SITES)
        assert holding(folder, MARKER, UIDS) == set()
        with syslog_server() as server:
            sender = SyslogSender(Repository("127.0.0.1", server.port, "tcp", seconds=60))
            while send_waiting(
                begin=begin, read=read, send=sender, source="PACSBRIDGE", now=installation.now
            ):
                pass
        return [line.message for line in server.lines]
    finally:
        installation.engine.dispose()
        installation.reading_engine.dispose()
