"""Events as they happen: each once, in their order, to few at a time and to administrators only."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.db.repositories.watch import Event
from pacs_bridge.services import event_stream
from pacs_bridge.services.event_stream import Follower
from pacs_bridge.web import stream
from pacs_bridge.web.event_words import tell
from pacs_bridge.web.serve import WebServer
from pacs_bridge.web.stream import MOST_STREAMS
from tests.waiting import wait_until
from tests.web.conftest import served, token_on
from tests.web.seed import DATABASE, NOW, PASSWORD, PEOPLE, Scheme, open_scheme

PATIENCE = 60.0


class Site:
    """A served scheme, asked by HTTP as a browser would."""

    def __init__(self, scheme: Scheme, server: WebServer) -> None:
        self.scheme, self.server = scheme, server
        self._cookie = ""
        page, cookie = self.ask("GET", "/sign-in")
        form = f"email={PEOPLE['admin']}&password={PASSWORD}&csrf_token={token_on(page)}"
        self._cookie = cookie
        self._cookie = self.ask("POST", "/sign-in", form.replace("@", "%40"))[1]

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)

    def ask(self, method: str, path: str, form: str = "") -> tuple[str, str]:
        """Ask for a page; gives its text and the session's cookie."""
        with closing(self.connect()) as connection:
            headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, path, form, headers)
            answer = connection.getresponse()
            cookie = (answer.getheader("Set-Cookie") or "").split(";")[0]
            return answer.read().decode(), cookie

    def happen(self, *subjects: str) -> None:
        with self.scheme.begin() as uow:
            for subject in subjects:
                uow.events.add(NOW, "load-started", subject, load=1)

    def follow(self, path: str = "/associations/stream", last: str = "") -> Followed:
        return Followed(self, path, {"Last-Event-ID": last} if last else {})


class Followed:
    """A stream that is open."""

    def __init__(self, site: Site, path: str, headers: dict[str, str]) -> None:
        self._connection = site.connect()
        headers = {"Cookie": site._cookie, **headers}
        self._connection.request("GET", path, headers=headers)
        self.answer = self._connection.getresponse()

    def __enter__(self) -> Followed:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self.answer.close()

    def lines(self) -> Iterator[str]:
        while line := self.answer.readline().decode():
            yield line.rstrip("\n")

    def events(self, count: int) -> list[tuple[int, str]]:
        """Read so many events: number and text."""
        found, number = [], 0
        for line in self.lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: "):
                found.append((number, json.loads(line[6:])["text"]))
                if len(found) == count:
                    break
        return found


@pytest.fixture
def site(tmp_path: Path, seeded: tuple[Path, dict[str, int]]) -> Iterator[Site]:
    yield from _site(tmp_path, seeded[0])


def _site(folder: Path, database: Path, **changes: Any) -> Iterator[Site]:
    shutil.copy(database, folder / DATABASE)
    scheme = open_scheme(folder)
    with served(scheme, **changes) as app:
        server = WebServer(app, "127.0.0.1", 0)
        yield Site(scheme, server)
        server.close()
    scheme.close()


def test_what_happens_is_told_in_its_order_and_from_where_one_left_off(site: Site) -> None:
    with site.follow() as first:
        assert first.answer.status == 200
        assert first.answer.getheader("Content-Type", "").startswith("text/event-stream")
        assert first.answer.getheader("Cache-Control") == "no-store"
        assert next(first.lines()) == "retry: 1000"
        site.happen("one", "two")
        told = first.events(2)
        assert [text for _, text in told] == ["Load started: one.", "Load started: two."]
    site.happen("three")
    with site.follow(last=str(told[0][0])) as again:
        texts = [text for _, text in again.events(2)]
    assert texts == ["Load started: two.", "Load started: three."]
    with site.follow(f"/associations/stream?after={told[1][0]}") as after:
        assert [text for _, text in after.events(1)] == ["Load started: three."]


def test_a_place_that_is_none_means_from_now_on(site: Site) -> None:
    for last in ("x", "9" * 30, "1 OR 1=1"):
        site.happen("before")
        with site.follow(last=last) as stream:
            assert stream.answer.status == 200
            assert next(stream.lines()) == "retry: 1000"
            site.happen("after")
            assert [text for _, text in stream.events(1)] == ["Load started: after."]


