"""Truth in a hospital's PACS: readers ask for it after the round, contacts see by when it goes."""

from __future__ import annotations

import pytest

from pacs_bridge.domain.feedback import FeedbackObject
from pacs_bridge.domain.loading import InstanceState
from tests.web.conftest import SignIn, token_on
from tests.web.seed import SET, Scheme

BUTTON = "Put the truth beside my marks in our PACS until"
CASE = f"{SET}101"


@pytest.fixture
def over(scheme: Scheme) -> Scheme:
    """The scheme a day after its round, with the truth known."""
    scheme.pass_time(days=41)
    with scheme.begin() as uow:
        uow.truths.add(SET, 1, "0" * 64, {}, scheme.now())
    return scheme


def post(client: object, path: str, page: str) -> str:
    """Press a button as a browser would; gives the page that follows."""
    token = token_on(client.get(page).text)  # type: ignore[attr-defined]
    answer = client.post(path, data={"csrf_token": token}, follow_redirects=True)  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def shown(scheme: Scheme) -> None:
    """Have the PACS hold one object of it."""
    held = FeedbackObject("1.2.3", "1.2.840.10008.5.1.4.1.1.7", CASE, "1.2", "1.2.1", 902, 1, "0")
    with scheme.begin() as uow:
        uow.feedback.add_objects(1, [held])
        uow.feedback.settle("1.2.3", InstanceState.STORED)


def test_nothing_is_offered_while_the_round_is_open(scheme: Scheme, sign_in: SignIn) -> None:
    with scheme.begin() as uow:
        uow.truths.add(SET, 1, "0" * 64, {}, scheme.now())
    reader, contact = sign_in("done"), sign_in("contact")
    assert "truth" not in reader.get(f"/results/{SET}").text.lower()
    assert "Put the truth" not in contact.get(f"/loads/{scheme.loads['northfield']}").text
    page = post(reader, f"/results/{SET}/truth", f"/results/{SET}")
    assert "not closed for everybody" in page
    assert scheme.queue.jobs == []


def test_a_reader_asks_once_and_sees_how_it_stands(over: Scheme, sign_in: SignIn) -> None:
    reader = sign_in("done")
    assert f"{BUTTON} 29 January 2027" in reader.get(f"/results/{SET}").text
    page = post(reader, f"/results/{SET}/truth", f"/results/{SET}")
    assert "Being sent" in page
    assert BUTTON not in page
    post(reader, f"/results/{SET}/truth", f"/results/{SET}")
    assert over.queue.jobs == [("send_feedback", 1)]
    page = post(reader, f"/results/{SET}/truth/away", f"/results/{SET}")
    assert "To be removed" in page


def test_a_contact_sees_by_when_it_goes_and_red_when_it_did_not(
    over: Scheme, sign_in: SignIn
) -> None:
    contact, load = sign_in("contact"), f"/loads/{over.loads['northfield']}"
    post(sign_in("done"), f"/results/{SET}/truth", f"/results/{SET}")
    page = post(contact, f"{load}/truth", load)
    assert "Truth beside the marks of R101, on the master" in page
    assert "Truth, on the master" in page
    shown(over)
    assert f"{CASE},1.2,1.2.1,1.2.3,capture" in contact.get(f"{load}/truth.csv").text
    over.pass_time(days=28)
    contact = sign_in("contact")
    page = contact.get(load).text
    assert "nhsuk-tag--red" in page
    assert "It was promised to be gone by 29 January 2027" in page
    assert "To be removed" in post(contact, f"{load}/truth/away", load) or "Late" in page


def test_who_does_not_read_there_or_care_for_it_finds_nothing(
    over: Scheme, sign_in: SignIn
) -> None:
    load = f"/loads/{over.loads['northfield']}"
    stranger, idle = sign_in("contact2"), sign_in("nobody")
    token = token_on(stranger.get("/loads").text)
    for path in (f"{load}/truth", f"{load}/truth/away"):
        assert stranger.post(path, data={"csrf_token": token}).status_code == 404
    assert stranger.get(f"{load}/truth.csv").status_code == 404
    token = token_on(idle.get("/results").text)
    for path in (f"/results/{SET}/truth", f"/results/{SET}/truth/away"):
        assert idle.post(path, data={"csrf_token": token}).status_code == 404
    assert over.queue.jobs == []
