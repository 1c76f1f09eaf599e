"""Registering PACS: what is taken, what is refused, and whom a caller is taken for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.errors import NotFound, PeerUnavailable, RefusedInput
from pacs_bridge.domain.loading import Completeness
from pacs_bridge.domain.pacs import Endpoint, Isolation, Pacs
from pacs_bridge.domain.profile import QueryProfile
from pacs_bridge.domain.sending import Sending
from pacs_bridge.services.pacs import (
    PacsSettings,
    add_pacs,
    echo_pacs,
    get_profile,
    list_pacs,
    parse_host,
)
from pacs_bridge.services.pacs_web import add_web_pacs
from tests.loads import House, a_house, a_pacs

NAMES = {"pacs.hospital.org": ["10.1.2.3", "2001:db8::3"], "vna.hospital.org": ["10.9.9.9"]}
ALL = ("store", "query", "retrieve", "commit", "calls-from")
OUTWARD = ALL[:-1]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as house:
        yield house


def register(house: House, name: str = "hospital", **changes: Any) -> Pacs:
    where = {"ae_title": "HOSPITAL", "host": "10.1.2.3", "port": 104}
    where |= {key: changes.pop(key) for key in (*where, "query") if key in changes}
    return add_pacs(
        name,
        settings=PacsSettings(**changes),
        begin=house.begin,
        now=house.now,
        resolve=lambda host: NAMES.get(host, []),
        **where,
    )


def caller(house: House, ae_title: str, address: str) -> str | None:
    with house.begin() as uow:
        pacs = uow.pacs.of_caller(ae_title, address)
    return None if pacs is None else pacs.name


# What is registered


def test_one_endpoint_has_every_role_unless_told_otherwise(house):
    pacs = register(house)
    assert pacs.endpoints == (Endpoint("HOSPITAL", "10.1.2.3", 104, ALL, "10.1.2.3"),)
    assert (pacs.plain, pacs.isolation, pacs.paused) == (True, Isolation.SHEET, False)
    assert list_pacs(begin=house.begin) == [pacs]


def test_it_is_queried_elsewhere_where_it_says_so(house):
    title_only = register(house, query="QUERY")
    assert title_only.endpoint("query") == Endpoint("QUERY", "10.1.2.3", 104, ("query",))
    assert title_only.endpoint("store").roles == ("store", "retrieve", "commit", "calls-from")
    whole = register(house, query="QUERY@vna.hospital.org:11112")
    assert whole.endpoint("query") == Endpoint("QUERY", "vna.hospital.org", 11112, ("query",))


def test_callers_are_who_is_said_and_nobody_else(house):
    pacs = register(house, calls_from=["SENDER@10.1.0.0/16", "HOSPITAL@10.1.2.9"])
    assert pacs.endpoints == (
        Endpoint("HOSPITAL", "10.1.2.3", 104, OUTWARD),
        Endpoint("SENDER", "10.1.2.3", 104, ("calls-from",), "10.1.0.0/16"),
        Endpoint("HOSPITAL", "10.1.2.3", 104, ("calls-from",), "10.1.2.9"),
    )
    assert caller(house, "SENDER", "10.1.77.1") == "hospital"
    assert caller(house, "SENDER", "10.2.0.1") is None
    assert caller(house, "HOSPITAL", "10.1.2.3") is None


def test_a_host_name_lets_in_the_addresses_that_it_has_now(house):
    pacs = register(house, host="PACS.hospital.org")
    assert pacs.endpoint("store") == Endpoint("HOSPITAL", "pacs.hospital.org", 104, OUTWARD)
    assert caller(house, "HOSPITAL", "10.1.2.3") == "hospital"
    assert caller(house, "HOSPITAL", "2001:db8::3") == "hospital"
    assert caller(house, "HOSPITAL", "10.1.2.4") is None


def test_a_host_name_with_one_address_stays_one_endpoint(house):
    pacs = register(house, host="vna.hospital.org")
    assert pacs.endpoints == (Endpoint("HOSPITAL", "vna.hospital.org", 104, ALL, "10.9.9.9"),)


def test_a_host_name_that_is_not_known_lets_nobody_in(house):
    pacs = register(house, host="later.hospital.org")
    assert pacs.endpoints == (Endpoint("HOSPITAL", "later.hospital.org", 104, OUTWARD),)
    assert caller(house, "HOSPITAL", "10.1.2.3") is None
    with pytest.raises(RefusedInput, match="SENDER@ADDRESS"):
        register(house, calls_from=["SENDER@later.hospital.org"])


@pytest.mark.parametrize("by_web", [False, True])
def test_registering_again_changes_it_and_keeps_all_that_was_set_of_it(house, by_web):
    slow = {**a_pacs(104).timeouts, "connect": 2.0}
    kept = {
        "paused": True, "timeouts": slow, "grade": Completeness.COUNTED, "grace": 60.0,
        "sending": Sending(parallel=2), "pull_minutes": 15,
    }  # fmt: skip
    with house.begin() as uow:
        uow.pacs.put(a_pacs(104, **kept), house.now())
        uow.profiles.put("hospital", QueryProfile(counts=True), house.now())
    if by_web:
        settings = PacsSettings(plain=False, isolation="private")
        url, times = "https://pacs.hospital.org/dicom-web", {"begin": house.begin, "now": house.now}
        again = add_web_pacs("hospital", url=url, settings=settings, **times)
    else:
        again = register(house, port=105, isolation="private")
    assert again.endpoint("store").port == (443 if by_web else 105)
    assert again.isolation is Isolation.PRIVATE
    assert {name: getattr(again, name) for name in kept} == kept
    assert list_pacs(begin=house.begin) == [again]
    assert get_profile("hospital", begin=house.begin).counts is None  # another one is asked now


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "../etc"}, "lower-case"),
        ({"ae_title": "A" * 17}, "AE title"),
        ({"ae_title": "<script>"}, "AE title"),
        ({"host": ""}, "no host"),
        ({"host": "a b"}, "no host"),
        ({"host": "10.1.2"}, "no host"),
        ({"host": "host;rm -rf"}, "no host"),
        ({"host": "-host"}, "no host"),
        ({"host": "x" * 300}, "no host"),
        ({"port": 0}, "from 1 to 65535"),
        ({"port": 65536}, "from 1 to 65535"),
        ({"port": -1}, "from 1 to 65535"),
        ({"isolation": "none"}, "private, copies, sequential, sheet"),
        ({"query": "QUERY@vna.hospital.org"}, "no host|from 1 to 65535"),
        ({"query": "Q?"}, "AE title"),
        ({"calls_from": ["SENDER@10.1.0.0/99"]}, "no host"),
        ({"our_ae_title": ""}, "AE title"),
        ({"plain": False}, "--certificate FILE"),
    ],
)
def test_what_is_not_usable_is_refused_in_one_sentence(house, changes, told):
    with pytest.raises(RefusedInput, match=told) as caught:
        register(house, **changes)
    assert "\n" not in str(caught.value)
    assert list_pacs(begin=house.begin) == []


def test_addresses_are_written_in_one_way():
    assert parse_host("[2001:DB8:0:0::1]") == "2001:db8::1"
    assert parse_host(" PACS.Hospital.ORG ") == "pacs.hospital.org"


# Whom a caller is taken for


def test_a_title_alone_or_an_address_alone_is_nobody(house):
    register(house)
    assert caller(house, "HOSPITAL", "10.1.2.3") == "hospital"
    assert caller(house, "HOSPITAL", "::ffff:10.1.2.3") == "hospital"
    assert caller(house, "HOSPITAL", "10.1.2.4") is None
    assert caller(house, "OTHER", "10.1.2.3") is None
    assert caller(house, "HOSPITAL", "not an address") is None


def test_an_endpoint_that_does_not_call_is_nobody(house):
    endpoint = Endpoint("HOSPITAL", "10.1.2.3", 104, OUTWARD)
    with house.begin() as uow:
        uow.pacs.put(Pacs("hospital", (endpoint,)), house.now())
    assert caller(house, "HOSPITAL", "10.1.2.3") is None


def test_a_host_name_in_a_row_lets_nobody_in(house):
    endpoint = Endpoint("HOSPITAL", "pacs.hospital.org", 104, ALL)
    with house.begin() as uow:
        uow.pacs.put(Pacs("hospital", (endpoint,)), house.now())
    assert caller(house, "HOSPITAL", "10.1.2.3") is None


def test_of_two_that_agree_the_narrower_one_is_meant(house):
    register(house, "wide", calls_from=["SENDER@10.0.0.0/8"])
    register(house, "narrow", calls_from=["SENDER@10.1.2.3"])
    assert caller(house, "SENDER", "10.1.2.3") == "narrow"
    assert caller(house, "SENDER", "10.1.2.4") == "wide"


# What is kept


def test_a_pacs_comes_back_as_it_went_in(house):
    endpoints = (
        Endpoint("A", "10.0.0.1", 104, ("store", "retrieve")),
        Endpoint("B", "10.0.0.2", 105, ("query", "commit"), "10.0.0.0/24"),
    )
    before = Pacs("hospital", endpoints, "US", plain=True, isolation=Isolation.COPIES, paused=True)
    with house.begin() as uow:
        uow.pacs.put(before, house.now())
    with house.begin() as uow:
        assert uow.pacs.get("hospital") == before
        uow.pacs.set_paused("hospital", paused=False)
        uow.pacs.set_paused("nobody", paused=True)
    with house.begin() as uow:
        assert not uow.pacs.get("hospital").paused
        assert uow.pacs.find("nobody") is None
        with pytest.raises(NotFound, match="pacs list"):
            uow.pacs.get("nobody")


# Echo


class Peer:
    def echo(self, pacs: Pacs) -> None:
        if pacs.name != "hospital":
            raise PeerUnavailable(pacs.name, "connect")


def test_an_echo_goes_to_the_pacs_that_is_named(house):
    register(house)
    register(house, "other")
    echo = partial(echo_pacs, begin=house.begin, peer=Peer())
    assert echo(" Hospital") >= 0
    with pytest.raises(PeerUnavailable):
        echo("other")
    with pytest.raises(NotFound):
        echo("nobody")