def test_a_stream_in_which_nothing_happens_says_that_it_lives(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_HEARTBEAT_SECONDS", 0.2)
    with site.follow() as quiet:
        beats = (line for line in quiet.lines() if line.startswith(":"))
        assert [next(beats), next(beats)] == [": nothing new"] * 2


def test_streams_are_few_and_leave_the_pages_their_threads(site: Site) -> None:
    streams = [site.follow() for _ in range(MOST_STREAMS)]
    assert {each.answer.status for each in streams} == {200}
    with site.follow() as one_more:
        assert one_more.answer.status == 503
    assert "What happens now" in site.ask("GET", "/associations")[0]
    for each in streams:
        each.__exit__()

    def has_room() -> bool:
        with site.follow() as another:
            return another.answer.status == 200

    wait_until(has_room, "the server to notice who left")


def test_a_stream_ends_after_its_time_and_with_the_session(
    tmp_path: Path, seeded: tuple[Path, dict[str, int]]
) -> None:
    for site in _site(tmp_path, seeded[0], stream_seconds=0.2):
        with site.follow() as short:
            assert list(short.lines()) == ["retry: 1000", ""]
        site.scheme.pass_time(seconds=3600)
        with site.follow() as late:
            assert late.answer.status == 401


def test_a_server_that_stops_waits_for_no_stream(
    tmp_path: Path, seeded: tuple[Path, dict[str, int]]
) -> None:
    for site in _site(tmp_path, seeded[0], stream_seconds=3600.0):
        with site.follow() as lasting:
            assert next(lasting.lines()) == "retry: 1000"
            closing_ = threading.Thread(target=site.server.close)
            closing_.start()
            assert list(lasting.lines())[-1:] in ([], [""])
            closing_.join(PATIENCE)
            assert not closing_.is_alive()


class TestFollower:
    """Numbers are given before they are seen: a gap is waited for, a moment."""

    def follow(self, *numbers: int, after: int) -> tuple[Follower, list[Event]]:
        events = [an_event(number) for number in numbers]

        def read(number: int, _most: int) -> list[Event]:
            return sorted(
                (each for each in events if each.event_id > number), key=lambda e: e.event_id
            )

        return Follower(read, last=10, after=after), events

    def test_a_number_that_comes_late_is_told_in_its_place(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_stream, "_GAP_SECONDS", 3600.0)
        follower, events = self.follow(5, 7, after=4)
        assert [event.event_id for event in follower.next()] == [5]
        assert follower.next() == []
        events.append(an_event(6))
        assert [event.event_id for event in follower.next()] == [6, 7]

    def test_a_number_that_never_comes_is_not_waited_for_long(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_stream, "_GAP_SECONDS", 3600.0)
        follower, _ = self.follow(5, 7, after=4)
        assert [event.event_id for event in follower.next()] == [5]
        assert follower.next() == []
        monkeypatch.setattr(event_stream, "_GAP_SECONDS", 0.0)
        assert [event.event_id for event in follower.next()] == [7]

    def test_nobody_is_told_the_whole_past(self) -> None:
        asked = []

        def read(number: int, _most: int) -> list[Event]:
            asked.append(number)
            return []

        Follower(read, last=10_000, after=0).next()
        Follower(read, last=10_000, after=99_999).next()
        Follower(read, last=10_000).next()
        assert asked == [9_500, 10_000, 10_000]


def an_event(number: int) -> Event:
    return Event(NOW, "load-started", str(number), {}, number)


@pytest.mark.parametrize(
    ("kind", "subject", "detail", "told"),
    [
        (
            "association-ended", "north",
            {"ae_title": "PACS", "address": "10.0.0.1", "outcome": "aborted", "stored": 2,
             "refused": 1, "echoes": 1, "requests": {"C-FIND": 3}, "note": "silent or too slow"},
            ("north (PACS) at 10.0.0.1: association aborted, 2 stored, 1 refused, 1 echo, "
             "3 C-FIND. Silent or too slow."),
        ),
        (
            "association-opened", "", {"ae_title": "", "address": "10.0.0.1", "tls": True},
            "(no title) at 10.0.0.1 opened an association, over TLS.",
        ),
        (
            "query", "north", {"level": "STUDY", "matches": 1, "status": "0000"},
            "north asked at STUDY level: 1 match, status 0x0000.",
        ),
        (
            "retrieve", "north",
            {"service": "move", "completed": 4, "failed": 1, "status": "B000"},
            "north retrieved by C-MOVE: 4 objects sent, 1 failed, status 0xB000.",
        ),
        ("something-new", "x\u202ey", {}, "Something new: x\ufffdy."),
        ("something-new", "", {}, "Something new."),
    ],
)  # fmt: skip
def test_events_are_told_in_plain_words(
    kind: str, subject: str, detail: dict[str, Any], told: str
) -> None:
    assert tell(Event(NOW, kind, subject, detail)) == told
