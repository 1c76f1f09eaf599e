"""An application over a seeded database, a client, and a real server for browsers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import sessionmaker

from pacs_bridge.db.accounts import AccountStore
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.queries import Queries
from pacs_bridge.db.watch_queries import WatchQueries
from pacs_bridge.services.audit import record_event
from pacs_bridge.services.plan import queue_verify, start_again
from pacs_bridge.web.app import WebServices, WebSettings, create_app
from tests.web.seed import PASSWORD, PEOPLE, Scheme, a_scheme, an_empty_scheme

SignIn = Callable[[str], FlaskClient]


def build(scheme: Scheme, **changes: object) -> Flask:
    """The application over a scheme, as wiring would join it."""
    read = sessionmaker(make_engine(scheme.url, immediate=False), expire_on_commit=False)
    write = sessionmaker(make_engine(scheme.url), expire_on_commit=False)
    given = {"secret": b"for tests only", "idle": timedelta(minutes=5)} | changes
    return create_app(
        WebSettings(**given),  # type: ignore[arg-type]
        WebServices(
            now=scheme.now,
            accounts=AccountStore(read, write),
            queries=Queries(read),
            watch=WatchQueries(read),
            start_load=partial(start_again, begin=scheme.begin, now=scheme.now),
            verify_load=partial(queue_verify, begin=scheme.begin, now=scheme.now),
            record=partial(record_event, begin=scheme.begin, now=scheme.now),
        ),
    )


def token_on(page: str) -> str:
    """The form token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def sign_in_with(client: FlaskClient, email: str, password: str = PASSWORD, **more: str) -> object:
    """Send the sign-in form as a browser would."""
    token = token_on(client.get("/sign-in").text)
    form = {"email": email, "password": password, "csrf_token": token} | more
    return client.post("/sign-in", data=form)


@pytest.fixture
def scheme(tmp_path: Path) -> Scheme:
    return a_scheme(tmp_path)


@pytest.fixture
def empty_scheme(tmp_path: Path) -> Scheme:
    return an_empty_scheme(tmp_path)


@pytest.fixture
def app(scheme: Scheme) -> Flask:
    return build(scheme)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client(use_cookies=True) as opened:
        yield opened


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    """Give a client that is signed in as one of the scheme's people."""

    def signed_in(who: str) -> FlaskClient:
        client = app.test_client()
        answer = sign_in_with(client, PEOPLE[who])
        assert answer.status_code == 303, answer.text  # type: ignore[attr-defined]
        return client

    return signed_in
