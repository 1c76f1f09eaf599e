"""Callers that are no PACS of ours: rejected, adopted by a person, let in, and forgotten again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import pytest

from pacs_bridge.cli.main import main
from pacs_bridge.domain.errors import NotFound, PeerUnavailable, RefusedInput
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.people import Site
from pacs_bridge.scp.node import SecurePort
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.adopt import (
    Adopted,
    adopt_association,
    adopt_caller,
    forget_caller,
)
from pacs_bridge.services.associations import UNFIT
from pacs_bridge.services.certificates import read_certificate
from pacs_bridge.services.pacs_change import Changes, change_pacs
from pacs_bridge.services.plan import start_load
from pacs_bridge.upper_layer import tls
from pacs_bridge.upper_layer.credentials import Credentials
from pacs_bridge.upper_layer.pdu import AssociateAccept, AssociateReject
from tests.certificates import Desk
from tests.databases import TestDatabase
from tests.homes import a_home
from tests.nodes import RunningNode, associated, register, running_node
from tests.ul_peer import Peer, a_request
from tests.waiting import wait_until

REJECTED = AssociationOutcome.REJECTED


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    register(database)
    with running_node(database, tmp_path) as running:
        yield running


@pytest.fixture
def adopt(database: TestDatabase) -> Callable[..., Adopted]:
    return partial(
        adopt_caller, by="7", our_ae_title="PACSBRIDGE", begin=database.begin, now=database.clock
    )


@pytest.fixture
def forget(database: TestDatabase) -> Callable[..., str]:
    return partial(forget_caller, by="7", begin=database.begin, now=database.clock)


def is_let_in(node: RunningNode, calling: str, called: str = "PACSBRIDGE") -> bool:
    with associated(node.port, calling=calling, called=called) as association:
        return bool(association.is_established)


def call_in_vain(node: RunningNode, calling: str, called: str = "PACSBRIDGE") -> None:
    assert not is_let_in(node, calling, called)
    assert node.log.flush(60)


def pacs_named(database: TestDatabase, name: str) -> Pacs | None:
    with database.begin() as uow:
        return uow.pacs.find(name)


def test_a_rejected_caller_is_adopted_let_in_at_once_and_forgotten(
    node: RunningNode, adopt: Callable[..., Adopted], forget: Callable[..., str]
) -> None:
    call_in_vain(node, "NEWPACS")
    done = adopt("NEWPACS", "127.0.0.1", into="")
    assert done == Adopted("newpacs", "NEWPACS", "127.0.0.1", tls=False, is_new=True)
    assert is_let_in(node, "NEWPACS")
    assert forget("NEWPACS", "127.0.0.1") == "newpacs"
    wait_until(lambda: not is_let_in(node, "NEWPACS"), "the node to hear of it")
    assert pacs_named(node.database, "newpacs") is None
    with node.database.begin() as uow:
        events = [e for e in uow.events.newest() if e.kind.startswith("pacs-caller")]
    assert [(e.kind, e.subject, e.detail["by"]) for e in events] == [
        ("pacs-caller-forgotten", "newpacs", "7"),
        ("pacs-caller-adopted", "newpacs", "7"),
    ]


def test_a_caller_may_belong_to_a_pacs_that_is_known(
    node: RunningNode, adopt: Callable[..., Adopted], forget: Callable[..., str]
) -> None:
    before = pacs_named(node.database, "hospital")
    call_in_vain(node, "MODALITY", "OTHERNAME")
    adopt("MODALITY", "127.0.0.1", into="hospital")
    assert is_let_in(node, "MODALITY", "OTHERNAME")  # as it called
    assert is_let_in(node, "MODALITY")
    assert {row.caller.pacs for row in node.rows()} == {None, "hospital"}
    forget("MODALITY", "127.0.0.1")
    assert pacs_named(node.database, "hospital") == before


def test_who_was_adopted_is_not_called_until_it_is_said_where_it_is(
    node: RunningNode, adopt: Callable[..., Adopted]
) -> None:
    call_in_vain(node, "NEWPACS")
    adopt("NEWPACS", "127.0.0.1", into="")
    begin, now = node.database.begin, node.database.clock
    with pytest.raises(RefusedInput, match="pacs change newpacs --role store"):
        start_load("PERFORMS121", "newpacs", begin=begin, now=now)
    pacs = pacs_named(node.database, "newpacs")
    assert pacs is not None
    with pytest.raises(PeerUnavailable, match="no address is registered"):
        DimsePeer().echo(pacs)
    where = Changes("store", host="127.0.0.1", port=node.port)
    changed = change_pacs("newpacs", where, begin=begin, now=now)
    with pytest.raises(PeerUnavailable, match="it rejected us"):
        DimsePeer().echo(changed)  # it is reached, and is a node that we are no PACS of
    assert start_load("PERFORMS121", "newpacs", begin=begin, now=now).pacs == "newpacs"


def test_adopting_twice_is_adopting_once(node: RunningNode, adopt: Callable[..., Adopted]) -> None:
    call_in_vain(node, "NEWPACS")
    adopt("NEWPACS", "127.0.0.1", into="")
    again = adopt("NEWPACS", "127.0.0.1", into="hospital")
    assert (again.pacs, again.is_new) == ("newpacs", False)
    with node.database.begin() as uow:
        assert len(uow.events.newest(kind="pacs-caller-adopted")) == 1


def test_two_of_one_name_become_two_pacs(
    database: TestDatabase, adopt: Callable[..., Adopted]
) -> None:
    for number, title in enumerate(("CT 1", "CT-1", "CT_1")):
        keep_rejected(database, Caller(title, "PACSBRIDGE", "10.0.0.1", None, f"a{number}"))
    names = [adopt(title, "10.0.0.1", into="").pacs for title in ("CT 1", "CT-1", "CT_1")]
    assert names == ["ct-1", "ct-1-2", "ct-1-3"]


def keep_rejected(database: TestDatabase, caller: Caller) -> None:
    with database.begin() as uow:
        moment = database.clock()
        uow.associations.put(
            Association(caller.association_id, moment, caller, REJECTED, moment, note="unknown")
        )


def test_only_who_called_and_is_unknown_can_be_adopted(
    database: TestDatabase, adopt: Callable[..., Adopted], forget: Callable[..., str]
) -> None:
    with pytest.raises(NotFound, match="Nobody unknown called so"):
        adopt("NEVERSEEN", "10.0.0.1", into="")
    keep_rejected(database, Caller(UNFIT, "PACSBRIDGE", "10.0.0.1", None, "a1"))
    with pytest.raises(RefusedInput, match="cannot be used"):
        adopt(UNFIT, "10.0.0.1", into="")
    keep_rejected(database, Caller("NEWPACS", "PACSBRIDGE", "10.0.0.1", None, "a2"))
    with pytest.raises(NotFound, match="no PACS named nowhere"):
        adopt("NEWPACS", "10.0.0.1", into="nowhere")
    keep_rejected(database, Caller("KNOWN", "PACSBRIDGE", "10.0.0.1", "hospital", "a3"))
    one = partial(
        adopt_association, into="", by="7", our_ae_title="PACSBRIDGE", begin=database.begin,
        now=database.clock,
    )  # fmt: skip
    with pytest.raises(NotFound, match="Nobody unknown called so"):
        one("a3")
    assert one("a2").pacs == "newpacs"
    with pytest.raises(NotFound, match="Nobody may call so"):
        forget("NOBODY", "10.0.0.1")


def test_a_pacs_that_is_in_use_stays_when_its_only_caller_is_forgotten(
    database: TestDatabase, adopt: Callable[..., Adopted], forget: Callable[..., str]
) -> None:
    keep_rejected(database, Caller("NEWPACS", "PACSBRIDGE", "10.0.0.1", None, "a1"))
    adopt("NEWPACS", "10.0.0.1", into="")
    with database.begin() as uow:
        uow.sites.put(Site("north", "newpacs"))
    forget("NEWPACS", "10.0.0.1")
    kept = pacs_named(database, "newpacs")
    assert kept is not None
    assert [endpoint.roles for endpoint in kept.endpoints] == [()]
    with database.begin() as uow:
        assert uow.pacs.of_caller("NEWPACS", "10.0.0.1") is None


def test_who_comes_with_a_certificate_is_let_in_with_that_one_only(
    database: TestDatabase, tmp_path: Path, adopt: Callable[..., Adopted]
) -> None:
    desk = Desk(tmp_path / "desk")
    for name in ("newpacs", "clinic"):
        desk.issue(name)
    secure = SecurePort(0, Credentials(desk.tls).secure)
    with running_node(database, tmp_path, tls=secure) as node:

        def call(name: str) -> object:
            context = desk.client(name)
            with Peer(
                node.tls_port, secure=lambda s: tls.client_side(context, s, "localhost", 60)
            ) as peer:
                peer.socket.settimeout(60)
                return peer.ask(replace(a_request(calling="NEWPACS"), called_ae_title="PACSBRIDGE"))

        assert call("newpacs") == AssociateReject(1, 1, 3)
        assert node.log.flush(60)
        assert adopt("NEWPACS", "127.0.0.1", into="").tls
        assert isinstance(call("newpacs"), AssociateAccept)
        assert isinstance(call("clinic"), AssociateReject)
        assert not is_let_in(node, "NEWPACS")  # without TLS
    pacs = pacs_named(database, "newpacs")
    assert pacs is not None
    shown = read_certificate(desk.files("newpacs")[1]).fingerprint
    assert (pacs.plain, pacs.endpoints[0].certificate) == (False, shown)


def test_unknown_callers_are_adopted_and_forgotten_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    installation = a_home(home)
    caller = Caller("NEWPACS", "PACSBRIDGE", "10.0.0.1", None, "a1")
    moment = installation.now()
    with installation.begin() as uow:
        uow.associations.put(Association("a1", moment, caller, REJECTED, moment, note="unknown"))

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["pacs-bridge", "pacs", *words, "--home", str(home)])
        out = StringIO()
        with redirect_stdout(out), redirect_stderr(StringIO()), pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), out.getvalue()

    (listed,) = json.loads(run("adopt", "--json")[1])
    assert (listed["ae_title"], listed["address"], listed["tls"]) == ("NEWPACS", "10.0.0.1", False)
    code, out = run("adopt", "NEWPACS@10.0.0.1", "--json")
    told = {"ae_title": "NEWPACS", "address": "10.0.0.1", "tls": False}
    assert (code, json.loads(out)) == (0, {"pacs": "newpacs", "new": True, **told})
    assert json.loads(run("adopt", "--json")[1]) == []
    assert "NEWPACS" in run("show", "newpacs")[1]
    assert run("forget", "NEWPACS@10.0.0.1")[0] == 0
    assert run("show", "newpacs")[0] == 1
    with installation.read() as uow:
        assert uow.events.newest(1)[0].detail["by"] == "command line"
