"""Who connects and comes to no association leaves a row with the reason, and a flood only a few."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from pacs_bridge.domain.objects import AssociationOutcome
from pacs_bridge.services.association_log import AssociationLog
from pacs_bridge.services.audit_trail import Sealer, bring_up_to_date
from pacs_bridge.services.event_log import EventLog
from pacs_bridge.services.strangers import ROWS, ROWS_PER_ADDRESS, Strangers
from pacs_bridge.upper_layer.acceptor import TOO_MANY
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.credentials import Credentials
from tests.certificates import Desk
from tests.databases import TestDatabase
from tests.ul_peer import Scripted, accepting
from tests.waiting import wait_until

BOUNDS = Bounds(pdu_seconds=15, negotiation_seconds=15)
HASTY = Bounds(pdu_seconds=0.2, negotiation_seconds=0.2)


class Book:
    """What was written down of strangers."""

    def __init__(self, database: TestDatabase) -> None:
        begin, now = database.begin, database.clock
        self._begin = begin
        self._log = AssociationLog(begin=begin, read=begin, our_ae_title="PACSBRIDGE", now=now)
        self._events = EventLog(begin)
        self.strangers = Strangers(end=self._log.end, keep=self._events.keep, now=now)

    def notes(self) -> list[str]:
        assert self._log.flush(60)
        with self._begin() as uow:
            rows = uow.associations.newest(1_000)
        assert all(row.outcome is AssociationOutcome.REJECTED for row in rows)
        assert all(row.caller.pacs is None and row.caller.ae_title == "" for row in rows)
        return [row.note for row in rows]

    def events(self, kind: str) -> list[dict[str, object]]:
        assert self._events.flush(60)
        with self._begin() as uow:
            return [event.detail for event in uow.events.newest(1_000, kind)]

    def close(self) -> None:
        self.strangers.close()
        self._log.close()
        assert self._events.flush(60)


@pytest.fixture
def book(database: TestDatabase) -> Iterator[Book]:
    book = Book(database)
    yield book
    book.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An authority, with a PACS whose certificate has expired, and a stranger of another."""
    folder = tmp_path_factory.mktemp("certificates")
    desk = Desk(folder / "ours")
    desk.issue("hospital")
    desk.issue("expired", ago=timedelta(days=90), days=30)
    other = Desk(folder / "others")
    other.issue("stranger")
    for path in other.authority.glob("stranger.*"):
        path.rename(desk.authority / path.name)
    return desk


