"""What goes wrong becomes a page, and the page says what to do."""

from __future__ import annotations

import pytest
from flask import Flask, abort

from pacs_bridge.domain.errors import PacsBridgeError, RefusedInput, StoreBusy
from pacs_bridge.web.context import EXTENSION
from pacs_bridge.web.errors import FAMILY, PAGES, page_of
from tests.errors import family
from tests.web.conftest import SignIn
from tests.web.seed import Scheme


@pytest.mark.parametrize("kind", family(PacsBridgeError), ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_its_own_row(kind: type[PacsBridgeError]) -> None:
    assert kind in FAMILY
    assert 400 <= page_of(kind.__new__(kind)).status < 600


@pytest.mark.parametrize("status", sorted(PAGES))
def test_every_error_page_is_in_the_layout_of_the_others(status: int, app: Flask) -> None:
    app.view_functions["health.show"] = lambda: abort(status)
    answer = app.test_client().get("/health")
    assert answer.status_code == status
    assert PAGES[status].title in answer.text
    assert "nhsuk-header" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_what_the_person_did_wrong_is_told_in_its_own_words(app: Flask) -> None:
    def refuse() -> str:
        raise RefusedInput("A set is named PERFORMS and three digits; use such a name.")

    app.view_functions["health.show"] = refuse
    answer = app.test_client().get("/health")
    assert answer.status_code == 400
    assert "A set is named PERFORMS and three digits; use such a name." in answer.text


def test_a_bug_tells_nothing_of_itself(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def break_down() -> str:
        raise ZeroDivisionError("the secret of the house")

    app.view_functions["health.show"] = break_down
    answer = app.test_client().get("/health")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_database_that_is_gone_still_gives_a_page(
    app: Flask, sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("admin")

    def busy(**_by: object) -> None:
        raise StoreBusy("The database is busy; the same call works later.")

    services = app.extensions[EXTENSION][1]
    services.accounts.find_user = busy
    answer = client.get("/watch")
    assert answer.status_code == 503
    assert "Try again in a minute" in answer.text


def test_health_tells_whether_the_database_answers_and_nothing_else(app: Flask) -> None:
    client = app.test_client()
    well = client.get("/health")
    assert (well.status_code, well.json) == (200, {"status": "ok"})
    assert "Set-Cookie" not in well.headers

    def gone() -> None:
        raise OSError("/a/path/of/ours")

    app.extensions[EXTENSION][1].queries.ping = gone
    ill = client.get("/health")
    assert (ill.status_code, ill.json) == (503, {"status": "unavailable"})


def test_a_form_that_is_far_too_large_is_not_read(app: Flask) -> None:
    answer = app.test_client().post("/sign-in", data={"email": "x" * 100_000})
    assert answer.status_code == 413
