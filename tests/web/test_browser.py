"""The pages in a real browser: by keyboard, on a phone, and by the rules of accessibility."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from tests.dcmtk import attempt
from tests.nodes import running_node
from tests.waiting import wait_until
from tests.web.browsing import PHONE, WIDE, Site, a_browser, a_site, broken_rules
from tests.web.seed import NOW, PASSWORD, PEOPLE, SET

pytestmark = pytest.mark.browser

VISITS = {
    "-": ["/sign-in", "/sign-in?why=idle"],
    "admin": ["/", "/loads", "/associations", "/watch", "/account", "/results", "/nowhere"],
    "contact": [
        "/",
        "/loads",
        "/loads/1",
        "/loads/1/site-pack",
        "/loads/1/workstation",
        "/loads/1/saving",
    ],
    "contact2": ["/", "/loads/2"],
    "done": ["/", "/results", f"/results/{SET}"],
    "midway": ["/reading", f"/results/{SET}", f"/reading/{SET}", f"/reading/{SET}/{SET}102"],
    "fresh": ["/", f"/results/{SET}", f"/reading/{SET}"],
    "nobody": ["/", "/results"],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def standing(
    tmp_path_factory: pytest.TempPathFactory,
    seeded: tuple[Path, dict[str, int]],
    browser: Browser,
) -> Iterator[Site]:
    """A site that tests only look at."""
    yield from a_site(tmp_path_factory.mktemp("site"), seeded[0], browser)


@pytest.fixture
def site(tmp_path: Path, seeded: tuple[Path, dict[str, int]], browser: Browser) -> Iterator[Site]:
    """A site of the test's own."""
    yield from a_site(tmp_path, seeded[0], browser)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("who", sorted(VISITS))
def test_no_page_breaks_a_rule_of_accessibility_or_leaves_its_window(
    who: str, size: tuple[int, int], standing: Site
) -> None:
    page = standing.visit(who, size)
    found = []
    for path in VISITS[who]:
        page.goto(standing.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0], (path, width)
        found += [(path, *each) for each in broken_rules(page)]
    assert found == []


