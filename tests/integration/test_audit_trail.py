"""Nothing happens at the node without a message in the audit trail, and none can go unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text
from typer.testing import CliRunner

from pacs_bridge.cli.main import build
from pacs_bridge.db.repositories.audit import Kept
from pacs_bridge.domain.audit import AuditEvent, AuditType, Outcome, Thing, audit_xml
from pacs_bridge.domain.audit_rules import Fact
from pacs_bridge.domain.objects import Association, AssociationOutcome
from pacs_bridge.services.audit_trail import (
    Proof,
    Sealer,
    bring_up_to_date,
    make_room,
    standing,
    verify,
)
from pacs_bridge.services.pacs import add_pacs, set_paused
from pacs_bridge.upper_layer.pdu import AssociateReject
from pacs_bridge.wiring.home import make_home
from tests.audit_schema import check_message
from tests.databases import TestDatabase, of_sqlite
from tests.nodes import CALLER, an_alien, our_state, register, running_node, send
from tests.ul_peer import Peer, a_request

SEALER = Sealer(b"key" * 11)
PLANTED = (b"PLANTED", b"SURNAME", b"9434765919", b"RX000417", b"1.9.9", b"STRANGER^NAME")


def trail(database: TestDatabase) -> list[Kept]:
    """All messages, each held to the schema and searched for what must not be there."""
    bring_up_to_date(begin=database.begin, read=database.begin, sealer=SEALER)
    with database.begin() as uow:
        kept = uow.audit.in_order(0, 10_000)
    for each in kept:
        document = audit_xml(each.fact.message("PACSBRIDGE"))
        check_message(document)
        assert not any(word in document for word in PLANTED)
    return kept


def facts(database: TestDatabase, event: AuditEvent) -> list[Fact]:
    return [kept.fact for kept in trail(database) if kept.fact.event is event]


def alerts(database: TestDatabase, kind: AuditType) -> list[Fact]:
    return [fact for fact in facts(database, AuditEvent.SECURITY_ALERT) if fact.kind is kind]


def proof(database: TestDatabase) -> Proof:
    return verify(read=database.begin, sealer=SEALER, source="PACSBRIDGE")


def happen(database: TestDatabase, count: int) -> None:
    with database.begin() as uow:
        for _ in range(count):
            uow.events.add(database.clock(), "signed-in", "1")
    trail(database)


def change(database: TestDatabase, statement: str) -> None:
    with database.begin() as uow:
        uow.audit._session.execute(text(statement))  # as an intruder would


# What becomes a message


def test_objects_that_were_taken_are_told_by_case_and_counted(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        for nth in range(3):
            assert send(node.port, our_state(f"1.2.3.9.{nth}")).Status == 0
        node.rows()
    (fact,) = facts(database, AuditEvent.TRANSFERRED)
    (study,) = fact.subjects
    assert (study.thing, study.identifier, study.accession) == (
        Thing.STUDY, "1.2.101.1", "PERFORMS121101",
    )  # fmt: skip
    assert study.sop_classes == (("1.2.840.10008.5.1.4.1.1.11.1", 3),)
    assert [each.user_id for each in fact.participants] == ["HOSPITAL", ""]
    ended = alerts(database, AuditType.NODE_AUTHENTICATION)
    assert [fact.outcome for fact in ended] == [Outcome.SUCCESS] * 3
    assert all("1 stored" in fact.said for fact in ended)


def test_of_an_alien_object_only_peer_class_and_count_are_told(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        for nth in range(2):
            assert send(node.port, an_alien(f"1.9.9.{nth}")).Status == 0x0124
    (fact,) = alerts(database, AuditType.RESTRICTED_FUNCTION)
    assert fact.said == "2 objects refused, alien, status 0124"
    assert fact.outcome is Outcome.MINOR_FAILURE
    assert fact.pacs == "hospital"
    (subject,) = fact.subjects
    assert subject.identifier == "1.2.840.10008.5.1.4.1.1.11.1"
    assert subject.accession == ""
    assert facts(database, AuditEvent.TRANSFERRED) == []


def test_who_was_not_let_in_is_told_with_the_reason(database: TestDatabase, tmp_path: Path) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        for calling, called in (("STRANGER^NAME", "PACSBRIDGE"), ("HOSPITAL", "OTHER")):
            with Peer(node.port) as peer:
                asked = replace(a_request(calling=calling), called_ae_title=called)
                assert isinstance(peer.ask(asked), AssociateReject)
        node.rows()
    first, second = alerts(database, AuditType.NODE_AUTHENTICATION)
    assert "not registered" in first.said
    assert "called AE title is not ours" in second.said
    assert (first.pacs, second.pacs) == ("", "hospital")
    assert {first.outcome, second.outcome} == {Outcome.MINOR_FAILURE}


def test_what_a_killed_node_left_open_is_told_as_aborted(database: TestDatabase) -> None:
    left = Association("a" * 32, database.clock(), CALLER, AssociationOutcome.OPEN)
    with database.begin() as uow:
        uow.associations.put(left)
    assert trail(database) == []
    with database.begin() as uow:
        uow.associations.end_stale(database.clock())
        uow.associations.end_stale(database.clock())
    (kept,) = trail(database)
    assert "the node stopped" in kept.fact.said


def test_changes_of_who_may_call_are_told(database: TestDatabase) -> None:
    add_pacs(
        "clinic", ae_title="CLINIC", host="127.0.0.1", port=104, begin=database.begin,
        now=database.clock,
    )  # fmt: skip
    set_paused("clinic", paused=True, begin=database.begin, now=database.clock)
    told = alerts(database, AuditType.NETWORK_CONFIGURATION)
    assert [fact.said.partition(":")[0] for fact in told] == ["pacs-set", "pacs-paused"]
    assert {fact.pacs for fact in told} == {"clinic"}


GOOD, BAD = Outcome.SUCCESS, Outcome.MINOR_FAILURE
CONCERNS: list[tuple[str, dict[str, object], AuditEvent, Outcome]] = [
    ("query", {"model": "study", "level": "STUDY", "status": "0000", "matches": 3},
     AuditEvent.QUERY, GOOD),
    ("query", {"model": "patient", "level": "", "status": "C000"}, AuditEvent.QUERY, BAD),
    ("retrieve", {"model": "study", "service": "move", "status": "B000"},
     AuditEvent.TRANSFERRED, BAD),
    ("retrieve", {"model": "study", "service": "get", "status": "0000"},
     AuditEvent.TRANSFERRED, GOOD),
    ("signed-in", {}, AuditEvent.USER_AUTHENTICATION, GOOD),
    ("sign-in-refused", {}, AuditEvent.USER_AUTHENTICATION, BAD),
    ("signed-out", {}, AuditEvent.USER_AUTHENTICATION, GOOD),
    ("account-set", {"roles": ["admin"]}, AuditEvent.SECURITY_ALERT, GOOD),
    ("access-refused", {"page": "watch"}, AuditEvent.SECURITY_ALERT, BAD),
    ("load-started", {"load": 1, "run": 1}, AuditEvent.BEGIN_TRANSFER, GOOD),
    ("pacs-caller-adopted", {"by": "7"}, AuditEvent.SECURITY_ALERT, GOOD),
    ("custody-asked", {"objects": 4}, AuditEvent.ACCESSED, GOOD),
    ("commitment-reported", {"committed": 3, "failed": 1}, AuditEvent.ACCESSED, BAD),
    ("availability", {"loads": [1]}, AuditEvent.ACCESSED, GOOD),
    ("media-exported", {"parts": 1}, AuditEvent.EXPORT, GOOD),
    ("application-start", {}, AuditEvent.APPLICATION_ACTIVITY, GOOD),
    ("application-stop", {}, AuditEvent.APPLICATION_ACTIVITY, GOOD),
]  # fmt: skip


def test_events_that_concern_security_are_told_and_no_others(database: TestDatabase) -> None:
    with database.begin() as uow:
        for kind, detail, _, _ in CONCERNS:
            uow.events.add(database.clock(), kind, "hospital", **detail)
            uow.events.add(database.clock(), "mail-parked", "key")
    told = [(kept.fact.event, kept.fact.outcome) for kept in trail(database)]
    assert told == [(event, outcome) for _, _, event, outcome in CONCERNS]


def test_an_object_that_took_the_number_of_one_that_is_gone_is_told_too(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        assert send(node.port, our_state("1.2.3.9.1")).Status == 0
        assert len(facts(database, AuditEvent.TRANSFERRED)) == 1
        with database.begin() as uow:
            uow.images.remove("1.2.3.9.1")
        assert send(node.port, our_state("1.2.3.9.2")).Status == 0
    assert len(facts(database, AuditEvent.TRANSFERRED)) == 2


# Order, seals, bounds


def test_what_was_gathered_is_not_gathered_again(database: TestDatabase) -> None:
    happen(database, 250)  # more than one transaction's worth
    assert [kept.place for kept in trail(database)] == list(range(1, 251))
    happen(database, 1)
    assert len(trail(database)) == 251
    assert proof(database) == Proof(251, None)


CHANGES = (
    ("outcome = 4", "outcome = 0"),
    ("at = '2020-01-01 00:00:00.000000'", "at = (SELECT at FROM pb_audit WHERE place = 1)"),
    ("body = json_replace(body, '$.said', 'nothing')",
     "body = json_replace(body, '$.said', 'signed-in')"),
    ("place = 99", "place = 3"),
    ("audit_id = audit_id", None),
)  # fmt: skip


@of_sqlite
def test_a_message_that_was_changed_or_removed_is_found(database: TestDatabase) -> None:
    happen(database, 5)
    with database.begin() as uow:
        number = uow.audit.in_order(2, 1)[0].audit_id
    for done, undone in CHANGES:
        assert proof(database) == Proof(5, None)
        change(database, f"UPDATE pb_audit SET {done} WHERE audit_id = {number}")
        if undone is None:
            change(database, f"DELETE FROM pb_audit WHERE audit_id = {number}")
        assert proof(database) == Proof(2, 3), done
        if undone is not None:
            change(database, f"UPDATE pb_audit SET {undone} WHERE audit_id = {number}")


def test_messages_removed_from_the_beginning_are_missed_unless_it_is_written_down(
    database: TestDatabase,
) -> None:
    happen(database, 5)
    change(database, "DELETE FROM pb_audit WHERE place <= 2")
    assert proof(database) == Proof(0, 1)


def test_too_many_messages_push_out_the_oldest_and_that_is_said(database: TestDatabase) -> None:
    happen(database, 60)
    with database.begin() as uow:
        uow.audit.set_sent(range(1, 11), database.clock())
    gone = make_room(50, begin=database.begin, read=database.begin, now=database.clock)
    assert gone is not None
    assert (gone.first_place, gone.last_place, gone.count, gone.unsent) == (1, 15, 15, 5)
    assert make_room(50, begin=database.begin, read=database.begin, now=database.clock) is None
    (alarm,) = alerts(database, AuditType.RECORDING_STOPPED)
    assert alarm.outcome is Outcome.SERIOUS_FAILURE
    assert "unsent 5" in alarm.said
    now = standing(read=database.begin)
    assert (now.kept, now.unsent, now.dropped, now.lost) == (46, 46, 15, 5)
    assert proof(database) == Proof(46, None)
    with database.begin() as uow:
        assert uow.audit.in_order(0, 1)[0].place == 16


def test_numbers_go_on_where_everything_was_dropped(database: TestDatabase) -> None:
    happen(database, 20)
    change(database, "DELETE FROM pb_audit WHERE place > 18")
    make_room(1, begin=database.begin, read=database.begin, now=database.clock)
    change(database, "DELETE FROM pb_audit")
    happen(database, 1)
    assert next(kept.place for kept in trail(database)) == 19


# The command


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(), ["audit", *words])
    return done.exit_code, done.stdout


def test_the_command_lists_filters_and_verifies(tmp_path: Path) -> None:
    installation = make_home(tmp_path / "home")
    home = ("--home", str(installation.config.home))
    with installation.begin() as uow:
        for kind in ("signed-in", "sign-in-refused"):
            uow.events.add(installation.now(), kind, "7")
        uow.events.add(installation.now() - timedelta(days=9), "pacs-paused", "hospital")

    def listed(*words: str) -> list[str]:
        status, printed = run("list", "--json", *words, *home)
        assert status == 0
        return [each["said"].partition(":")[0] for each in json.loads(printed)]

    assert listed()[:4] == ["pacs-paused", "sign-in-refused", "signed-in", "account-set"]
    assert listed("--event", "user-authentication") == ["sign-in-refused", "signed-in"]
    assert listed("--failed") == ["sign-in-refused"]
    assert listed("--pacs", "hospital") == ["pacs-paused"]
    yesterday = f"{installation.now() - timedelta(days=1):%Y-%m-%d}"
    assert "pacs-paused" not in listed("--since", yesterday)
    assert len(listed("--limit", "2")) == 2
    assert listed("--event", "log-used") == ["listed"] * 6
    status, printed = run("list", "--xml", "--failed", *home)
    (document,) = printed.splitlines()
    check_message(document.encode())
    assert run("list", *home)[0] == 0
    status, printed = run("status", "--json", *home)
    assert json.loads(printed)["repository"] is None
    status, printed = run("verify", "--json", *home)
    assert (status, json.loads(printed)["broken_at"]) == (0, None)
    with installation.begin() as uow:
        uow.audit._session.execute(text("DELETE FROM pb_audit WHERE place = 2"))
    status, printed = run("verify", *home)
    assert status == 1
    assert "Message 2 is missing or was changed" in printed
