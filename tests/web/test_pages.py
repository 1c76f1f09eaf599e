"""What pages show, to whom, and in which words."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pacs_bridge.domain.loading import Findable, Readiness
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.people import Enrolment, Role, Round
from tests.web.conftest import SignIn, served, sign_in_with, token_on
from tests.web.seed import NOW, PEOPLE, SET, Scheme, a_reading, an_account
from tests.web.summaries import a_summary


def words_of(page: str) -> str:
    """The text of a page, in one line."""
    inside = page[page.index("<main") : page.index("</main>")]
    plain = html.unescape(re.sub(r"<[^>]+>", " ", inside)).replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"\s+([.,;:])", r"\1", " ".join(plain.split()))


def load_page(client: FlaskClient, scheme: Scheme, pacs: str) -> str:
    return words_of(client.get(f"/loads/{scheme.loads[pacs]}").text)


def press(client: FlaskClient, page: str, path: str) -> int:
    """Send a page's form, with the token that the page carries."""
    return client.post(path, data={"csrf_token": token_on(client.get(page).text)}).status_code


class TestLoads:
    def test_a_contact_sees_the_loads_of_their_own_pacs_only(self, sign_in: SignIn) -> None:
        mine = words_of(sign_in("contact").get("/loads").text)
        assert "northfield" in mine
        assert "southmere" not in mine
        everything = words_of(sign_in("admin").get("/loads").text)
        assert "northfield" in everything
        assert "southmere" in everything

    def test_a_ready_load_says_so_with_its_numbers(self, sign_in: SignIn, scheme: Scheme) -> None:
        words = load_page(sign_in("contact"), scheme, "northfield")
        assert "Ready The PACS has every image and finds every case by name." in words
        assert "Images confirmed by the PACS: 256 of 256" in words
        assert "Cases proven: 64 of 64" in words
        assert "2 of 2 enrolled released" in words
        assert "to see to" not in words

    def test_a_case_that_needs_somebody_stands_first_with_what_to_do(
        self, sign_in: SignIn, scheme: Scheme
    ) -> None:
        words = load_page(sign_in("contact2"), scheme, "southmere")
        assert "Not ready Not every case is in the PACS, found by its name and at hand." in words
        assert "3 cases to see to" in words
        assert "61 cases with nothing to do" in words
        first = words[words.index("PERFORMS121103") :]
        assert "Missing" in first[:60]
        assert "0 of 4 images found by UID. The PACS refused an image" in first[:200]
        assert words.index("PERFORMS121117") < words.index("PERFORMS121002")

    def test_verify_now_queues_one_verification(self, sign_in: SignIn, scheme: Scheme) -> None:
        client, load = sign_in("contact"), scheme.loads["northfield"]
        page = f"/loads/{load}"
        assert press(client, page, f"{page}/verify") == 303
        assert scheme.queue.jobs == [("verify", load)]
        assert "We are asking northfield about every case" in words_of(client.get(page).text)

    def test_start_again_queues_the_load_and_sends_only_what_is_missing(
        self, sign_in: SignIn, scheme: Scheme
    ) -> None:
        client, load = sign_in("contact2"), scheme.loads["southmere"]
        page = f"/loads/{load}"
        assert press(client, page, f"{page}/start") == 303
        assert scheme.queue.jobs == [("load", load, 1)]
        with scheme.begin() as uow:
            assert len(uow.loads.pending(load, 1000)) == 3
            assert uow.events.newest(1, "load-asked")[0].detail == {"load": load}

    def test_names_that_a_pacs_gave_are_accepted_by_one_press(
        self, sign_in: SignIn, scheme: Scheme
    ) -> None:
        client, load = sign_in("contact2"), scheme.loads["southmere"]
        page = f"/loads/{load}"
        assert "Accept the names" not in client.get(page).text
        assert press(client, page, f"{page}/accept") == 303
        assert "No case stands under another name" in words_of(client.get(page).text)
        with scheme.begin() as uow:
            first, *_ = uow.loads.verdicts(load)
            renamed = replace(first, findable=Findable.BY_OTHER_NAME, search_for="RVX7")
            uow.loads.keep_sweep(load, [renamed], Readiness.INCOMPLETE, 0, scheme.now())
        assert "Accept the names" in client.get(page).text
        assert press(client, page, f"{page}/accept") == 303
        assert scheme.queue.jobs == [("verify", load)]
        with scheme.begin() as uow:
            assert uow.search_notes.of_load(load) == {first.accession: "RVX7"}

    def test_somebody_elses_load_cannot_be_started(self, sign_in: SignIn, scheme: Scheme) -> None:
        client, other = sign_in("contact"), scheme.loads["southmere"]
        for action in ("start", "verify"):
            assert press(client, "/loads", f"/loads/{other}/{action}") == 404
        assert scheme.queue.jobs == []

    def test_a_load_on_its_way_looks_again_by_itself(self, sign_in: SignIn, scheme: Scheme) -> None:
        load = scheme.loads["northfield"]
        with scheme.begin() as uow:
            uow.loads.set_readiness(load, Readiness.SENDING)
        page = sign_in("contact").get(f"/loads/{load}").text
        assert f'data-refresh-url="/loads/{load}/progress"' in page
        assert "Images are on their way" in page


