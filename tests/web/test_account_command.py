"""The account commands, and that what they make signs in on the pages of the same home."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pacs_bridge.cli.account import app as command
from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.wiring.home import ADMIN, PASSWORD_FILE, make_home
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.web import build_web, serve_web
from tests.web.conftest import sign_in_with, token_on
from tests.web.seed import NOW, SET, a_passport


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one PACS and one case set."""
    folder = tmp_path_factory.mktemp("home")
    installation = make_home(folder)
    with installation.begin() as uow:
        uow.pacs.put(Pacs("royal", (Endpoint("ROYAL", "10.0.0.1", 104, ("store",)),)), NOW)
        uow.case_sets.add(a_passport())
    installation.engine.dispose()
    return folder


def run(home: Path, *words: str) -> Result:
    result = CliRunner().invoke(command, [*words, "--home", str(home)])
    if isinstance(result.exception, PacsBridgeError):
        raise result.exception
    assert result.exception is None, result.output
    return result


def test_a_reader_is_set_up_from_nothing_by_commands(home: Path, tmp_path: Path) -> None:
    run(home, "site", "royal-unit", "--pacs", "royal")
    run(home, "reader", "R7", "--alias", "royal:JSmith", "--alias", "royal:SMITH^J")
    run(home, "round", SET, "--opens", "2020-01-01", "--closes", "2099-12-31")
    said = run(home, "enrol", SET, "R7", "--site", "royal-unit", "--consent", "--json").output
    assert json.loads(said)["released_at"] is None
    secret = tmp_path / "password.txt"
    run(
        home, "add", "r7@royal.example", "--role", "reader", "--reader", "R7",
        "--password-file", str(secret),
    )  # fmt: skip
    assert secret.stat().st_mode & 0o777 == 0o600
    installation = Installation.open(home)
    client = build_web(installation).test_client()
    answer = sign_in_with(client, "r7@royal.example", secret.read_text().strip())
    assert answer.status_code == 303
    page = client.get(f"/results/{SET}").text
    assert "The cases are not ready at royal-unit yet." in page
    with installation.read() as uow:
        assert uow.readers.of_login("royal", ["smith^j"]) == "R7"
    installation.engine.dispose()
    installation.reading_engine.dispose()


def test_a_password_is_printed_once_where_no_file_is_given(home: Path) -> None:
    made = json.loads(run(home, "add", "b@x.example", "--role", "admin", "--json").output)
    assert len(made["password"]) == 23
    listed = json.loads(run(home, "list", "--json").output)
    assert "b@x.example" in {each["email"] for each in listed}
    assert made["password"] not in json.dumps(listed)
    assert "b@x.example" in run(home, "list").output


def test_a_password_of_ones_own_is_taken_from_a_file_and_must_be_good(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("weak\n")
    with pytest.raises(PacsBridgeError, match="A password has"):
        run(home, "add", "c@x.example", "--role", "admin", "--password-file", str(file))
    file.write_text("a-much-better-one\n")
    said = run(home, "add", "c@x.example", "--role", "admin", "--password-file", str(file)).output
    assert "a-much-better-one" not in said


def test_an_alias_without_a_pacs_is_refused(home: Path) -> None:
    with pytest.raises(PacsBridgeError, match="a colon"):
        run(home, "reader", "R8", "--alias", "jsmith")


def test_a_button_on_a_page_puts_a_job_into_the_real_queue(home: Path, tmp_path: Path) -> None:
    installation = Installation.open(home)
    with installation.begin() as uow:
        load = uow.loads.plan(a_passport(), "royal", NOW).load_id
    secret = tmp_path / "password.txt"
    run(home, "add", "d@x.example", "--role", "admin", "--password-file", str(secret))
    client = build_web(installation).test_client()
    sign_in_with(client, "d@x.example", secret.read_text().strip())
    token = token_on(client.get(f"/loads/{load}").text)
    for action in ("verify", "start"):
        answer = client.post(f"/loads/{load}/{action}", data={"csrf_token": token})
        assert answer.status_code == 303
    with closing(sqlite3.connect(home / "pacs_bridge.sqlite")) as database:
        queued = database.execute("SELECT name FROM workflow_status").fetchall()
    assert sorted(queued) == [("load",), ("verify",)]
    installation.engine.dispose()
    installation.reading_engine.dispose()


def test_the_first_administrator_signs_in_on_the_served_pages(home: Path) -> None:
    installation = Installation.open(home)
    config = installation.config
    installation = Installation(replace(config, web=replace(config.web, port=0)))
    server = serve_web(installation)
    try:
        assert server.url == f"http://127.0.0.1:{server.port}/"
        with urllib.request.urlopen(f"{server.url}health", timeout=60) as answer:
            assert json.load(answer) == {"status": "ok"}
            assert not answer.headers["Server"]
    finally:
        server.close()
    email, password = (home / PASSWORD_FILE).read_text().split()
    assert email == ADMIN
    client = build_web(installation).test_client()
    assert sign_in_with(client, email, password).status_code == 303
    assert "Watching over it" in client.get("/").text
    installation.engine.dispose()
    installation.reading_engine.dispose()
