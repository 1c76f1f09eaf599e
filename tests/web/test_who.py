"""The pages of a reader's viewer and of marks that name nobody."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from pacs_bridge.domain.claims import Waiting
from pacs_bridge.domain.handshake import Proof
from pacs_bridge.domain.identity import SHARED_LOGIN
from pacs_bridge.domain.marks import Observer
from pacs_bridge.domain.objects import Caller
from tests.builders import a_received_object
from tests.web.conftest import SignIn, token_on
from tests.web.seed import NOW, SET, Scheme

VIEWER, CLAIMS = f"/viewer/{SET}", f"/claims/{SET}"


def post(client: FlaskClient, page: str, path: str, **form: object) -> str:
    token = token_on(client.get(page).text)
    data = {"csrf_token": token} | form
    return client.post(f"{page}{path}", data=data, follow_redirects=True).text


def unnamed(scheme: Scheme, *numbers: int, at: str = "MAMMO-WS2") -> list[str]:
    """Let objects of northfield wait that name nobody."""
    uids = [f"1.2.826.0.1.{number}" for number in numbers]
    with scheme.begin() as uow:
        for place, (uid, number) in enumerate(zip(uids, numbers, strict=True)):
            received_at = NOW.replace(minute=place)
            read = replace(
                a_received_object(uid), caller=Caller("NORTH", "", "10.20.0.5", "northfield"),
                accession=f"{SET}{number:03d}", received_at=received_at, state="parked",
                kind="presentation-state",
            )  # fmt: skip
            uow.objects.add(read)
            uow.claims.hold(
                Waiting(uid, "northfield", SET, f"{SET}{number:03d}", "presentation-state", at,
                        "2026-11-22T10:00:00", received_at)
            )  # fmt: skip
    return uids


def test_what_came_on_the_copy_under_a_shared_log_in_is_stated_at_once(
    sign_in: SignIn, scheme: Scheme
) -> None:
    uid, page = "2.25.7.113.102", f"/reading/{SET}/{SET}113"
    with scheme.begin() as uow:
        read = uow.marks.find(uid)
        assert read is not None
        seen = replace(read, observer=Observer(evidence={SHARED_LOGIN: "may be another's"}))
        uow.marks.keep(seen, accession=f"{SET}113", reader="R102")
    client = sign_in("midway")
    assert "1 save of this case came on your copy" in client.get(page).text
    own = f"{CLAIMS}/own/{SET}113"
    token = token_on(client.get(page).text)
    said = client.post(own, data={"csrf_token": token}, follow_redirects=True)
    assert "Say whether it is yours or not." in said.text
    assert (
        client.post(f"{CLAIMS}/own/x", data={"csrf_token": token, "mine": "yes"}).status_code == 404
    )
    said = client.post(own, data={"csrf_token": token, "mine": "yes"}, follow_redirects=True)
    assert "1 save kept as yours." in said.text
    assert ("extract", uid) in scheme.queue.jobs
    with scheme.begin() as uow:
        assert [each.reader for each in uow.claims.said_of([uid])[uid]] == ["R102"]


def test_a_reader_is_told_what_to_draw_where_and_until_when(sign_in: SignIn) -> None:
    client = sign_in("done")
    assert "We do not know yet whether your marks reach us" in client.get(VIEWER).text
    page = post(client, VIEWER, "/drawing")
    assert re.search(r"Draw on case PERFORMS121001: .*\d marks? on [RL] (CC|MLO), none else", page)
    assert "We wait until" in page
    assert 'data-settled="no"' in client.get(f"{VIEWER}/drawing").text


def test_what_was_proven_is_told_in_sentences(sign_in: SignIn, scheme: Scheme) -> None:
    client = sign_in("done")
    post(client, VIEWER, "/drawing")
    proof = Proof(1, ("presentation-state",), ("POLYLINE",), (), ("clee",))
    with scheme.begin() as uow:
        newest = uow.handshakes.newest_of(SET, "R101")
        assert newest is not None
        uow.handshakes.settle(newest.handshake_id, "proven", NOW, proof=proof)  # type: ignore[arg-type]
    page = client.get(VIEWER).text
    assert "You may save marks, and what you save leaves your PACS." in page
    assert "marks come as lines" in page
    assert 'data-settled="yes"' in client.get(f"{VIEWER}/drawing").text


def test_who_gives_up_is_told_why_and_reads_on_the_sheet(sign_in: SignIn, scheme: Scheme) -> None:
    client = sign_in("done")
    post(client, VIEWER, "/drawing")
    page = post(client, VIEWER, "/drawing/stop")
    assert "You read on our sheet" in page
    assert "Nothing arrived from northfield" in page
    with scheme.begin() as uow:
        enrolment = uow.enrolments.find(SET, "R101")
    assert enrolment is not None
    assert enrolment.way == "sheet"


def test_a_session_is_opened_and_a_silence_in_it_told(sign_in: SignIn, scheme: Scheme) -> None:
    client = sign_in("midway")
    assert "Name the workstation" in post(client, VIEWER, "/session", workstation=" ")
    page = post(client, VIEWER, "/session", workstation="MAMMO-WS2")
    assert "You said that you are reading at <strong>MAMMO-WS2</strong>" in page
    assert "Nothing reaches us" not in page
    for case in ("114", "115", "116"):
        scheme.pass_time(seconds=1)
        page = post(client, VIEWER, "/session/case", case=f"{SET}{case}")
    assert "Nothing has reached us since you began" in page
    assert "no such case" in post(client, VIEWER, "/session/case", case="PERFORMS121199")
    assert "Tell us where you read" in post(client, VIEWER, "/session/end")


def test_what_waits_is_shown_by_time_place_and_case_and_by_nothing_that_is_on_it(
    sign_in: SignIn, scheme: Scheme
) -> None:
    unnamed(scheme, 114, 115)
    page = sign_in("midway").get(CLAIMS).text
    assert "2 saves, " in page
    assert "MAMMO-WS2" in page
    assert "PERFORMS121114: drawing, arrived" in page
    plain = page.replace("\N{NO-BREAK SPACE}", " ")
    assert "made 22 Nov 2026, 10:00 by the workstation’s clock" in plain
    assert not re.search(r"suspicio|rating|recall|mass|R102|R101", page, re.IGNORECASE)


def test_what_is_ticked_becomes_the_readers_and_the_rest_waits(
    sign_in: SignIn, scheme: Scheme
) -> None:
    one, other = unnamed(scheme, 114, 115)
    client = sign_in("midway")
    page = post(client, CLAIMS, "/mine", object=[one], listed=[one, other])
    assert "1 object kept as yours" in page
    assert "You said: mine" in page
    assert ("extract", one) in scheme.queue.jobs
    assert ("extract", other) not in scheme.queue.jobs
    assert "Claimed by another reader" in sign_in("done").get(CLAIMS).text
    with scheme.begin() as uow:
        (said,) = uow.claims.said_of([one])[one]
    assert said.account_id is not None


def test_ticking_nothing_claims_nothing_and_says_so(sign_in: SignIn, scheme: Scheme) -> None:
    unnamed(scheme, 114)
    assert "Tick what is yours first." in post(sign_in("midway"), CLAIMS, "/mine")
    assert scheme.queue.jobs == []


def test_none_of_these_takes_them_from_this_readers_list_only(
    sign_in: SignIn, scheme: Scheme
) -> None:
    uids = unnamed(scheme, 114, 115)
    client = sign_in("midway")
    page = post(client, CLAIMS, "/not-mine", listed=uids)
    assert "You said: not mine" in page
    assert "There is nothing without a name." in page
    assert "2 saves, " in sign_in("done").get(CLAIMS).text


def test_a_claim_of_another_is_disputed(sign_in: SignIn, scheme: Scheme) -> None:
    (uid,) = unnamed(scheme, 114)
    post(sign_in("done"), CLAIMS, "/mine", object=[uid])
    page = post(sign_in("midway"), CLAIMS, "/dispute", object=uid)
    assert "until the scheme&#39;s office has decided" in page
    with scheme.begin() as uow:
        assert uow.objects.find(uid).reader is None  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["/mine", "/dispute"])
def test_an_object_of_another_hospital_cannot_be_claimed_by_its_name(
    sign_in: SignIn, scheme: Scheme, path: str
) -> None:
    (uid,) = unnamed(scheme, 114)
    assert "look at the list again" in post(sign_in("fresh"), CLAIMS, path, object=[uid])
    assert scheme.queue.jobs == []


def test_the_list_of_cases_leads_to_both_pages_and_tells_of_a_silence(
    sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("midway")
    assert f'href="{VIEWER}"' in client.get(f"/reading/{SET}").text
    unnamed(scheme, 114)
    assert f'href="{CLAIMS}"' in client.get(f"/reading/{SET}").text
    post(client, VIEWER, "/session", workstation="MAMMO-WS2")
    scheme.pass_time(minutes=4)
    client.get(VIEWER)  # somebody is still there
    scheme.pass_time(minutes=4)
    client.get(VIEWER)
    scheme.pass_time(minutes=4)
    assert "Nothing has reached us since you began" in client.get(f"/reading/{SET}").text
    case = f"/reading/{SET}/{SET}120"
    assert "Nothing has reached us since you began" in client.get(case).text
