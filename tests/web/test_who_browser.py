"""The pages of viewer and claims in a real browser: wide, on a phone, changing by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pacs_bridge.domain.handshake import HandshakeState, Proof
from tests.web.browsing import PHONE, WIDE, Site, a_browser, a_site, broken_rules
from tests.web.seed import SET
from tests.web.test_who import CLAIMS, VIEWER, unnamed

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as opened:
        yield opened


@pytest.fixture
def site(tmp_path: Path, seeded: tuple[Path, dict[str, int]], browser: Browser) -> Iterator[Site]:
    yield from a_site(tmp_path, seeded[0], browser)


def fits(page: Page) -> None:
    """Nothing leaves the window, wide or narrow, and no rule of accessibility is broken."""
    for width, height in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert broken_rules(page) == []


def test_a_reader_claims_what_is_theirs_and_leaves_the_rest(site: Site) -> None:
    unnamed(site.scheme, 114, 115, 116)
    unnamed(site.scheme, 117, at="READING-ROOM-OF-THE-SECOND-FLOOR-WORKSTATION-NUMBER-4")
    page = site.visit("midway")
    page.goto(site.url + CLAIMS)
    fits(page)
    box = page.get_by_label(f"{SET}115:")
    sitting = page.locator("form", has=box)
    box.check()
    sitting.get_by_role("button", name="What I ticked is mine").click()
    expect(page.get_by_role("alert").first).to_contain_text("1 object kept as yours")
    expect(page.get_by_label(f"{SET}115:")).to_have_count(0)
    rest = page.locator("form", has=page.get_by_label(f"{SET}117:"))
    rest.get_by_role("button", name="None of these is mine").click()
    expect(page.get_by_role("heading", name="You said: not mine")).to_be_visible()
    expect(page.get_by_label(f"{SET}114:")).to_have_count(1)
    fits(page)


def test_a_drawing_that_arrives_shows_by_itself(site: Site) -> None:
    page = site.visit("midway")
    page.goto(site.url + VIEWER)
    page.get_by_role("button", name="Tell me what to draw").click()
    expect(page.get_by_text("Draw on case PERFORMS121001")).to_be_visible()
    fits(page)
    proof = Proof(1, ("presentation-state",), ("POLYLINE",), ("ContentCreatorName",), ("clee",))
    with site.scheme.begin() as uow:
        newest = uow.handshakes.newest_of(SET, "R102")
        assert newest is not None
        uow.handshakes.settle(
            newest.handshake_id, HandshakeState.PROVEN, site.scheme.now(), proof=proof
        )
    expect(page.get_by_text("Your drawing reached us")).to_be_visible()
    page.get_by_label("Workstation").fill("MAMMO-WS2")
    page.get_by_role("button", name="I am reading").click()
    expect(page.get_by_text("You said that you are reading at")).to_be_visible()
    fits(page)