def shaking(port: int, context: ssl.SSLContext) -> None:
    """Try to agree on TLS, and wait to hear what becomes of it."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.settimeout(30)
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            secured.recv(1)


def a_client(desk: Desk, name: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(desk.authority / "ca.pem")
    if name:
        key, certificate = desk.files(name)
        context.load_cert_chain(certificate, key)
    return context


def without_certificate(port: int, desk: Desk) -> None:
    shaking(port, a_client(desk))


def of_another_authority(port: int, desk: Desk) -> None:
    shaking(port, a_client(desk, "stranger"))


def expired(port: int, desk: Desk) -> None:
    shaking(port, a_client(desk, "expired"))


def too_old(port: int, desk: Desk) -> None:
    context = a_client(desk, "hospital")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    shaking(port, context)


def unencrypted(port: int, _desk: Desk) -> None:
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.settimeout(30)
        plain.sendall(bytes([1, 0, 0, 0, 0, 70]) + bytes(70))
        with contextlib.suppress(OSError):
            while plain.recv(64):
                pass


def gone(port: int, _desk: Desk) -> None:
    socket.create_connection(("127.0.0.1", port)).close()


WORDS: dict[Callable[[int, Desk], None], str] = {
    without_certificate: "TLS: it showed no certificate",
    of_another_authority: "TLS: its certificate is from an authority not known here",
    expired: "TLS: its certificate has expired",
    too_old: "TLS: its version of TLS is too old, 1.2 is the least",
    unencrypted: "TLS: it does not speak TLS; unencrypted DICOM has another port",
    gone: "TLS: it broke off before anything was agreed on",
}


def test_a_handshake_that_fails_leaves_a_row_and_an_event_that_say_why(
    book: Book, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs_bridge.services.strangers.ROWS_PER_ADDRESS", 100)
    secure = Credentials(desk.tls).secure
    with accepting(
        Scripted(), secure=secure, bounds=BOUNDS, turn_away=book.strangers.turn_away
    ) as port:
        for nth, (knock, words) in enumerate(WORDS.items(), start=1):
            knock(port, desk)
            wait_until(lambda nth=nth: len(book.notes()) >= nth, words)
            assert words in book.notes(), knock.__name__
    assert sorted(book.notes()) == sorted(WORDS.values())
    assert sorted(str(e["reason"]) for e in book.events("connection-refused")) == sorted(
        WORDS.values()
    )


def test_whoever_says_nothing_leaves_a_row_once_the_time_is_over(book: Book, desk: Desk) -> None:
    turn_away = book.strangers.turn_away
    with (
        accepting(
            Scripted(), secure=Credentials(desk.tls).secure, bounds=HASTY, turn_away=turn_away
        ) as secure,
        accepting(Scripted(), bounds=HASTY, turn_away=turn_away) as plain,
        socket.create_connection(("127.0.0.1", secure)),
        socket.create_connection(("127.0.0.1", plain)),
    ):
        wait_until(lambda: len(book.notes()) == 2, "both rows")
    assert sorted(book.notes()) == [
        "TLS: it said nothing in time",
        "association: silent or too slow",
    ]


def test_what_is_no_dicom_leaves_a_row_and_a_look_at_the_port_leaves_none(book: Book) -> None:
    turn_away = book.strangers.turn_away
    with accepting(Scripted(), bounds=BOUNDS, turn_away=turn_away) as port:
        socket.create_connection(("127.0.0.1", port)).close()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")
            wait_until(book.notes, "the row")
    (note,) = book.notes()
    assert note.startswith("association: protocol error, ")


def test_more_connections_than_one_address_may_have_are_told(book: Book) -> None:
    bounds = Bounds(negotiation_seconds=60, half_open_per_address=2, half_open_kept=0)
    with accepting(Scripted(), bounds=bounds, turn_away=book.strangers.turn_away) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        wait_until(book.notes, "the row")
        for connection in held:
            connection.close()
    assert book.notes() == [TOO_MANY]


def test_a_flood_leaves_a_few_rows_and_a_count(database: TestDatabase, book: Book) -> None:
    for _ in range(500):
        book.strangers.turn_away("10.0.0.1", "TLS: it showed no certificate")
    book.strangers.turn_away("10.0.0.2", "TLS: it said nothing in time")
    assert len(book.notes()) == ROWS_PER_ADDRESS + 1
    book.close()
    assert book.events("connections-refused") == [
        {"more": 500 - ROWS_PER_ADDRESS, "last": "TLS: it showed no certificate"}
    ]
    bring_up_to_date(begin=database.begin, read=database.begin, sealer=Sealer(b"k"))
    with database.begin() as uow:
        told = [kept.fact.said for kept in uow.audit.in_order(0, 100)]
    assert len(told) == ROWS_PER_ADDRESS + 2
    assert any("more 495" in said for said in told)


def test_a_flood_from_everywhere_is_bounded_too(book: Book) -> None:
    for nth in range(3_000):
        book.strangers.turn_away(f"10.1.{nth // 250}.{nth % 250}", "TLS: it showed no certificate")
    assert len(book.notes()) == ROWS
    book.close()
    told = book.events("connections-refused")
    assert len(told) <= 1_001
    assert sum(int(str(each["more"])) for each in told) == 3_000 - ROWS


def test_the_next_minute_begins_anew_and_says_what_the_last_one_held(
    database: TestDatabase,
) -> None:
    kept: list[object] = []
    rows: list[object] = []
    strangers = Strangers(end=rows.append, keep=kept.append, now=database.clock, seconds=0.05)
    for _ in range(20):
        strangers.turn_away("10.0.0.1", "why")
    wait_until(lambda: any("more" in each.detail for each in kept), "the count")  # type: ignore[attr-defined]
    before = len(rows)
    strangers.turn_away("10.0.0.1", "why")
    assert len(rows) == before + 1
    strangers.close()
