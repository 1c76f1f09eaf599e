"""An application over a seeded database, a client, and a real server for browsers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker
from werkzeug.test import TestResponse

from pacs_bridge.db.accounts import AccountStore
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.queries import Queries
from pacs_bridge.db.watch_queries import WatchQueries
from pacs_bridge.services.adopt import adopt_association, forget_caller
from pacs_bridge.services.audit import record_event
from pacs_bridge.services.plan import queue_verify, start_again
from pacs_bridge.services.search_notes import accept_names
from pacs_bridge.services.sending_status import sending_status
from pacs_bridge.services.site_pack import OurNode, orders_for, site_pack
from pacs_bridge.services.workstation import check_workstation, what_to_check
from pacs_bridge.web.app import WebServices, WebSettings, create_app
from pacs_bridge.wiring.feedback import feedback_services
from pacs_bridge.wiring.reader_copies import build_copies_pages
from pacs_bridge.wiring.who import who_services
from tests.isolation import isolation_of
from tests.web.desk import reading_services
from tests.web.seed import (
    DATABASE,
    PASSWORD,
    PEOPLE,
    Scheme,
    a_scheme,
    an_empty_scheme,
    open_scheme,
)

NODE = OurNode(
    "bridge.example", 11112, 2762, {"1.2.840.10008.5.1.4.1.1.11.1": "GSPS"}, "office@scheme.example"
)
SignIn = Callable[[str], FlaskClient]


class Compiled(BytecodeCache):
    """Templates as they were compiled for an earlier application of this process."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept under the template's name and content."""
        if kept := self._kept.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        self._kept[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


COMPILED = Compiled()


@contextmanager
def served(scheme: Scheme, **changes: object) -> Iterator[Flask]:
    """The application over a scheme, as wiring would join it; its connections end with it."""
    reading, writing = make_engine(scheme.url, immediate=False), make_engine(scheme.url)
    try:
        yield build(scheme, reading, writing, **changes)
    finally:
        reading.dispose()
        writing.dispose()


def build(scheme: Scheme, reading: Engine, writing: Engine, **changes: object) -> Flask:
    """Join the application of plain values."""
    read = sessionmaker(reading, expire_on_commit=False)
    write = sessionmaker(writing, expire_on_commit=False)
    given = {"secret": b"for tests only", "idle": timedelta(minutes=5)} | changes
    app = create_app(
        WebSettings(**given),  # type: ignore[arg-type]
        WebServices(
            now=scheme.now,
            accounts=AccountStore(read, write),
            queries=Queries(read),
            watch=WatchQueries(read),
            start_load=partial(start_again, begin=scheme.begin, now=scheme.now),
            verify_load=partial(queue_verify, begin=scheme.begin, now=scheme.now),
            accept_names=partial(accept_names, accession=None, begin=scheme.begin, now=scheme.now),
            record=partial(record_event, begin=scheme.begin, now=scheme.now),
            adopt=partial(
                adopt_association, our_ae_title="PACSBRIDGE", begin=scheme.begin, now=scheme.now
            ),
            forget=partial(forget_caller, begin=scheme.begin, now=scheme.now),
            what_to_check=partial(what_to_check, begin=scheme.begin),
            check_workstation=partial(check_workstation, begin=scheme.begin, now=scheme.now),
            site_pack=partial(site_pack, begin=scheme.begin, node=NODE),
            orders_for=partial(orders_for, begin=scheme.begin, now=scheme.now),
            sending=partial(sending_status, begin=scheme.begin, now=scheme.now),
            reading=reading_services(scheme),
            who=who_services(begin=scheme.begin, now=scheme.now, settle=60.0),
            isolation=isolation_of(scheme),
            copies=build_copies_pages(scheme.begin, scheme.begin, scheme.now),
            feedback=feedback_services(scheme.begin, scheme.begin, scheme.now),
        ),
    )
    app.jinja_env.bytecode_cache = COMPILED
    return app


def token_on(page: str) -> str:
    """The form token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def sign_in_with(
    client: FlaskClient, email: str, password: str = PASSWORD, **more: str
) -> TestResponse:
    """Send the sign-in form as a browser would."""
    token = token_on(client.get("/sign-in").text)
    form = {"email": email, "password": password, "csrf_token": token} | more
    return client.post("/sign-in", data=form)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """The scheme's database, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("seeded")
    made = a_scheme(folder)
    made.close()
    return folder / DATABASE, made.loads


@pytest.fixture
def scheme(tmp_path: Path, seeded: tuple[Path, dict[str, int]]) -> Iterator[Scheme]:
    database, loads = seeded
    shutil.copy(database, tmp_path / DATABASE)
    opened = open_scheme(tmp_path)
    opened.loads = loads
    yield opened
    opened.close()


@pytest.fixture
def empty_scheme(tmp_path: Path) -> Iterator[Scheme]:
    opened = an_empty_scheme(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def app(scheme: Scheme) -> Iterator[Flask]:
    with served(scheme) as made:
        yield made


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
        assert answer.status_code == 303, answer.text
        return client

    return signed_in
