"""``pacs`` and ``load`` as an operator uses them: real commands in a real home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from pacs_bridge.services.pacs import addresses_of
from pacs_bridge.services.send import send_next
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.peers import build_mailer, build_peer
from tests import forked
from tests.homes import a_home
from tests.loads import a_passport
from tests.peers import free_port

SET = "PERFORMS121"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A home with a set of two cases."""
    installation = a_home(tmp_path_factory.mktemp("loads") / "home")
    with installation.begin() as uow:
        uow.case_sets.add(a_passport(installation.archive, 2))
    return installation


@pytest.fixture(scope="module")
def pacs() -> Iterator[SandboxPacs]:
    with SandboxPacs(SandboxPacsConfig("HOSPITAL")) as pacs:
        yield pacs


@pytest.fixture
def run(installation: Installation) -> Any:
    """Run a command to its end: (exit status, stdout, stderr)."""

    def run(*words: str) -> tuple[int, str, str]:
        done = forked.run("pacs_bridge", [*words, "--home", installation.config.home])
        return done.returncode, done.stdout, done.stderr

    return run


def add(run: Any, name: str, port: int, *more: str) -> tuple[int, str, str]:
    words = ("--aet", "HOSPITAL", "--host", "127.0.0.1", "--port", str(port))
    return run("pacs", "add", name, *words, *more)


def test_a_pacs_is_added_listed_and_echoed(run, pacs):
    code, out, err = add(run, "Hospital", pacs.port, "--plain", "--isolation", "private", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["name"] == "hospital"
    (listed,) = (x for x in json.loads(run("pacs", "list", "--json")[1]) if x["name"] == "hospital")
    assert listed["endpoints"][0]["net"] == "127.0.0.1"
    assert (listed["isolation"], listed["plain"], listed["port"]) == ("private", True, pacs.port)
    code, out, err = run("pacs", "echo", "hospital", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["answers"] is True
    assert "hospital answered in" in run("pacs", "echo", "hospital")[1]
    assert "HOSPITAL" in run("pacs", "list")[1]


def test_an_echo_that_fails_names_the_phase_and_what_to_do(run):
    assert add(run, "nobody", free_port(), "--plain")[0] == 0
    code, out, err = run("pacs", "echo", "nobody", "--json")
    assert code == 1
    assert json.loads(out) == {
        "name": "nobody",
        "answers": False,
        "phase": "connect",
        "detail": "connection refused",
    }
    assert "firewalls" in err
    assert "failed at: connect" in err


def test_tls_without_a_certificate_is_refused_and_never_taken_for_plain(run):
    code, out, err = add(run, "secure", 104, "--tls")
    assert (code, out) == (1, "")
    assert "--certificate FILE" in err
    assert "secure" not in run("pacs", "list", "--json")[1]


def test_without_a_word_on_encryption_it_says_that_there_is_none(run):
    code, _, err = add(run, "silent", 104)
    assert code == 0
    assert "not encrypted" in err


def test_a_load_is_started_sent_verified_and_shown(run, installation, pacs):
    add(run, "hospital", pacs.port, "--plain")
    code, out, err = run("load", "start", SET, "hospital", "--json")
    assert (code, err) == (0, "")
    started = json.loads(out)
    assert (started["readiness"], started["instances"]["total"]) == ("planned", 8)
    with installation.read() as uow:
        load = uow.loads.find(SET, "hospital")
    assert load is not None
    # No job runs in this home: send by hand what `pacs-bridge run` would.
    while send_next(
        load.load_id,
        16,
        begin=installation.begin,
        peer=build_peer(installation),
        archive=installation.archive,
        now=installation.now,
    ):
        pass
    code, out, err = run("load", "verify", SET, "hospital", "--json")
    assert (code, err) == (0, "")
    verified = json.loads(out)
    assert verified["readiness"] == "ready"
    assert verified["instances"] == {
        "total": 8,
        "confirmed": 8,
        "warned": 0,
        "failed": 0,
        "skipped": 0,
    }
    assert verified["sending"]["transfer_syntaxes"] == {"1.2.840.10008.1.2.1": 8}
    assert verified["sending"]["bytes_sent"] == verified["sending"]["bytes_total"] > 0
    assert {case["complete"] for case in verified["cases"]} == {"proven"}
    assert json.loads(run("load", "status", SET, "hospital", "--json")[1]) == verified
    assert verified in json.loads(run("load", "status", "--json")[1])
    shown = run("load", "status", SET, "hospital")[1]
    assert "8 of 8 images sent" in shown
    assert "2 of 2 cases proven" in shown
    assert "8 of 8" in run("load", "status")[1]
    code, out, _ = run("load", "start", SET, "hospital", "--wait", "60", "--json")
    assert (code, json.loads(out)["readiness"]) == (0, "ready")


def test_waiting_ends_in_time_and_shows_how_far_it_came(run):
    add(run, "elsewhere", free_port(), "--plain")
    code, out, err = run("load", "start", SET, "elsewhere", "--wait", "0.5", "--json")
    assert code == 1
    assert json.loads(out)["readiness"] == "planned"
    assert "not ready in elsewhere after 0.5 s" in err


def test_a_sweep_that_nobody_answers_fails_and_says_how_to_find_out(run):
    add(run, "elsewhere", free_port(), "--plain")
    run("load", "start", SET, "elsewhere")
    code, out, err = run("load", "verify", SET, "elsewhere", "--json")
    assert code == 1
    assert {case["complete"] for case in json.loads(out)["cases"]} == {"unknown"}
    assert "pacs echo elsewhere" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("load", "start", "PERFORMS999", "hospital"), "case-set list"),
        (("load", "start", "evil/../set", "hospital"), "A set is named"),
        (("load", "status", SET, "no-such"), "pacs list"),
        (("load", "verify", "PERFORMS999", "hospital"), "never loaded"),
        (("pacs", "echo", "no-such"), "pacs list"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(run, pacs, words, told):
    add(run, "hospital", pacs.port, "--plain")
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert told in err
    assert len(err.strip().splitlines()) == 1


def test_without_a_mail_server_there_is_no_mailer(installation):
    assert build_mailer(installation) is None


def test_a_numeric_address_is_its_own():
    assert addresses_of("127.0.0.1") == ["127.0.0.1"]
    assert addresses_of("\udcff") == []