class TestResults:
    def test_a_reader_who_has_read_everything_sees_figures_with_their_n(
        self, sign_in: SignIn
    ) -> None:
        words = words_of(sign_in("done").get(f"/results/{SET}").text)
        figures = a_summary(SET, "R101")["figures"]
        found, of = figures["sensitivity"]["numerator"], figures["sensitivity"]["denominator"]
        assert f"You recalled {found:.0f} of the {of} breasts with a malignancy." in words
        assert "From 60 of 60 test cases" in words
        assert f"ROC area (AUC) {figures['auc']['value']:.2f}" in words
        assert "1 breast with technical recall: in no figure." in words
        assert words.count("Scored") > 60

    def test_the_curve_is_drawn_and_told_in_numbers(self, sign_in: SignIn) -> None:
        client = sign_in("done")
        page = client.get(f"/results/{SET}").text
        assert "The curve in numbers" in page
        assert "4 suspicious or higher" in words_of(page)
        picture = client.get(f"/results/{SET}/roc.svg")
        assert picture.mimetype == "image/svg+xml"
        assert b"<title>ROC curve</title>" in picture.data
        assert b"Your decisions" in picture.data
        assert picture.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert picture.data == client.get(f"/results/{SET}/roc.svg").data

    def test_before_that_it_says_what_is_missing_and_gives_nothing_away(
        self, sign_in: SignIn
    ) -> None:
        client = sign_in("midway")
        words = words_of(client.get(f"/results/{SET}").text)
        assert "You have read 12 of 60 test cases." in words
        assert "48 test cases still to read, 1 of them begun" in words
        for told in ("Sensitivity", "malignan", "ROC", "panel"):
            assert told not in words
        assert client.get(f"/results/{SET}/roc.svg").status_code == 404

    def test_figures_come_when_the_round_closes_even_if_not_all_was_read(
        self, sign_in: SignIn, scheme: Scheme
    ) -> None:
        with scheme.begin() as uow:
            uow.rounds.put(Round(SET, NOW - timedelta(days=20), NOW - timedelta(minutes=1)))
        words = words_of(sign_in("midway").get(f"/results/{SET}").text)
        assert "This round closed on" in words
        assert "From 12 of 60 test cases" in words
        assert "Sensitivity" in words

    def test_a_receipt_tells_what_arrived(self, sign_in: SignIn) -> None:
        words = words_of(sign_in("midway").get(f"/results/{SET}").text)
        newest = words[words.index("PERFORMS121113") :]
        assert re.match(
            r"PERFORMS121113 Right breast Return to screen 1 normal Left breast No decision yet "
            r"Marks 0 State Open Last arrival 22 Nov 2026, 09:29 UTC",
            newest,
        )
        assert "PERFORMS121111 Right breast Recall for assessment 4 suspicious" in words
        assert "State Practice" in words

    def test_a_reader_never_sees_anothers(self, sign_in: SignIn, scheme: Scheme) -> None:
        with scheme.begin() as uow:
            a_reading(uow, "R201", 120, NOW)
        fresh = words_of(sign_in("fresh").get(f"/results/{SET}").text)
        assert "You have read 1 of 60 test cases." in fresh
        assert "PERFORMS121120" in fresh
        assert "PERFORMS121101" not in fresh
        assert "R101" not in fresh
        assert sign_in("nobody").get(f"/results/{SET}").status_code == 404

    @pytest.mark.parametrize(
        ("consent", "opens_in", "said"),
        [
            (False, -1, "You have not given your consent"),
            (True, 1, "This round opens on 23 Nov 2026"),
            (True, -1, "The cases are not ready at southmere-unit yet."),
        ],
    )
    def test_what_a_reader_waits_for_is_said(
        self, consent: bool, opens_in: int, said: str, sign_in: SignIn, scheme: Scheme
    ) -> None:
        with scheme.begin() as uow:
            uow.rounds.put(Round(SET, NOW + timedelta(days=opens_in), NOW + timedelta(days=9)))
            uow.enrolments.put(Enrolment(SET, "R201", "southmere-unit", consent=consent))
        for page in ("/", "/results", f"/results/{SET}"):
            assert said in words_of(sign_in("fresh").get(page).text), page

    def test_a_figure_without_a_value_says_why(self, sign_in: SignIn, scheme: Scheme) -> None:
        summary = a_summary(SET, "R101", readings=2)
        with scheme.begin() as uow:
            uow.summaries.put(SET, "R101", uow.summaries.ask(SET, "R101"), summary, NOW)
        words = words_of(sign_in("done").get(f"/results/{SET}").text)
        assert "Not computable" not in words
        empty = a_summary(SET, "R101", readings=0)
        with scheme.begin() as uow:
            uow.summaries.put(SET, "R101", uow.summaries.ask(SET, "R101"), empty, NOW)
        client = sign_in("done")
        assert "Sensitivity – Not computable: no malignant breasts" in words_of(
            client.get(f"/results/{SET}").text
        )
        assert client.get(f"/results/{SET}/roc.svg").status_code == 404