def test_somebody_signs_in_looks_and_signs_out_without_a_mouse(site: Site) -> None:
    page = site.visit("-")
    page.goto(f"{site.url}/")
    page.wait_for_url("**/sign-in")

    def tab_to(name: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.innerText || document.activeElement.id")
            if name in focused:
                return
        pytest.fail(f"{name} is not reached by the tab key")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to main content"
    tab_to("email")
    page.keyboard.type(PEOPLE["contact"])
    tab_to("password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/")
    tab_to("Loads")
    page.keyboard.press("Enter")
    page.wait_for_url("**/loads")
    tab_to("PERFORMS121")
    page.keyboard.press("Enter")
    page.wait_for_url("**/loads/1")
    tab_to("Check again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("We are asking northfield")
    tab_to("64 cases with nothing to do")
    page.keyboard.press("Enter")
    expect(page.get_by_text("PERFORMS121160")).to_be_visible()
    page.goto(f"{site.url}/")
    tab_to("Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in")
    assert site.scheme.queue.jobs == [("verify", 1)]


def test_what_was_open_is_not_shown_by_the_back_button_after_signing_out(site: Site) -> None:
    page = site.visit("done")
    page.goto(f"{site.url}/results/{SET}")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.go_back()
    page.wait_for_url(re.compile(r"/sign-in\?next="))
    expect(page.get_by_text("Sensitivity")).to_have_count(0)


def test_a_wrong_password_is_told_where_the_keyboard_is(site: Site) -> None:
    page = site.visit("-")
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("E-mail address").fill(PEOPLE["done"])
    page.get_by_label("Password", exact=True).fill("not-the-password")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Error: Sign in – PERFORMS")
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_value(PEOPLE["done"])


def test_a_new_association_appears_by_itself_and_updates_can_be_paused(site: Site) -> None:
    page = site.visit("admin")
    page.goto(f"{site.url}/associations")

    def call(title: str) -> None:
        with site.scheme.begin() as uow:
            caller = Caller(title, "PACSBRIDGE", "10.20.0.5", "northfield")
            uow.associations.put(Association(title, NOW, caller, AssociationOutcome.RELEASED, NOW))

    call("NEWCALLER")
    expect(page.get_by_text("NEWCALLER")).to_be_visible()
    pause = page.get_by_role("button", name="Pause updates")
    pause.click()
    expect(page.get_by_text("Updates are paused.")).to_be_visible()
    call("LATECALLER")
    with pytest.raises(AssertionError):
        expect(page.get_by_text("LATECALLER")).to_be_visible(timeout=2500)
    pause.click()
    expect(page.get_by_text("LATECALLER")).to_be_visible()


def test_a_caller_that_is_rejected_appears_and_is_adopted_by_one_key(
    site: Site, tmp_path: Path
) -> None:
    begin = site.scheme.begin
    database: Any = SimpleNamespace(begin=begin, begin_for_many=begin, clock=site.scheme.now)
    with running_node(database, tmp_path / "node") as node:

        def call() -> int:
            return attempt("echoscu", node.port, "-aet", "NEWPACS", called="PACSBRIDGE")[0]

        page = site.visit("admin")
        page.goto(f"{site.url}/associations")
        assert call() != 0
        adopt = page.get_by_role("button", name="Adopt NEWPACS at 127.0.0.1")
        expect(adopt).to_be_visible()
        expect(page.get_by_role("log")).to_contain_text("NEWPACS at 127.0.0.1 was rejected")
        for _ in range(40):
            page.keyboard.press("Tab")
            if "NEWPACS" in page.evaluate("document.activeElement.innerText"):
                break
        page.keyboard.press("Enter")
        done = page.get_by_role("alert").first
        expect(done).to_contain_text("NEWPACS may call from 127.0.0.1, unencrypted, as newpacs.")
        assert call() == 0
        page.get_by_text("Callers adopted lately: 2").click()
        page.get_by_role("button", name="Forget NEWPACS at 127.0.0.1").click()
        expect(done).to_contain_text("NEWPACS may call from 127.0.0.1 no longer.")
        wait_until(lambda: call() != 0, "the node to hear of it")


def test_a_caller_is_adopted_without_scripts_as_part_of_a_pacs_that_is_chosen(site: Site) -> None:
    page = site.visit("admin", PHONE, scripts=False)
    page.goto(f"{site.url}/associations")
    page.get_by_label("PACS that OTHERPACS at 10.99.1.2 belongs to").select_option("southmere")
    page.get_by_role("button", name="Adopt OTHERPACS").click()
    expect(page.get_by_role("alert").first).to_contain_text("as southmere.")
    with site.scheme.begin() as uow:
        adopted = uow.pacs.of_caller("OTHERPACS", "10.99.1.2")
        assert adopted is not None
        assert (adopted.name, adopted.plain) == ("southmere", True)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("log")).to_contain_text("OTHERPACS at 10.99.1.2 may call")


def test_what_somebody_is_choosing_is_not_taken_from_under_their_hand(site: Site) -> None:
    page = site.visit("admin")
    page.goto(f"{site.url}/associations")
    choice = page.get_by_label("PACS that OTHERPACS at 10.99.1.2 belongs to")
    choice.select_option("southmere")
    choice.focus()
    for title in ("SECOND", "THIRD"):
        with site.scheme.begin() as uow:
            caller = Caller(title, "PACSBRIDGE", "10.99.1.3")
            uow.associations.put(Association(title, NOW, caller, AssociationOutcome.REJECTED, NOW))
            uow.events.add(NOW, "load-started", f"after {title}")
        expect(page.get_by_role("log")).to_contain_text(f"after {title}")
        expect(page.locator("#lines")).to_contain_text(title)  # looked again
    expect(choice).to_have_value("southmere")
    expect(page.locator("#callers")).not_to_contain_text("SECOND")
    page.get_by_role("button", name="Pause updates").focus()
    expect(page.locator("#callers")).to_contain_text("SECOND")


def test_a_load_on_its_way_is_watched_to_its_end(site: Site) -> None:
    load = site.scheme.loads.get("northfield", 1)
    with site.scheme.begin() as uow:
        uow.loads.set_readiness(load, Readiness.SENDING)
    page = site.visit("contact")
    page.goto(f"{site.url}/loads/{load}")
    expect(page.get_by_text("Images are on their way to the PACS.")).to_be_visible()
    with site.scheme.begin() as uow:
        uow.loads.set_readiness(load, Readiness.READY)
    expect(page.get_by_text("The PACS has every image and")).to_be_visible()
    page.get_by_role("link", name="Show the new answers").click()
    expect(page.locator("[data-refresh-url]")).to_have_count(0)


def test_a_page_left_alone_warns_locks_and_opens_again_as_it_was(
    tmp_path: Path, seeded: tuple[Path, dict[str, int]], browser: Browser
) -> None:
    sites = a_site(tmp_path, seeded[0], browser, idle=timedelta(seconds=4))
    for site in sites:
        page = site.visit("admin")
        page.goto(f"{site.url}/account")
        expect(page.get_by_text("This page locks in 0:0")).to_be_visible()
        page.locator("#new_password").fill("half-typed")
        site.scheme.pass_time(seconds=2.5)
        warning = page.get_by_text("This page locks in less than a minute")
        expect(warning).to_be_visible()
        page.get_by_role("link", name="Keep it open").click()
        expect(warning).to_be_hidden()
        site.scheme.pass_time(seconds=5)
        lock = page.get_by_role("dialog", name="Locked")
        expect(lock).to_be_visible()
        expect(page).to_have_title("Locked – PERFORMS")
        assert PEOPLE["admin"] not in page.locator("body").inner_text().replace(
            f"Password of {PEOPLE['admin']}", ""
        )
        assert page.locator("#new_password").count() == 0
        assert broken_rules(page) == []
        password = lock.get_by_label(f"Password of {PEOPLE['admin']}")
        expect(password).to_be_focused()
        password.fill("guess-guess")
        page.keyboard.press("Enter")
        expect(lock.get_by_text("That is not the password.")).to_be_visible()
        password.fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(lock).to_be_hidden()
        expect(page.locator("#new_password")).to_have_value("half-typed")
        site.scheme.pass_time(seconds=5)
        expect(lock).to_be_visible()
        lock.get_by_role("button", name="Sign in as somebody else").click()
        page.wait_for_url("**/sign-in")
        page.go_back()
        page.wait_for_url("**/sign-in**")
