"""User identities: what is registered for a PACS is let in, all else is rejected."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from pacs_bridge.domain.errors import StoreBusy
from pacs_bridge.domain.objects import AssociationOutcome, Caller
from pacs_bridge.domain.pacs import KnownUser, Pacs
from pacs_bridge.sandbox.association import RequestedAssociation, request_association
from pacs_bridge.services.passwords import hash_password
from pacs_bridge.services.user_identities import UserIdentities
from pacs_bridge.upper_layer.pdu_items import UserIdentity
from tests.databases import TestDatabase
from tests.nodes import RunningNode, as_file, our_state, register, running_node
from tests.peers import need
from tests.waiting import wait_until

PASSCODE = "correct-passcode"
NAMED, KEYED = KnownUser("reporting"), KnownUser("alice", hash_password(PASSCODE))
PACS = Pacs("hospital", (), users=(NAMED, KEYED))
CALLER = Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital")


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    register(database, users=(NAMED, KEYED))
    with running_node(database, tmp_path) as running:
        yield running


def storescu(port: int, folder: Path, *words: str) -> tuple[int, str]:
    """Send one object of ours with DCMTK; gives its exit status and what it printed."""
    file = as_file(folder / "state.dcm", our_state())
    titles = ("-v", "-aet", "HOSPITAL", "-aec", "PACSBRIDGE", "-xe", "-to", "60", "-ta", "60")
    command = [need("storescu", "dcmtk"), *titles, *words, "127.0.0.1", str(port), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def pynetdicom(port: int, kind: int, name: bytes, passcode: bytes = b"") -> RequestedAssociation:
    """Ask for an association with pynetdicom, naming a user and asking for an answer."""
    ae = AE("HOSPITAL")
    ae.add_requested_context("1.2.840.10008.1.1")
    item = UserIdentityNegotiation()
    item.user_identity_type = kind
    item.positive_response_requested = True
    item.primary_field = name
    if passcode:
        item.secondary_field = passcode
    contexts = ae.requested_contexts
    return request_association(ae, "127.0.0.1", port, "PACSBRIDGE", contexts, roles=[item])


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(
    "words",
    [("-usr", "reporting"), ("-usr", "alice", "-pwd", PASSCODE)],
    ids=["name", "name and passcode"],
)
def test_dcmtk_sends_as_a_user_that_is_registered(
    node: RunningNode, tmp_path: Path, words: tuple[str, ...]
) -> None:
    status, told = storescu(node.port, tmp_path, *words, "-rsp")
    assert status == 0, told
    (row,) = wait_until(
        lambda: [r for r in node.rows() if r.outcome is AssociationOutcome.RELEASED], "the end"
    )
    assert row.stored == 1


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-usr", "mallory"),
        ("-usr", "alice"),
        ("-usr", "alice", "-pwd", "wrong-passcode"),
        ("-usr", "alice", "-epw"),
        ("-usr", "reporting", "-pwd", PASSCODE),
        ("--kerberos", "ticket"),
        ("--saml", "ticket"),
        ("--jwt", "ticket"),
    ],
    ids=lambda words: " ".join(words[:3]) or "nobody",
)
def test_dcmtk_is_rejected_as_anybody_else(
    node: RunningNode, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "ticket").write_bytes(b"alice")
    words = tuple(str(tmp_path / word) if word == "ticket" else word for word in words)
    status, told = storescu(node.port, tmp_path, *words)
    assert status != 0
    assert "Result: Rejected Permanent, Source: Service User" in told
    assert "Reason: No Reason" in told
    (row,) = wait_until(lambda: node.rows(), "the rejection to be kept")
    wait_until(lambda: node.rows()[0].outcome is AssociationOutcome.REJECTED, "how it ended")
    row = node.rows()[0]
    assert (row.note, row.stored) == ("user identity is not accepted here", 0)
    assert "alice" not in repr(row)


def test_pynetdicom_is_told_that_its_user_was_taken(node: RunningNode) -> None:
    association = pynetdicom(node.port, 2, b"alice", PASSCODE.encode())
    assert association.is_established
    answer = association.acceptor.user_identity
    assert answer is not None
    assert answer.server_response == b""
    association.end(abort=False)
    assert pynetdicom(node.port, 2, b"alice", b"another-passcode").is_rejected


def test_a_pacs_without_users_may_name_none(database: TestDatabase, tmp_path: Path) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        assert pynetdicom(node.port, 1, b"reporting").is_rejected


def judged(pacs: Pacs | None, *identity: int | bytes) -> bool:
    said = UserIdentity(identity[0], False, *identity[1:]) if identity else None  # type: ignore[arg-type]
    return UserIdentities(lambda _: pacs).accepts(CALLER, said)


@pytest.mark.parametrize(
    ("identity", "let_in"),
    [
        ((), False),
        ((1, b"reporting"), True),
        ((2, b"alice", PASSCODE.encode()), True),
        ((2, b"alice", b""), False),
        ((2, b"", b""), False),
        ((1, b"\xff\xfe"), False),
        ((2, b"alice", b"\xff" * 16), False),
        ((2, b"alice", b"x" * 10_000), False),
        ((3, b"reporting"), False),
        ((4, b"alice", PASSCODE.encode()), False),
        ((5, b"reporting"), False),
        ((0, b"reporting"), False),
    ],
)
def test_only_what_is_registered_fits(identity: tuple[int | bytes, ...], let_in: bool) -> None:
    assert judged(PACS, *identity) is let_in


def test_nobody_is_let_in_where_the_database_does_not_answer() -> None:
    def busy(_: Caller) -> Pacs:
        raise StoreBusy("busy")

    assert UserIdentities(busy).accepts(CALLER, None) is False
    assert judged(None) is False
    assert judged(replace(PACS, users=())) is True


def test_guesses_are_looked_at_ten_times_a_minute_and_the_right_one_stays_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[str] = []

    def verify(text: str, _: str) -> bool:
        hashed.append(text)
        return text == PASSCODE

    monkeypatch.setattr("pacs_bridge.services.user_identities.verify_password", verify)
    users = UserIdentities(lambda _: PACS)
    right = UserIdentity(2, False, b"alice", PASSCODE.encode())
    assert users.accepts(CALLER, right)
    for number in range(50):
        assert not users.accepts(CALLER, UserIdentity(2, False, b"alice", b"guess %d" % number))
    assert users.accepts(CALLER, right)
    assert len(hashed) == 11
