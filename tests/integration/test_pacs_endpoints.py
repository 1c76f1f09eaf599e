"""A PACS is several endpoints, each with its own address, title, TLS and time-outs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from pacs_bridge.cli.main import main
from pacs_bridge.domain.errors import NotFound, PeerUnavailable, RefusedInput
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.pacs import likely_pacs as likely
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.associations import Admission, judge
from pacs_bridge.services.pacs_change import Changes, change_pacs
from pacs_bridge.upper_layer import pdu
from tests.databases import TestDatabase
from tests.failing_peers import raw_server
from tests.homes import a_home
from tests.nodes import associated, register, running_node
from tests.ul_peer import Peer, a_request

ALL = ("store", "query", "retrieve", "commit", "calls-from")
Change = Callable[..., Pacs]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def change(database: TestDatabase) -> Change:
    """Change a PACS that is one endpoint on this machine, in all roles."""
    endpoint = Endpoint("HOSPITAL", "127.0.0.1", 104, ALL, "127.0.0.1")
    with database.begin() as uow:
        uow.pacs.put(Pacs("hospital", (endpoint,), plain=True), database.clock())

    def change(role: str = "", **changes: object) -> Pacs:
        told = Changes(role, **changes)  # type: ignore[arg-type]
        changed = change_pacs("hospital", told, begin=database.begin, now=database.clock)
        with database.begin() as uow:
            assert uow.pacs.get("hospital") == changed
        return changed

    return change


def test_a_role_that_is_changed_has_an_endpoint_of_its_own(change: Change) -> None:
    pacs = change("query", ae_title="QUERY", port=105, timeouts={"dimse": 5.0})
    assert [(e.ae_title, e.port, e.roles) for e in pacs.endpoints] == [
        ("QUERY", 105, ("query",)),
        ("HOSPITAL", 104, ("store", "retrieve", "commit", "calls-from")),
    ]
    assert pacs.towards(pacs.endpoint("query")).timeouts["dimse"] == 5.0
    assert pacs.towards(pacs.endpoint("store")).timeouts["dimse"] == 60.0


def test_roles_that_become_alike_share_an_endpoint_again(change: Change) -> None:
    change("query", port=105)
    change("retrieve", port=105)
    pacs = change("commit", port=105)
    assert [e.roles for e in pacs.endpoints] == [
        ("commit", "retrieve", "query"),
        ("store", "calls-from"),
    ]


def test_what_is_not_named_stays(change: Change) -> None:
    change(timeouts={"connect": 3.0})
    pacs = change(isolation="private", our_ae_title="OURS")
    assert (pacs.timeouts["connect"], pacs.timeouts["acse"]) == (3.0, 30.0)
    assert (pacs.our_ae_title, pacs.plain) == ("OURS", True)
    assert pacs.endpoints == (Endpoint("HOSPITAL", "127.0.0.1", 104, ALL, "127.0.0.1"),)


def test_callers_come_and_go(change: Change) -> None:
    pacs = change(callers=["MODALITY@10.1.0.0/16", "HOSPITAL@127.0.0.1"])
    assert pacs.endpoints[1:] == (
        Endpoint("MODALITY", "127.0.0.1", 0, ("calls-from",), "10.1.0.0/16"),
    )
    pacs = change(no_callers=["MODALITY@10.1.0.0/16", "HOSPITAL@127.0.0.1"])
    assert [(e.roles, e.net) for e in pacs.endpoints] == [(ALL[:-1], "")]
    with pytest.raises(NotFound, match="Nobody calls us so"):
        change(no_callers=["MODALITY@10.1.0.0/16"])


@pytest.mark.parametrize(
    ("role", "changes", "told"),
    [
        ("print", {"port": 1}, "store, query, retrieve, commit, calls-from"),
        ("", {"port": 105}, "--role"),
        ("query", {"isolation": "private"}, "whole PACS"),
        ("query", {"port": 0}, "1 to 65535"),
        ("query", {"timeouts": {"dimse": 0.0}}, "time-out"),
        ("query", {"timeouts": {"dimse": float("nan")}}, "time-out"),
        ("query", {"plain": False}, "--certificate"),
        ("calls-from", {"host": "127.0.0.2"}, "--caller"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    change: Change, role: str, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(RefusedInput, match=told):
        change(role, **changes)


def test_each_endpoint_is_given_the_time_that_it_has(change: Change) -> None:
    """A silent query endpoint is left after its own time; the PACS's own would be a minute."""
    with raw_server(lambda _, stop: stop.wait(60)) as port:
        pacs = change("query", port=port, timeouts={"acse": 0.3})
        store_only = replace(pacs.endpoint("query"), roles=("store", "query"))
        with pytest.raises(PeerUnavailable, match="no answer within 0 s") as failed:
            DimsePeer().echo(replace(pacs, endpoints=(store_only,)))
    assert failed.value.phase == "association"


