"""The workstation check: what a person saw, believed only with the word from the image."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.web.conftest import SignIn, token_on
from tests.web.seed import WORD, Scheme


def send(client: FlaskClient, load: int, **said: str) -> str:
    address = f"/loads/{load}/workstation"
    form = {"site": "northfield-unit", "kind": "Reading room 2", "hung": "yes", "word": WORD} | said
    token = token_on(client.get(address).text)
    return client.post(address, data=form | {"csrf_token": token}, follow_redirects=True).text


def test_the_page_names_the_case_to_open_and_not_the_word(sign_in: SignIn, scheme: Scheme) -> None:
    page = sign_in("contact").get(f"/loads/{scheme.loads['northfield']}/workstation").text
    assert "PERFORMS121001" in page
    assert WORD not in page
    assert "No workstation yet." in page


def test_the_right_word_is_taken_in_any_case_and_the_workstation_listed(
    sign_in: SignIn, scheme: Scheme
) -> None:
    page = send(sign_in("contact"), scheme.loads["northfield"], word=" k7qd ")
    assert "Checked: readers at northfield-unit can open the cases on Reading room 2." in page
    assert "No workstation yet." not in page


def test_a_wrong_word_is_said_to_be_wrong_and_proves_nothing(
    sign_in: SignIn, scheme: Scheme
) -> None:
    page = send(sign_in("contact"), scheme.loads["northfield"], word="AAAA")
    assert "That is not the word on practice case PERFORMS121001" in page
    assert "No workstation yet." in page


def test_images_that_hang_wrong_are_no_proof_whatever_the_word(
    sign_in: SignIn, scheme: Scheme
) -> None:
    page = send(sign_in("contact"), scheme.loads["northfield"], hung="no")
    assert "do not hang right" in page
    assert "No workstation yet." in page


def test_the_word_cannot_be_found_out_by_trying(sign_in: SignIn, scheme: Scheme) -> None:
    client = sign_in("contact")
    for number in range(5):
        send(client, scheme.loads["northfield"], word=f"AAA{number}")
    page = send(client, scheme.loads["northfield"])
    assert "Too many wrong words within an hour" in page
    assert "No workstation yet." in page


def test_a_site_of_another_pacs_cannot_be_checked_here(sign_in: SignIn, scheme: Scheme) -> None:
    page = send(sign_in("admin"), scheme.loads["northfield"], site="southmere-unit")
    assert "Choose a site that reads on this PACS." in page
