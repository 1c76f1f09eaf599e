"""A whole load into Orthanc by its DICOMweb plugin, and what is shown to a service over TLS."""

from __future__ import annotations

import json
import ssl
import stat
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.cli.main import main
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.profile import Outcome, Rung
from pacs_bridge.sandbox.orthanc import Orthanc
from pacs_bridge.scu.either import EitherPeer
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.scu.web_peer import WebPeer
from pacs_bridge.services.certificates import list_certificates
from pacs_bridge.services.fetch import State, fetch_case
from pacs_bridge.services.pacs_web import (
    AccessFiles,
    add_web_pacs,
    add_web_roles,
    drop_access,
    keep_access,
    parse_url,
)
from tests.certificates import Desk as Authority
from tests.homes import a_home
from tests.load_desk import PACS, Desk
from tests.loads import START, House, a_house, a_pacs, a_passport
from tests.orthanc import running_orthanc
from tests.peers import need
from tests.web_pacs import PLUGIN, ROLES, SETTINGS, Request, asked_by_web, web_pacs


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    need(PLUGIN, "orthanc-dicomweb")
    with running_orthanc(tmp_path_factory.mktemp("orthanc"), **SETTINGS) as running:
        yield running


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as house:
        yield house


def a_desk(house: House, pacs: Pacs, tmp_path: Path, *, set_at: int = 2) -> Desk:
    """A set of a few cases, and the services that load it into this PACS."""
    passport = a_passport(house.archive, set_at)
    with house.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(pacs, START)
    return Desk(house, EitherPeer(DimsePeer(), tmp_path / "web"), passport)


def emptied(orthanc: Orthanc) -> None:
    for study in orthanc.get("/studies"):
        orthanc.delete(f"/studies/{study}")


def by_role(orthanc: Orthanc, *roles: str) -> Pacs:
    """Orthanc, asked by DICOMweb in these roles and by DIMSE in the others."""
    web = asked_by_web(orthanc.http_port, timeouts=a_pacs(1).timeouts)
    rest = tuple(role for role in ("store", "query", "retrieve", "commit") if role not in roles)
    dimse = replace(a_pacs(orthanc.dicom_port).endpoints[0], roles=rest)
    return replace(web, endpoints=(dimse, replace(web.endpoints[0], roles=roles)))


@pytest.mark.parametrize("roles", [ROLES, ("query",), ("store",), ("retrieve",)])
def test_a_load_is_stored_proven_and_fetched_back_by_whichever_a_role_speaks(
    roles: tuple[str, ...], orthanc: Orthanc, house: House, tmp_path: Path
) -> None:
    emptied(orthanc)
    desk = a_desk(house, by_role(orthanc, *roles), tmp_path)
    desk.start()
    desk.peer.echo(by_role(orthanc, *roles))
    desk.send_all()
    desk.verify()
    assert orthanc.count()["instances"] == 8
    assert (set(desk.states()), desk.load().readiness) == ({"stored"}, Readiness.READY)
    for case in desk.passport.cases:
        back = fetch_case(
            PACS,
            case.accession,
            tmp_path / "back",
            read=house.begin,
            peer=desk.peer,
            archive=house.archive,
        )
        assert set(back.states.values()) == {State.IDENTICAL}
        assert all(each.is_whole for each in back.retrieved)


def test_an_image_that_has_gone_is_found_missing_and_only_it(
    orthanc: Orthanc, house: House, tmp_path: Path
) -> None:
    emptied(orthanc)
    desk = a_desk(house, by_role(orthanc, *ROLES), tmp_path)
    desk.start()
    desk.send_all()
    gone = desk.passport.cases[1].studies[0].series[2].instances[0].sop_instance_uid
    (instance,) = orthanc.find("Instance", SOPInstanceUID=gone)
    orthanc.delete(f"/instances/{instance['ID']}")
    desk.house.pass_time(3_600)
    swept = desk.verify()
    assert desk.load().readiness is not Readiness.READY
    assert swept.missing == (gone,)
    with house.begin() as uow:
        learned = uow.profiles.get(PACS)
    assert (learned.rungs[Rung.WILDCARD], learned.counts) == (Outcome.WORKS, True)
    assert learned.rungs[Rung.UID_LIST] is Outcome.WORKS


