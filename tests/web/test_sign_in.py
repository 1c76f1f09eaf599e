"""Signing in and out, and when a session ends."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import SignIn, served, sign_in_with, token_on
from tests.web.seed import PASSWORD, PEOPLE, Scheme

ME = PEOPLE["admin"]


def is_in(client: FlaskClient) -> bool:
    """Whether a page behind sign-in opens; asking prolongs the session."""
    return client.get("/account").status_code == 200


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("performs")
    assert cookie is not None
    return cookie.value


def test_the_right_password_signs_in_and_goes_on_to_the_page_asked_for(client: FlaskClient) -> None:
    asked = client.get("/watch")
    assert (asked.status_code, asked.location) == (303, "/sign-in?next=/watch")
    answer = sign_in_with(client, ME.upper(), next="/watch")
    assert (answer.status_code, answer.location) == (303, "/watch")
    assert client.get("/watch").status_code == 200


def test_a_wrong_password_and_an_unknown_address_look_the_same(client: FlaskClient) -> None:
    wrong = sign_in_with(client, ME, "not-the-password")
    unknown = sign_in_with(client, "nobody@elsewhere.example", "not-the-password")
    assert wrong.status_code == unknown.status_code == 422
    tokens = token_on(wrong.text), token_on(unknown.text)
    one, other = (
        page.replace(ME, "@").replace("nobody@elsewhere.example", "@").replace(token, "")
        for page, token in zip((wrong.text, unknown.text), tokens, strict=True)
    )
    assert one == other
    assert "The e-mail address or the password is not right." in one


def test_what_is_missing_is_named(client: FlaskClient) -> None:
    page = sign_in_with(client, "", "").text
    assert "Enter your e-mail address." in page
    assert "Enter your password." in page


def test_an_account_that_is_switched_off_cannot_sign_in(app: Flask, scheme: Scheme) -> None:
    from pacs_bridge.web.context import EXTENSION

    accounts = app.extensions[EXTENSION][1].accounts
    found = accounts.find_user(email=ME)
    found.active = False
    accounts.put(found)
    assert sign_in_with(app.test_client(), ME).status_code == 422


def test_a_form_without_its_token_is_refused(app: Flask, sign_in: SignIn, scheme: Scheme) -> None:
    client = app.test_client()
    sent = client.post("/sign-in", data={"email": ME, "password": PASSWORD})
    assert sent.status_code == 400
    assert not is_in(client)
    signed_in = sign_in("contact")
    load = scheme.loads["northfield"]
    for path in (f"/loads/{load}/verify", f"/loads/{load}/start", "/sign-in/end", "/account"):
        assert signed_in.post(path).status_code == 400, path
        other = token_on(sign_in("contact2").get("/").text)
        assert signed_in.post(path, data={"csrf_token": other}).status_code == 400, path
    assert scheme.queue.jobs == []
    assert is_in(signed_in)


def test_signing_out_ends_every_copy_of_the_session(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("admin")
    thief = app.test_client()
    thief.set_cookie("performs", cookie_of(client))
    assert is_in(thief)
    token = token_on(client.get("/").text)
    answer = client.post("/sign-in/end", data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert "You are signed out." in client.get("/sign-in").text
    assert not is_in(client)
    assert not is_in(thief)


def test_a_session_prepared_by_somebody_else_is_not_taken_over(client: FlaskClient) -> None:
    client.get("/sign-in")
    with client.session_transaction() as before:
        before["planted"] = "by a stranger"
    old = cookie_of(client)
    sign_in_with(client, ME)
    assert cookie_of(client) != old
    with client.session_transaction() as after:
        assert "planted" not in after


def test_a_cookie_is_for_this_site_and_not_for_scripts(app: Flask, scheme: Scheme) -> None:
    header = app.test_client().get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Secure" not in header
    with served(scheme, cookie_secure=True) as secure:
        answer = secure.test_client().get("/sign-in")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_a_changed_cookie_is_no_session(app: Flask, sign_in: SignIn) -> None:
    good = cookie_of(sign_in("admin"))
    forged = app.test_client()
    forged.set_cookie("performs", good[:-2] + ("aa" if good[-2:] != "aa" else "bb"))
    assert not is_in(forged)


def test_another_browser_with_the_same_cookie_is_signed_out(app: Flask, sign_in: SignIn) -> None:
    stolen = cookie_of(sign_in("admin"))
    other = app.test_client()
    other.set_cookie("performs", stolen)
    assert other.get("/account", headers={"User-Agent": "another"}).status_code == 303


def test_a_session_lives_to_the_last_second_of_five_minutes(
    sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("admin")
    for _ in range(3):
        scheme.pass_time(minutes=4, seconds=59)
        assert is_in(client)
    scheme.pass_time(minutes=5, seconds=1)
    answer = client.get("/watch")
    assert (answer.status_code, answer.location) == (303, "/sign-in?why=idle&next=/watch")
    assert "locked because nothing was done for a while" in client.get(answer.location).text
    scheme.clock[0] = scheme.clock[0].replace(year=2025)  # a wrong clock does not bring it back
    assert not is_in(client)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/associations/lines"),
        ("GET", "/loads/1/progress"),
        ("GET", "/sign-in/left"),
        ("GET", "/static/pages.css"),
        ("GET", "/health"),
        ("HEAD", "/"),
        ("GET", "/there-is-no-such-page"),
        ("GET", "/loads/999"),
        ("POST", "/loads/1/verify"),  # without its token, so it fails
        ("POST", "/account"),
    ],
)
def test_what_is_no_action_of_the_person_does_not_prolong(
    method: str, path: str, sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("admin")
    for _ in range(6):
        scheme.pass_time(minutes=1)
        client.open(path, method=method).close()
    assert not is_in(client)


def test_a_page_that_looks_again_by_itself_is_told_when_the_session_is_over(
    sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("admin")
    told = client.get("/sign-in/left").json
    assert told is not None
    assert (told["seconds"], told["signed_in"], told["locked"]) == (300, True, False)
    scheme.pass_time(minutes=6)
    assert client.get("/sign-in/left").json["seconds"] == 0  # type: ignore[index]
    assert client.get("/associations/lines").status_code == 401


def test_no_session_outlives_eight_hours(sign_in: SignIn, scheme: Scheme) -> None:
    client = sign_in("admin")
    for _ in range(8 * 15 - 1):
        scheme.pass_time(minutes=4)
        assert is_in(client)
    scheme.pass_time(minutes=4, seconds=1)
    assert not is_in(client)


def test_guessing_is_slowed_down_for_one_account_and_nobody_else(
    app: Flask, scheme: Scheme
) -> None:
    client = app.test_client()
    answers = [sign_in_with(client, ME, f"guess-number-{n}").status_code for n in range(11)]
    assert answers == [422] * 10 + [429]
    assert sign_in_with(client, ME).status_code == 429
    assert "Wait five minutes" in sign_in_with(client, ME).text
    assert sign_in_with(app.test_client(), PEOPLE["contact"]).status_code == 303
    elsewhere = app.test_client()
    page = elsewhere.get("/sign-in", environ_base={"REMOTE_ADDR": "10.1.1.1"}).text
    form = {"email": ME, "password": PASSWORD, "csrf_token": token_on(page)}
    answer = elsewhere.post("/sign-in", data=form, environ_base={"REMOTE_ADDR": "10.1.1.1"})
    assert answer.status_code == 303


def test_one_address_cannot_try_many_accounts(scheme: Scheme) -> None:
    with served(scheme, sign_in_tries=2) as app:
        client = app.test_client()
        answers = [
            sign_in_with(client, f"nobody{n}@x.example", "guess-guess").status_code
            for n in range(21)
        ]
    assert answers == [422] * 20 + [429]


def test_a_password_is_changed_and_other_browsers_are_signed_out(
    app: Flask, sign_in: SignIn
) -> None:
    here, there = sign_in("admin"), sign_in("admin")

    def change(now: str, new: str, again: str) -> tuple[int, str]:
        form = {"password": now, "new_password": new, "new_password_confirm": again}
        token = token_on(here.get("/account").text)
        answer = here.post("/account", data=form | {"csrf_token": token})
        return answer.status_code, answer.text

    new = "another-good-password"
    for attempt, said in (
        (("wrong-password", new, new), "The password you use now is not right."),
        ((PASSWORD, new, "something-else"), "The two new passwords are not the same."),
        ((PASSWORD, "short", "short"), "A password has 10 to 256 characters"),
        ((PASSWORD, PASSWORD, PASSWORD), "The new password is the old one"),
    ):
        status, page = change(*attempt)
        assert status == 422
        assert said in page
    assert change(PASSWORD, new, new)[0] == 303
    assert is_in(here)
    assert not is_in(there)
    assert sign_in_with(app.test_client(), ME).status_code == 422
    assert sign_in_with(app.test_client(), ME, new).status_code == 303
