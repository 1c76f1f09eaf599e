"""A page left alone at a shared workstation is nobody else's, and its reader's again in a word."""

from __future__ import annotations

import pytest
from flask import Flask

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.services.people import add_site
from tests.web.conftest import SignIn, sign_in_with, token_on
from tests.web.seed import PASSWORD, PEOPLE, SET, Scheme

JSON = {"Accept": "application/json"}


def lock_at_northfield(scheme: Scheme, minutes: int | None) -> int | None:
    site = add_site("northfield-unit", pacs="northfield", begin=scheme.begin, lock_minutes=minutes)
    return site.lock_minutes


def test_pages_are_locked_and_given_to_nobody_until_the_password_is_given(
    app: Flask, sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("midway")
    token = token_on(client.get(f"/reading/{SET}").text)
    scheme.pass_time(minutes=5, seconds=1)
    assert client.get(f"/reading/{SET}/look").status_code == 401
    assert client.post(f"/reading/{SET}/{SET}120/normal", data={"csrf_token": token}).location
    page = client.get("/sign-in")
    assert f"Password of {PEOPLE['midway']}" in page.text
    assert client.get("/sign-in/left").json["locked"] is True  # type: ignore[index]
    form = {"csrf_token": token, "password": "guess-guess"}
    answer = client.post("/sign-in/unlock", data=form, headers=JSON)
    assert (answer.status_code, answer.json) == (422, {"said": "That is not the password."})
    assert client.get("/account").status_code == 303
    form["password"] = PASSWORD
    assert client.post("/sign-in/unlock", data=form, headers=JSON).status_code == 200
    assert client.get(f"/reading/{SET}/look").status_code == 200
    with scheme.begin() as uow:
        kinds = [event.kind for event in uow.events.newest(2)]
    assert kinds == ["unlocked", "unlock-refused"]


def test_after_an_hour_locked_or_for_somebody_else_the_page_is_gone(
    sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("midway")
    scheme.pass_time(minutes=6)
    token = token_on(client.get("/sign-in").text)
    assert client.post("/sign-in/other", data={"csrf_token": token}).location == "/sign-in"
    assert PEOPLE["midway"] not in client.get("/sign-in").text
    assert sign_in_with(client, PEOPLE["done"]).status_code == 303
    scheme.pass_time(minutes=66)
    token = token_on(client.get("/sign-in").text)
    form = {"csrf_token": token, "password": PASSWORD}
    assert client.post("/sign-in/unlock", data=form, headers=JSON).status_code == 401
    assert "E-mail address" in client.get("/sign-in").text


def test_a_site_says_when_its_pages_lock_for_its_readers_and_contacts(
    sign_in: SignIn, scheme: Scheme
) -> None:
    clients = {who: sign_in(who) for who in ("midway", "contact", "admin", "contact2")}
    assert lock_at_northfield(scheme, 12) == 12
    assert lock_at_northfield(scheme, None) == 12  # said of something else: as it was
    scheme.pass_time(minutes=11)
    open_still = {who: client.get("/account").status_code == 200 for who, client in clients.items()}
    assert open_still == {"midway": True, "contact": True, "admin": False, "contact2": False}
    assert "Pages lock after 12 minutes" in clients["midway"].get("/account").text
    assert lock_at_northfield(scheme, 0) is None
    scheme.pass_time(minutes=6)
    assert clients["midway"].get("/account").status_code == 303


@pytest.mark.parametrize("minutes", [-1, 16, 480])
def test_no_site_keeps_a_page_open_for_long(minutes: int, scheme: Scheme) -> None:
    with pytest.raises(RefusedInput, match="1 to 15 minutes"):
        lock_at_northfield(scheme, minutes)


def test_who_draws_without_asking_for_anything_keeps_the_page_open(
    sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("midway")
    token = token_on(client.get("/account").text)
    for _ in range(3):
        scheme.pass_time(minutes=4)
        assert client.post("/sign-in/stay", data={"csrf_token": token}).json == {"seconds": 300}
    scheme.pass_time(minutes=6)
    assert client.post("/sign-in/stay", data={"csrf_token": token}).status_code == 303
