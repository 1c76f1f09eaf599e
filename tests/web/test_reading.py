"""A reader's receipts and sheet, by forms as a browser without scripts would send them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from secrets import token_hex
from types import SimpleNamespace

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.receipts import Receipt
from pacs_bridge.services.receipts import show_receipt
from pacs_bridge.web.context import EXTENSION
from pacs_bridge.web.reading_forms import FINDINGS
from tests.web.conftest import SignIn, sign_in_with, token_on
from tests.web.desk import MASS, SPOT, a_save, drawn
from tests.web.seed import PEOPLE, SET, Scheme

CASE = f"{SET}120"
PAGE = f"/reading/{SET}/{CASE}"


def send(client: FlaskClient, path: str, where: str = PAGE, **said: str) -> TestResponse:
    """Send a form of a page, with a token of its own where none is given."""
    csrf = getattr(client, "csrf", None) or token_on(client.get(where).text)
    client.csrf = csrf  # type: ignore[attr-defined]  # as good for every form of the session
    return client.post(f"{where}/{path}", data={"token": token_hex(16), "csrf_token": csrf} | said)


def receipt(scheme: Scheme, reader: str = "R102", case: str = CASE) -> Receipt:
    return show_receipt(reader, case, begin=scheme.begin, now=scheme.now)


def words(page: str) -> str:
    """The words of a page, each gap one blank."""
    body = re.sub(r"(?s)<head.*?</head>|<[^>]+>", " ", page)
    return " ".join(body.split())


A_MARK = {"image": "4", "x": "352.5", "y": "470.25", "finding": "MILL", "rating": "4"}

WRONG: list[tuple[str, dict[str, str], str]] = [
    ("marks", {"x": ""}, "Put the mark on the image first."),
    ("marks", {"x": "nan"}, "Put the mark on the image first."),
    ("marks", {"y": "2294.1"}, "Put the mark on the image first."),
    ("marks", {"image": "5"}, "Choose the image that the mark lies on."),
    ("marks", {"rating": ""}, "Choose the level of concern"),
    ("marks", {"rating": "6"}, "The level of concern is 1, 2, 3, 4 or 5."),
    ("marks", {"finding": "<b>"}, "Choose one of the findings."),
    ("marks", {"finding": ""}, "Choose what you see."),
    ("marks", {"shape": "STAR"}, "A mark is one of POINT, CIRCLE, ELLIPSE"),
    ("marks", {"shape": "CIRCLE", "points": "9,9"}, "This circle is not whole; draw it again."),
    ("marks", {"shape": "CIRCLE", "points": "9,9 9.5,9"}, "This circle is too small to be seen"),
    ("marks", {"shape": "POLYGON", "points": "1,1 5,5 9,9"}, "This polygon is too small"),
    ("marks", {"shape": "ELLIPSE", "points": "1,5 9,5 5,5 5,5"}, "This ellipse is too small"),
    ("marks", {"shape": "CIRCLE", "points": "9,9 1e9,9"}, "Put the mark on the image first."),
    ("marks", {"shape": "POLYGON", "points": "1,1 5,5 1,9 " * 700}, "This polygon is not whole"),
    ("marks", {"token": "mine"}, "The page was too old; say it once more."),
    ("answer", {"answer": "mend", "key": "x"}, "Choose another level of concern"),
    ("answer", {"answer": "erase", "key": "x"}, "Choose what you say of the mark."),
    ("answer", {"answer": "drop", "key": "x"}, "This mark is not there any more"),
    ("breasts", {"side": "R"}, "Choose what is to be done with the right breast."),
    ("breasts", {"side": "B"}, "Choose the breast."),
    ("breasts", {"side": "L", "decision": "RTS", "density": "z"}, "one of the densities"),
]


class TestWhoSees:
    def test_a_reader_sees_their_own_marks_in_words(self, scheme: Scheme, sign_in: SignIn) -> None:
        a_save(scheme, 120, drawn(120, 1, "POINT", SPOT, rating=4, finding=MASS))
        page = words(sign_in("midway").get(PAGE).text)
        assert "1 : R CC, ill-defined mass, 4 Counts From a drawing of your viewer." in page
        assert "R CC, ill-defined mass" not in words(sign_in("done").get(PAGE).text)

    def test_a_reader_who_is_not_released_is_told_so_in_a_plain_sentence(
        self, sign_in: SignIn
    ) -> None:
        for page in (f"/reading/{SET}", PAGE):
            said = words(sign_in("fresh").get(page).text)
            assert "The cases are not ready at southmere-unit yet." in said
            assert "Put a mark" not in said

    def test_no_other_set_or_case_is_there(self, sign_in: SignIn) -> None:
        client = sign_in("midway")
        for page in (
            "/reading/PERFORMS999", f"/reading/{SET}/{SET}999", f"/reading/{SET}/PERFORMS122101",
            f"/reading/PERFORMS122/{CASE}", f"/reading/{SET}/nothing",
        ):  # fmt: skip
            assert client.get(page).status_code == 404, page

    def test_a_picture_is_for_released_readers_of_the_set_only(self, sign_in: SignIn) -> None:
        for who in ("contact", "admin", "fresh", "nobody"):
            answer = sign_in(who).get(f"{PAGE}/images/1/1.png")
            assert answer.status_code in (403, 404), who
            assert not answer.data.startswith(b"\x89PNG"), who

    def test_a_picture_is_asked_for_each_time_and_sent_once(self, sign_in: SignIn) -> None:
        client = sign_in("midway")
        answer = client.get(f"{PAGE}/images/1/1.png")
        with Image.open(BytesIO(answer.data)) as picture:
            assert (picture.format, picture.height) == ("PNG", 1200)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again = client.get(
            f"{PAGE}/images/1/1.png", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status_code, again.data) == (304, b"")
        for other in ("5/1", "0/1", "1/2", "1/0"):
            assert client.get(f"{PAGE}/images/{other}.png").status_code == 404, other


class TestAnswering:
    def test_what_is_asked_is_confirmed_changed_or_taken_back(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        a_save(
            scheme, 120,
            drawn(120, 2, "CIRCLE", (1000.0, 1200.0), (1150.0, 1200.0), rating=5,
                  flags=("rating-conflict",), text="M4/5"),
            drawn(120, 3, "BITMAP", (1200.0, 1500.0), (1500.0, 1750.0),
                  flags=("needs-confirmation",)),
            drawn(120, 1, "POINT", SPOT, rating=2),
        )  # fmt: skip
        client = sign_in("midway")
        page = words(client.get(PAGE).text)
        assert "which one counts?" in page
        assert "is it a mark?" in page
        one, two, three = (mark.key for mark in receipt(scheme).marks)
        assert send(client, "answer", key=one, answer="mend", rating="4").status_code == 303
        assert send(client, "answer", key=two, answer="confirm").status_code == 303
        assert send(client, "answer", key=three, answer="drop").status_code == 303
        now = receipt(scheme)
        assert [mark.state for mark in now.marks] == ["mended", "confirmed", "dropped"]
        assert now.marks[0].rating == 4
        page = words(client.get(PAGE).text)
        assert "is it a mark?" not in page
        assert "It is a mark of mine" in page

    def test_a_form_sent_twice_is_one_answer(self, scheme: Scheme, sign_in: SignIn) -> None:
        client, token = sign_in("midway"), token_hex(16)
        for _ in range(3):
            assert send(client, "marks", token=token, **A_MARK).status_code == 303
        (mark,) = receipt(scheme).marks
        assert (mark.image, mark.points, mark.rating) == ("2.25.120.4", ((352.5, 470.25),), 4)
        assert mark.words == "L MLO, ill-defined mass, 4"
        assert send(client, "marks", **A_MARK | {"x": "900"}).status_code == 303
        assert len(receipt(scheme).marks) == 2

    def test_what_cannot_be_is_told_on_the_page_and_nothing_is_kept(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        for path, said, told in WRONG:
            answer = send(client, path, **(A_MARK if path == "marks" else {}) | said)
            assert answer.status_code == 422, said
            assert "<title>Error: " in answer.text
            assert told in words(answer.text)
        assert receipt(scheme).state == "unread"

    def test_every_finding_on_offer_can_be_put(self, scheme: Scheme, sign_in: SignIn) -> None:
        client = sign_in("midway")
        for place, finding in enumerate(FINDINGS):
            said = A_MARK | {"finding": finding, "x": str(100 + 100 * place)}
            assert send(client, "marks", **said).status_code == 303, finding
        told = [mark.words for mark in receipt(scheme).marks]
        assert [each.split(", ")[1].partition(" abnormality")[0] for each in told] == [
            words.lower() for words in FINDINGS.values()
        ]

    def test_nothing_is_kept_without_the_forms_own_token_of_the_session(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        answer = sign_in("midway").post(f"{PAGE}/marks", data=A_MARK | {"token": token_hex(16)})
        assert answer.status_code == 400
        assert receipt(scheme).marks == ()

    def test_each_breast_is_decided_by_itself(self, scheme: Scheme, sign_in: SignIn) -> None:
        client = sign_in("midway")
        send(client, "breasts", side="R", decision="RECALL", rating="4", density="c")
        send(client, "breasts", side="L", decision="RTS")
        assert receipt(scheme).breasts == (
            BreastDecision("R", "RECALL", 4, "c"),
            BreastDecision("L", "RTS", None, None),
        )
        page = words(client.get(PAGE).text)
        assert "Right breast: recall for assessment Level of concern 4 suspicious." in page
        assert "Left breast: return to screening" in page

    def test_a_case_without_marks_is_normal_in_one_click(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        assert send(client, "normal").status_code == 303
        assert [each.decision for each in receipt(scheme).breasts] == ["RTS", "RTS"]

    def test_a_case_with_marks_is_not_offered_as_normal(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        assert "Both breasts normal" in client.get(PAGE).text
        a_save(scheme, 120, drawn(120, 1, "POINT", SPOT, rating=4))
        assert "Both breasts normal" not in client.get(PAGE).text
        assert send(client, "normal").status_code == 422

    def test_after_the_round_nothing_is_offered_and_nothing_is_taken(
        self, scheme: Scheme, app: Flask
    ) -> None:
        scheme.pass_time(days=41)
        client = app.test_client()
        sign_in_with(client, PEOPLE["midway"])
        page = client.get(PAGE).text
        assert "Nothing can be changed." in words(page)
        assert "Put a mark" not in page
        assert send(client, "marks", **A_MARK).status_code == 422
        assert receipt(scheme).marks == ()


class TestTheList:
    LIST = f"/reading/{SET}"

    def test_practice_comes_first_and_what_waits_is_said_above(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        asked = drawn(120, 3, "BITMAP", (1.0, 1.0), (5.0, 5.0), flags=("needs-confirmation",))
        a_save(scheme, 120, asked)
        page = words(sign_in("midway").get(self.LIST).text)
        assert page.index("wait for your answer") < page.index("Practice cases, never scored")
        assert page.index("Practice cases, never scored") < page.index("Test cases")
        assert f"{SET}130 What reached us Nothing has reached us. State Nothing yet" in page

    def test_the_rest_is_normal_by_a_statement_that_names_them(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        page = client.get(self.LIST).text
        (named,) = re.findall(r'name="accessions" value="([^"]+)"', page)
        unread = named.split()
        numbers = ", ".join(case.removeprefix(SET) for case in unread)
        assert f"both breasts normal in each of them: {numbers}." in words(page)
        kept = send(client, "rest", self.LIST, accessions=named)
        assert kept.status_code == 422
        assert "Tick the statement" in words(kept.text)
        fewer = send(client, "rest", self.LIST, accessions=" ".join(unread[1:]), stated="yes")
        assert fewer.status_code == 422
        assert receipt(scheme, case=unread[1]).state == "unread"
        done = send(client, "rest", self.LIST, accessions=named, stated="yes")
        assert done.status_code == 303
        for case in (unread[0], unread[-1]):
            assert [b.decision for b in receipt(scheme, case=case).breasts] == ["RTS", "RTS"]
        assert "the rest were normal" not in client.get(self.LIST).text

    def test_a_silence_is_told_and_marks_that_name_nobody_are_asked_about(
        self, app: Flask, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        settings, services = app.extensions[EXTENSION]
        calm = words(client.get(self.LIST).text)
        who = replace(
            services.who,
            show_session=lambda *_: SimpleNamespace(silence="Nothing has reached us since 109."),
            claimable=lambda *_: SimpleNamespace(waiting=2),
        )
        app.extensions[EXTENSION] = (settings, replace(services, who=who))
        page = words(client.get(self.LIST).text)
        for said in (
            "Nothing has reached us since 109.",
            "2 saves reached us without a name. Are they yours?",
        ):
            assert said in page
            assert said not in calm

    def test_a_page_that_shows_the_newest_is_sent_nothing(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        for page in (self.LIST, PAGE):
            (version,) = re.findall(r'data-live-version="(\w+)"', client.get(page).text)
            look = f"{page}/look?version={version}"
            assert (client.get(look).status_code, client.get(look).data) == (204, b"")
            a_save(scheme, 120, drawn(120, 1, "POINT", SPOT), uid=page[-3:])
            assert client.get(look).status_code == 200

    def test_to_look_by_itself_keeps_no_session_alive(
        self, scheme: Scheme, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        for _ in range(4):
            scheme.pass_time(minutes=2)
            answer = client.get(f"{self.LIST}/look")
        assert answer.status_code == 401


@contextmanager
def told(app: Flask, shown: Receipt | None = None, **of_all: object) -> Iterator[None]:
    """Have the pages show this receipt, and say this of all cases."""
    settings, services = app.extensions[EXTENSION]
    known = services.reading
    reading = replace(
        known,
        show_receipt=known.show_receipt if shown is None else lambda *_: shown,
        list_receipts=lambda *who: replace(known.list_receipts(*who), **of_all),
    )
    app.extensions[EXTENSION] = (settings, replace(services, reading=reading))
    yield
    app.extensions[EXTENSION] = (settings, services)


def test_a_volume_shows_the_frame_of_its_mark_else_the_middle_one(
    scheme: Scheme, app: Flask, sign_in: SignIn
) -> None:
    a_save(scheme, 120, drawn(120, 1, "POINT", SPOT, rating=4))
    known = receipt(scheme)
    volumes = tuple(replace(image, frames=52) for image in known.images)
    (mark,) = known.marks
    client = sign_in("midway")
    with told(app, replace(known, images=volumes, marks=(replace(mark, frame=12),))):
        page = client.get(PAGE).text
        assert "/images/1/12.png" in page
        assert "/images/2/26.png" in page
        assert page.count('class="app-shape app-shape--read') == 1
        other = client.get(f"{PAGE}?frame1=13").text
        assert "/images/1/13.png" in other
        assert 'class="app-shape' not in other
        assert "On frame 12</a>, not the one shown." in other
        beyond = client.get(f"{PAGE}?frame1=53&frame2=x").text
        assert "/images/1/12.png" in beyond


def test_a_mark_on_a_strange_image_is_told_and_not_drawn(
    scheme: Scheme, app: Flask, sign_in: SignIn
) -> None:
    a_save(scheme, 120, drawn(120, 1, "POINT", SPOT, rating=4))
    known = receipt(scheme)
    lost = replace(known.marks[0], image="1.2.3", text="<script>alert(1)</script>")
    with told(app, replace(known, marks=(lost,), exposed="An AI report lay beside it.", late=2)):
        page = sign_in("midway").get(PAGE).text
    assert "It lies on an image that is not one of this case, and is not drawn." in words(page)
    assert 'class="app-shape' not in page
    assert "<script>alert" not in page
    assert "An AI report lay beside it." in page


def test_what_is_sent_late_is_said_to_be_kept_and_not_scored(scheme: Scheme, app: Flask) -> None:
    scheme.pass_time(days=40)
    a_save(scheme, 120, drawn(120, 1, "POINT", SPOT, rating=4))
    scheme.clock[0] += timedelta(hours=1)
    client = app.test_client()
    sign_in_with(client, PEOPLE["midway"])
    assert "(1 save) is kept and reported, not scored" in words(client.get(PAGE).text)


def test_who_reads_a_copy_sees_the_names_of_the_copy(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("midway")
    with told(app, copy=7):
        assert f"{SET}13007 What reached us" in words(client.get(f"/reading/{SET}").text)
        assert f"Test case {CASE}07" in words(client.get(PAGE).text)


def test_who_reads_on_the_sheet_has_it_open_and_is_told_to_save_nothing(
    app: Flask, sign_in: SignIn
) -> None:
    client = sign_in("midway")
    with told(app, way="sheet", search=("Search for PERF^121",), notes=("A note.",)):
        page = words(client.get(f"/reading/{SET}").text)
        for said in ("Save nothing in the PACS", "Search for PERF^121", "A note."):
            assert said in page
        case = client.get(PAGE).text
        assert "New mark" in case
        assert "new-details" not in case