def test_we_call_each_endpoint_under_the_title_that_it_knows_us_by(
    database: TestDatabase, tmp_path: Path
) -> None:
    """The node stands for a PACS here: it lets in who is registered, and keeps who that was."""
    register(database, endpoints=(
        Endpoint("TOWARDSA", "127.0.0.1", 104, ("calls-from",)),
        Endpoint("TOWARDSB", "127.0.0.1", 104, ("calls-from",)),
    ))  # fmt: skip
    with running_node(database, tmp_path) as node:
        ours = tuple(
            Endpoint("PACSBRIDGE", host, node.port, (role,), our_ae_title=title)
            for host, role, title in (
                ("127.0.0.1", "store", "TOWARDSA"), ("localhost", "query", "TOWARDSB"),
            )
        )  # fmt: skip
        DimsePeer().echo(Pacs("node", ours, plain=True))
        titles = {row.caller.ae_title for row in node.rows()}
    assert titles == {"TOWARDSA", "TOWARDSB"}


def test_the_node_answers_to_our_title_towards_the_endpoint_that_calls(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database, endpoints=(
        Endpoint("ONE", "127.0.0.1", 104, ("calls-from",), our_ae_title="FORONE"),
        Endpoint("TWO", "127.0.0.1", 104, ("calls-from",)),
    ))  # fmt: skip
    with running_node(database, tmp_path) as node:
        for calling, called, let_in in (
            ("ONE", "FORONE", True), ("ONE", "PACSBRIDGE", True),
            ("TWO", "FORONE", False), ("TWO", "PACSBRIDGE", True),
        ):  # fmt: skip
            with associated(node.port, calling=calling, called=called) as association:
                assert association.is_established is let_in, (calling, called)


def test_a_pacs_may_be_silent_as_long_as_its_idle_time_out_says(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database, timeouts={"connect": 10.0, "acse": 30.0, "dimse": 60.0, "idle": 0.5})
    with running_node(database, tmp_path) as node, Peer(node.port) as peer:
        peer.ask(replace(a_request(calling="HOSPITAL"), called_ae_title="PACSBRIDGE"))
        assert isinstance(peer.read(), pdu.Abort)


def test_an_endpoint_may_be_plain_where_its_pacs_is_not() -> None:
    plain = Endpoint("MODALITY", "10.0.0.9", 0, ("calls-from",), "10.0.0.9", plain=True)
    keyed = Endpoint("VIEWER", "10.0.0.8", 0, ("calls-from",), "10.0.0.8", certificate="b" * 64)
    pacs = Pacs("hospital", (plain, keyed), certificate="a" * 64)

    def judged(endpoint: Endpoint, certificate: str | None) -> Admission:
        caller = Caller(endpoint.ae_title, "PACSBRIDGE", endpoint.net, certificate=certificate)
        return judge(caller, pacs.towards(endpoint), "PACSBRIDGE")

    assert judged(plain, None) is Admission.ACCEPTED
    assert judged(keyed, None) is Admission.NOT_ENCRYPTED
    assert judged(keyed, "a" * 64) is Admission.WRONG_CERTIFICATE
    assert judged(keyed, "b" * 64) is Admission.ACCEPTED


def test_the_likeliest_pacs_of_a_caller_is_the_nearest_by_address() -> None:
    def at(name: str, host: str, net: str = "") -> Pacs:
        return Pacs(name, (Endpoint("A", host, 104, ALL, net),))

    known = [at("far", "10.9.1.1"), at("near", "10.1.2.7"), at("named", "pacs.org", "10.3.0.0/16")]
    assert likely(known, "10.1.2.3") == "near"
    assert likely(known, "10.3.200.3") == "named"
    assert likely(known, "10.9.200.200") == "far"
    assert likely(known, "192.0.2.1") == ""
    assert likely(known, "2001:db8::1") == ""
    assert likely(known, "nonsense") == ""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a fresh home to its end: (exit status, stdout, stderr)."""
    home = tmp_path / "home"
    a_home(home)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pacs-bridge", "pacs", *words, "--home", str(home)])
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), out.getvalue(), err.getvalue()

    return run


def test_a_pacs_is_changed_and_shown_from_the_command_line(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "passcode"
    secret.write_text("correct-passcode\n")
    where = ("--aet", "HOSPITAL", "--host", "127.0.0.1", "--port", "104", "--plain")
    assert run("add", "hospital", *where)[0] == 0
    to_query = ("--role", "query", "--aet", "QUERY", "--our-aet", "OURS", "--answer-timeout", "7")
    assert run("change", "hospital", *to_query)[0] == 0
    user = ("--user-identity", "alice", "--passcode-file", str(secret), "--idle-timeout", "90")
    code, out, _ = run("change", "hospital", *user, "--json")
    assert code == 0
    told = json.loads(out)
    query = next(each for each in told["endpoints"] if each["roles"] == ["query"])
    assert (query["ae_title"], query["our_ae_title"]) == ("QUERY", "OURS")
    assert query["timeouts"] == {"connect": 10, "association": 30, "answer": 7, "idle": 90}
    assert told["users"] == [{"name": "alice", "passcode": True}]
    assert "argon2" not in out
    shown = run("show", "hospital")[1]
    assert "QUERY at 127.0.0.1:104: query" in shown
    assert "alice with passcode" in shown
    assert run("add", "hospital", *where)[0] == 0  # registered anew: users and time-outs stay
    told = json.loads(run("show", "hospital", "--json")[1])
    assert (told["users"][0]["name"], told["timeouts"]["idle"]) == ("alice", 90)
    assert run("change", "hospital", "--no-user-identity", "alice")[0] == 0
    assert json.loads(run("show", "hospital", "--json")[1])["users"] == []
    code, _, told_wrong = run("change", "hospital")
    assert (code, "change --help" in told_wrong) == (1, True)
