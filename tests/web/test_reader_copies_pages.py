"""Readers' copies on the page: what they take is shown, and agreed to as shown, before a byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.people import Enrolment
from tests.web.conftest import SignIn, token_on
from tests.web.seed import NOW, SET, Scheme

PAGE = f"/copies/{SET}/northfield"
A_SET = 256 * 8_782_000


@pytest.fixture
def by_copies(scheme: Scheme) -> Scheme:
    """Northfield reads by copies; two readers who have not begun are enrolled there."""
    with scheme.begin() as uow:
        pacs = replace(uow.pacs.get("northfield"), isolation=Isolation.COPIES)
        uow.pacs.put(pacs, NOW)
        for code in ("R301", "R302"):
            uow.readers.add(code, NOW)
            uow.enrolments.put(Enrolment(SET, code, "northfield-unit", consent=True))
    return scheme


def agree(client: FlaskClient, size: object) -> tuple[int, str]:
    """Agree to an amount; gives the status and the page that follows."""
    token = token_on(client.get("/account").text)
    form = {"csrf_token": token, "bytes": str(size)}
    answer = client.post(PAGE, data=form, follow_redirects=True)
    return answer.status_code, answer.text


def test_the_disk_space_is_shown_before_anybody_agrees(sign_in: SignIn, by_copies: Scheme) -> None:
    """Two copies of 256 images; who has begun on the master is said, too."""
    client = sign_in("contact")
    assert 'href="/copies"' in client.get("/loads").text
    assert f'href="{PAGE}"' in client.get("/copies").text
    page = client.get(PAGE).text
    assert "<strong>4.5 GB</strong> in northfield" in page
    assert "Agree to 4.5 GB and send" in page
    assert "PERFORMS12116001" in page
    assert "R101, R102: have begun" in page
    assert by_copies.queue.jobs == []


def test_agreeing_to_what_was_shown_queues_the_copies_once_for_each_reader(
    sign_in: SignIn, by_copies: Scheme
) -> None:
    """Each reader has a number from then on, and it is written down who agreed to what."""
    client = sign_in("contact")
    status, page = agree(client, 2 * A_SET)
    assert status == 200
    assert "Agreed. The copies of PERFORMS121 are being made" in page
    assert "Being made" in page
    assert by_copies.queue.jobs == [("make_copies", SET, "northfield")]
    with by_copies.begin() as uow:
        given = uow.reader_copies.given(SET, "northfield")
        (event,) = uow.events.newest(kind="copies-agreed")
    assert [(each.copy, each.reader) for each in given] == [(1, "R301"), (2, "R302")]
    assert event.detail["bytes"] == 2 * A_SET


def test_another_amount_than_the_present_one_is_not_agreed_to(
    sign_in: SignIn, by_copies: Scheme
) -> None:
    """Somebody was enrolled while the page stood open: the new amount is shown, and asked for."""
    client = sign_in("contact")
    with by_copies.begin() as uow:
        uow.readers.add("R303", NOW)
        uow.enrolments.put(Enrolment(SET, "R303", "northfield-unit", consent=True))
    status, page = agree(client, 2 * A_SET)
    assert status == 422
    assert "The copies now take 6.7 GB more, not 4.5 GB" in page
    assert by_copies.queue.jobs == []


def test_an_amount_that_is_none_is_asked_for_again(sign_in: SignIn, by_copies: Scheme) -> None:
    client = sign_in("admin")
    for size in ("", "x", "-1", "1" * 30, "²"):
        status, page = agree(client, size)
        assert status == 422, size
        assert "Look at the amount below" in page
    assert by_copies.queue.jobs == []


def test_nobody_looks_at_or_agrees_for_another_hospital(sign_in: SignIn, by_copies: Scheme) -> None:
    """To another contact there is no such page; a reader is refused, as for every load."""
    other = sign_in("contact2")
    assert other.get(PAGE).status_code == 404
    assert agree(other, 2 * A_SET)[0] == 404
    assert "No PACS here is set to copies" in other.get("/copies").text
    assert sign_in("midway").get(PAGE).status_code == 403
    assert by_copies.queue.jobs == []


def test_a_pacs_that_is_read_in_another_way_says_so_and_takes_no_agreement(
    sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("admin")
    assert "Readers at northfield read by private, not by copies" in client.get(PAGE).text
    assert agree(client, 0)[0] == 422
    assert client.get("/copies/PERFORMS999/northfield").status_code == 404
    assert client.get(f"/copies/{SET}/nowhere").status_code == 404
    assert scheme.queue.jobs == []


def test_why_copies_could_not_be_made_stands_on_the_page_until_they_are(
    sign_in: SignIn, by_copies: Scheme
) -> None:
    client = sign_in("contact")
    agree(client, 2 * A_SET)
    with by_copies.begin() as uow:
        uow.events.add(NOW, "copies-not-made", f"{SET} northfield", reason="An image is gone.")
    assert "The copies could not be made: An image is gone." in client.get(PAGE).text
    with by_copies.begin() as uow:
        uow.events.add(NOW, "copies-made", f"{SET} northfield", copies=2)
    assert "could not be made" not in client.get(PAGE).text
