"""Keeping readers apart, on the page of a load: what is claimed and proven, and the next step."""

from __future__ import annotations

from dataclasses import replace

from flask.testing import FlaskClient

from pacs_bridge.domain.exposure import Exposure, Sighting, word_exposure
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.services.release import release_readers
from tests.isolation import put_proven
from tests.web.conftest import SignIn, token_on
from tests.web.seed import NOW, SET, WORD, Scheme


def page_of(scheme: Scheme) -> str:
    return f"/loads/{scheme.loads['northfield']}/isolation"


def post(client: FlaskClient, path: str, **form: str) -> tuple[int, str]:
    """Send one of the page's forms; gives the status and the page that follows."""
    token = token_on(client.get("/account").text)
    answer = client.post(path, data=form | {"csrf_token": token}, follow_redirects=True)
    return answer.status_code, answer.text


def set_mode(scheme: Scheme, mode: Isolation, *, proven: bool = False) -> None:
    with scheme.begin() as uow:
        pacs = replace(uow.pacs.get("northfield"), our_ae_title="OTHER")
        if proven:
            put_proven(uow, pacs, NOW, mode)
        else:
            uow.pacs.put(replace(pacs, isolation=mode), NOW)


def test_a_proven_pacs_says_what_it_is_trusted_with_and_since_when(
    sign_in: SignIn, scheme: Scheme
) -> None:
    page = sign_in("contact").get(page_of(scheme)).text
    assert "Registered: <strong>private</strong>. Used: <strong>private</strong>." in page
    assert "Proven today, on" in page
    assert WORD not in page


def test_a_contact_proves_it_step_by_step_and_readers_follow(
    sign_in: SignIn, scheme: Scheme
) -> None:
    set_mode(scheme, Isolation.PRIVATE)
    client, page = sign_in("contact"), page_of(scheme)
    assert "The PACS was changed since it was proven" in client.get(page).text
    reader = sign_in("midway").get(f"/reading/{SET}").text
    assert "your PACS is not yet proven to hide other readers&#39; marks" in reader
    status, asked = post(client, f"{page}/ask")
    assert status == 200
    assert "Ask a second reader to sign in to the viewer under their own log-in" in asked
    said = {"second": "R101", "kind": "Room 2", "saw": "none"}
    assert "That is not the word on practice case" in post(client, f"{page}/seen", **said)[1]
    assert post(client, f"{page}/seen", **said | {"saw": ""})[0] == 422
    _, done = post(client, f"{page}/seen", **said, word=WORD.lower())
    assert "Proven: readers there read in their viewers from now on." in done
    assert "Your viewer shows you no other reader" in sign_in("midway").get(f"/reading/{SET}").text


def test_a_reader_who_saw_marks_undoes_the_proof(sign_in: SignIn, scheme: Scheme) -> None:
    client, page = sign_in("contact"), page_of(scheme)
    assert post(client, f"{page}/take-back", because=" ")[0] == 422
    _, back = post(client, f"{page}/take-back", because="A circle showed on case 104.")
    assert "Used: <strong>sheet</strong>" in back


def test_the_turn_is_shown_and_handed_on_and_a_reader_ends_their_own(
    sign_in: SignIn, scheme: Scheme
) -> None:
    set_mode(scheme, Isolation.SEQUENTIAL, proven=True)
    with scheme.begin() as uow:
        load = uow.loads.get(scheme.loads["northfield"])
        release_readers(uow, load, scheme.now(), "")
    client, page = sign_in("contact"), page_of(scheme)
    assert "<strong>R101</strong>, since" in client.get(page).text
    waits = sign_in("midway").get(f"/reading/{SET}").text
    assert "another reader is reading in your PACS since" in waits
    assert "R101" not in waits
    assert "I have finished" not in waits
    done = sign_in("done")
    assert "I have finished reading in the PACS" in done.get(f"/reading/{SET}").text
    assert "What you saved is removed" in post(done, f"/reading/{SET}/turn")[1]
    shown = client.get(page).text
    assert "We are asking the PACS whether the marks have gone." in shown
    assert "Waiting: R102." in shown
    assert ("clear_turn", "northfield", SET) in scheme.queue.jobs


def test_the_contact_names_who_has_the_next_turn(sign_in: SignIn, scheme: Scheme) -> None:
    set_mode(scheme, Isolation.SEQUENTIAL, proven=True)
    with scheme.begin() as uow:
        release_readers(uow, uow.loads.get(scheme.loads["northfield"]), scheme.now(), "")
    client, page = sign_in("contact"), page_of(scheme)
    assert 'value="R102"' in client.get(page).text
    status, told = post(client, f"{page}/hand-on", to="R102")
    assert status == 200
    assert "R102 is next, and begins once the marks have gone." in told
    assert "R102 was named to be next." in told
    assert post(client, f"{page}/hand-on", to="R299")[0] == 422


def flag(scheme: Scheme, number: int = 113) -> str:
    """Flag a reading of R102's."""
    case = f"{SET}{number}"
    with scheme.begin() as uow:
        uow.exposures.add(
            Exposure(
                f"{case}-R102", SET, case, "R102", "northfield", scheme.now(), ("1.2.88.1",),
                word_exposure(["a report of a CAD or AI program"]),
            )
        )  # fmt: skip
    return f"{case}-R102"


def test_an_administrator_lifts_a_wrong_flag_and_a_contact_only_sees_it(
    sign_in: SignIn, scheme: Scheme
) -> None:
    reading, page = flag(scheme), page_of(scheme)
    contact, admin = sign_in("contact"), sign_in("admin")
    seen = contact.get(page).text
    assert "Readings marked as exposed" in seen
    assert "A reading is marked wrongly" not in seen
    form = {"reading": reading, "why": "It was our own <test>."}
    assert post(contact, f"{page}/lift", **form)[0] == 403
    assert "Somebody else" in sign_in("midway").get(f"/reading/{SET}/{SET}113").text
    assert post(admin, f"{page}/lift", **form | {"why": " "})[0] == 422
    assert post(admin, f"{page}/lift", **form | {"reading": f"{SET}114-R102"})[0] == 422
    status, told = post(admin, f"{page}/lift", **form)
    assert status == 200
    assert "No reading is marked as exposed." in told
    assert "It was our own &lt;test&gt;." in told
    assert "Somebody else" not in sign_in("midway").get(f"/reading/{SET}/{SET}113").text


def test_a_case_that_is_opened_is_asked_about_and_what_is_known_shows_at_once(
    sign_in: SignIn, scheme: Scheme
) -> None:
    with scheme.begin() as uow:
        uow.sightings.see(
            Sighting(
                "northfield", "1.2.88.1", SET, 0, f"{SET}113", "1.2.1", "1.2.2",
                "1.2.840.10008.5.1.4.1.1.88.50", "SR", scheme.now(),
            )
        )  # fmt: skip
    reader = sign_in("midway")
    assert "Somebody else" in reader.get(f"/reading/{SET}/{SET}113").text
    reader.get(f"/reading/{SET}/{SET}113")
    assert scheme.queue.jobs.count(("watch_exposure", "northfield", SET, f"{SET}113")) == 1


def test_another_hospitals_pacs_cannot_be_proven(sign_in: SignIn, scheme: Scheme) -> None:
    assert post(sign_in("contact2"), f"{page_of(scheme)}/take-back", because="x")[0] == 404
    status, _ = post(sign_in("fresh"), f"{page_of(scheme)}/ask")
    assert status == 403