def test_a_service_that_is_down_makes_nothing_missing(house: House, tmp_path: Path) -> None:
    with web_pacs(lambda request: request.answer(503)) as server:
        desk = a_desk(house, asked_by_web(server.port, name=PACS), tmp_path)
        desk.start()
        with pytest.raises(PeerUnavailable, match="too busy"):
            desk.send()
        swept = desk.verify()
    assert (swept.missing, swept.unanswered) == ((), 2)
    assert set(desk.states()) == {"pending"}


def test_the_sandbox_hospital_loads_no_plugin(tmp_path: Path) -> None:
    with running_orthanc(tmp_path) as plain:
        assert "dicom-web" not in plain.get("/plugins")


# What is shown over TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    desk = Authority(tmp_path_factory.mktemp("authority"))
    desk.issue("pacs")
    desk.issue("client")
    return desk


def server_of(authority: Authority, *, ask: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key, certificate = authority.files("pacs")
    context.load_cert_chain(certificate, key)
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.authority / "ca.pem")
    return context


def finds_nothing(request: Request) -> None:
    request.answer(204)


def test_header_and_certificate_reach_the_service_that_they_are_for_and_no_other(
    authority: Authority, tmp_path: Path
) -> None:
    key, certificate = authority.files("client")
    header = tmp_path / "header.txt"
    header.write_text("Authorization: Bearer open-sesame\n")
    folder = tmp_path / "web"
    with web_pacs(finds_nothing, server_of(authority, ask=True)) as server:
        pacs = asked_by_web(server.port, scheme="https", name="south")
        files = AccessFiles(header, certificate, key, authority.authority / "ca.pem")
        keep_access(folder, "south", pacs.endpoints[0].url, files)
        WebPeer(folder).echo(pacs)
        assert [r.headers["authorization"] for r in server.requests] == ["Bearer open-sesame"]
        elsewhere = asked_by_web(server.port, scheme="https", name="south", path="/other")
        with pytest.raises(PeerUnavailable, match="register it anew"):
            WebPeer(folder).echo(elsewhere)
        assert len(server.requests) == 1
    listed = {each.name for each in list_certificates(tmp_path / "tls", folder)}
    assert listed == {"web/south/authority", "web/south/client"}  # `certs list` says when they end
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (folder / "south").iterdir()}
    assert modes == {0o600}
    drop_access(folder, "south")
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("files", "asks", "words"),
    [
        ((), False, "not one that we trust"),
        (("ca",), True, "TLS|our certificate|broke off"),
    ],
)
def test_a_service_that_is_not_trusted_or_does_not_trust_us_fails_at_tls(
    files: tuple[str, ...], asks: bool, words: str, authority: Authority, tmp_path: Path
) -> None:
    given = AccessFiles(authority=authority.authority / "ca.pem" if files else None)
    with web_pacs(finds_nothing, server_of(authority, ask=asks)) as server:
        pacs = asked_by_web(server.port, scheme="https", name="south")
        keep_access(tmp_path, "south", pacs.endpoints[0].url, given)
        with pytest.raises(PeerUnavailable, match=words) as caught:
            WebPeer(tmp_path).echo(pacs)
    assert caught.value.phase == "TLS"


def test_a_service_without_tls_fails_at_tls(tmp_path: Path) -> None:
    with web_pacs(finds_nothing) as server:
        pacs = asked_by_web(server.port, scheme="https", timeouts={**a_pacs(1).timeouts})
        with pytest.raises(PeerUnavailable) as caught:
            WebPeer(tmp_path).echo(replace(pacs, timeouts={**pacs.timeouts, "connect": 1.0}))
    assert caught.value.phase == "TLS"


# Registering