class TestWatching:
    def test_associations_stand_open_ones_first_with_unknown_callers_above(
        self, sign_in: SignIn
    ) -> None:
        words = words_of(sign_in("admin").get("/associations").text)
        assert words.index("Callers we do not know") < words.index("OTHERPACS")
        outcomes = re.findall(r"Outcome (Open|Released|Aborted|Rejected)", words)
        assert outcomes[0] == "Open"
        assert set(outcomes) == {"Open", "Released", "Aborted", "Rejected"}
        times = re.findall(r"Opened 22 Nov 2026, (\d\d:\d\d:\d\d) UTC", words)[1:]
        assert times == sorted(times, reverse=True)

    def test_the_watch_page_counts_and_shows_what_waits_for_a_person(self, sign_in: SignIn) -> None:
        words = words_of(sign_in("admin").get("/watch").text)
        assert "1 thing parked, waiting for a person." in words
        assert "Readings 1 open 72 scored 6 practice" in words
        assert "belongs to no reader here; add it as an alias." in words
        assert "Not a case of this scheme; its content was discarded unread." in words
        assert "0x0124" in words
        assert "PERFORMS121 is ready to read" in words

    def test_an_unknown_caller_that_is_registered_now_is_known(
        self, sign_in: SignIn, scheme: Scheme
    ) -> None:
        from pacs_bridge.domain.pacs import Endpoint, Pacs

        with scheme.begin() as uow:
            endpoint = Endpoint("OTHERPACS", "10.99.1.2", 104, ("store", "calls-from"))
            uow.pacs.put(Pacs("other", (endpoint,)), NOW)
        assert "Callers we do not know" not in sign_in("admin").get("/associations").text


class TestStart:
    def test_each_role_is_told_what_it_can_do_now(self, sign_in: SignIn) -> None:
        assert "3 cases ask something of you" in words_of(sign_in("contact2").get("/").text)
        ready = "Ready PERFORMS121 on northfield: nothing to do"
        assert ready in words_of(sign_in("contact").get("/").text)
        assert "Test cases read, PERFORMS121: 12 of 60" in words_of(sign_in("midway").get("/").text)
        assert "1 association open now" in words_of(sign_in("admin").get("/").text)

    def test_an_empty_scheme_has_no_empty_page(self, empty_scheme: Scheme) -> None:
        with empty_scheme.begin() as uow:
            uow.readers.add("R1", NOW)
        an_account(empty_scheme, PEOPLE["admin"], Role.ADMIN, Role.READER, reader="R1")
        an_account(empty_scheme, PEOPLE["contact"], Role.CONTACT)
        with served(empty_scheme) as app:
            client, contact = app.test_client(), app.test_client()
            sign_in_with(client, PEOPLE["admin"])
            sign_in_with(contact, PEOPLE["contact"])
            said = {
                "/": "You are not enrolled in a round.",
                "/loads": "No load has been started.",
                "/results": "You are not enrolled in a round, so there are no results.",
                "/associations": "Nobody has called yet.",
                "/watch": "Nothing is parked; nobody is needed.",
            }
            for path, words in said.items():
                assert words in words_of(client.get(path).text), path
            assert "No case set is on its way to your PACS." in words_of(contact.get("/loads").text)


def test_nothing_from_the_wire_becomes_markup_or_turns_the_text_around(
    app: Flask, sign_in: SignIn, scheme: Scheme
) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202egnp.exe\x1b[31m\x00"
    with scheme.begin() as uow:
        caller = Caller(hostile[:16], hostile[:16], hostile[:40])
        uow.associations.put(
            Association("x", NOW, caller, AssociationOutcome.REJECTED, NOW, note=hostile)
        )
        uow.objects.park("2.25.900", hostile)
        uow.loads.set_readiness(scheme.loads["northfield"], Readiness.INCOMPLETE, note=hostile)
    client = sign_in("admin")
    for path in ("/associations", "/watch", f"/loads/{scheme.loads['northfield']}"):
        page = client.get(path).text
        assert "&lt;img src=x" in page, path
        assert "<img src=x" not in page, path
        for character in "\u202e\x1b\x00":
            assert character not in page, path