@pytest.mark.parametrize(
    "url",
    [
        "pacs.hospital.org/dicom-web",
        "ftp://pacs.hospital.org/",
        "https://",
        "https://user:word@pacs.hospital.org/dicom-web",
        "https://pacs.hospital.org/dicom-web?token=1",
        "https://pacs.hospital.org/a/../b",
        "https://pacs.hospital.org:99999/",
        "https://pacs.hospital.org/a b",
        "https://pacs.hospital.org/\r\nHost: x",
        "https://pacs.hospital.org/" + "a" * 500,
        "http://pacs.hospital.org/dicom-web",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(RefusedInput):
        parse_url(url, plain=False)


def test_an_address_is_kept_with_host_and_port() -> None:
    told = parse_url("https://PACS.hospital.org/dicom-web/", plain=False)
    assert told == ("https://pacs.hospital.org:443/dicom-web", "pacs.hospital.org", 443)


@pytest.mark.parametrize(
    "line", ["no header", "Host: other", "Authorization: a\nX: b", "Content-Length: 4", "A: \x07"]
)
def test_a_header_that_is_none_or_not_theirs_is_refused(line: str, tmp_path: Path) -> None:
    file = tmp_path / "header.txt"
    file.write_text(line)
    with pytest.raises(RefusedInput, match=r"header\.txt"):
        keep_access(tmp_path / "web", "south", "https://x", AccessFiles(file))
    assert not (tmp_path / "web" / "south").exists()


def test_files_that_are_no_certificate_change_nothing(authority: Authority, tmp_path: Path) -> None:
    header = tmp_path / "header.txt"
    header.write_text("X-Api-Key: one")
    keep_access(tmp_path, "south", "https://x", AccessFiles(header))
    with pytest.raises(RefusedInput, match="PEM"):
        keep_access(tmp_path, "south", "https://x", AccessFiles(certificate=header))
    assert (tmp_path / "south" / "header.txt").read_text() == "X-Api-Key: one"
    assert {each.name for each in tmp_path.iterdir()} == {"south", "header.txt"}


def test_a_pacs_comes_back_from_the_database_as_it_was_registered(house: House) -> None:
    common: dict[str, Any] = {"begin": house.begin, "now": house.now}
    whole = add_web_pacs("south", url="https://south.example/dicom-web", **common)
    with house.begin() as uow:
        uow.pacs.put(a_pacs(104), START)
        assert uow.pacs.get("south") == whole
    mixed = add_web_roles(PACS, url="https://north.example", roles=["query"], plain=False, **common)
    with house.begin() as uow:
        assert uow.pacs.get(PACS) == mixed
    speaks = {role: bool(mixed.endpoint(role).url) for role in (*ROLES, "calls-from")}
    assert speaks == {"store": False, "query": True, "retrieve": False, "calls-from": False}


def test_the_command_line_registers_shows_and_echoes(
    tmp_path: Path, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, header = tmp_path / "home", tmp_path / "header.txt"
    a_home(home)
    header.write_text("Authorization: Bearer open-sesame")
    url = f"http://localhost:{orthanc.http_port}/dicom-web"

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["pacs-bridge", "pacs", *words, "--home", str(home)])
        out = StringIO()
        with (
            redirect_stdout(out),
            redirect_stderr(StringIO()),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        return int(ended.value.code or 0), out.getvalue()

    shows = ("--auth-header-file", str(header))
    assert run("add", "south", "--dicomweb", url, "--plain", *shows)[0] == 0
    assert "answered in" in run("echo", "south")[1]
    assert url in run("show", "south")[1]
    (told,) = json.loads(run("list", "--json")[1])
    assert [each["url"] for each in told["endpoints"]] == [url]
    secret = b"open-sesame"
    holding = [f for f in home.rglob("*") if f.is_file() and secret in f.read_bytes()]
    assert holding == [home / "keys" / "web" / "south" / "header.txt"]
    assert run("add", "south", "--ca", str(header))[0] == 2
    assert run("add", "south", "--dicomweb", url)[0] == 1  # http wants --plain
    dimse = ("--aet", "SOUTH", "--host", "127.0.0.1", "--port", str(orthanc.dicom_port))
    assert run("add", "south", *dimse, "--dicomweb", url, "--plain")[0] == 0
    assert "answered in" in run("echo", "south")[1]
    assert run("add", "south", *dimse, "--plain")[0] == 0
    assert not (home / "keys" / "web" / "south").exists()
