"""The sheet in a real browser: what is drawn on it, at any zoom, by any hand, and never lost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.waiting import wait_until
from tests.web.browsing import PHONE, WIDE, Site, a_browser, a_site, broken_rules
from tests.web.desk import COLUMNS, ROWS
from tests.web.seed import SET
from tests.web.sheets import (
    HALF_A_PIXEL,
    Place,
    choose,
    close_to,
    newest,
    open_case,
    pixel_at,
    put_in_words,
    receipt,
    save,
    stroke,
    visible_middle,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, seeded: tuple[Path, dict[str, int]], browser: Browser
) -> Iterator[Site]:
    """A site of the module's own; each test has cases of its own."""
    yield from a_site(tmp_path_factory.mktemp("site"), seeded[0], browser)


ZOOMS: dict[bool, list[tuple[int, list[str]]]] = {
    True: [(0, ["Circle", "Outline"]), (5, ["Ellipse"])],
    False: [(2, ["Point"])],
}
"""How often each image is zoomed in, once more, and what is drawn then; wide, and on a phone."""


def way_of(tool: str, x: float, y: float) -> list[Place]:
    """How the hand goes to draw a shape whose middle lies at a place of the window."""
    if tool == "Circle":
        return [(x, y), (x + 10, y), (x + 31, y)]
    if tool == "Ellipse":
        return [(x - 40, y - 20), (x, y), (x + 40, y + 20)]
    if tool == "Outline":
        return [(x - 30, y), (x, y - 30), (x + 30, y), (x, y + 30), (x - 30, y)]
    return [(x, y)]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_what_is_drawn_comes_back_to_half_a_pixel_at_every_zoom(
    size: tuple[int, int], site: Site
) -> None:
    case = 128 if size == WIDE else 129
    page = open_case(site, case, size)
    view = page.locator("#view-1")
    larger = page.get_by_role("button", name="Zoom in")
    number = 0
    for zooms, tools in ZOOMS[size == WIDE]:
        for _ in range(zooms):
            larger.click()
        for tool in tools:
            choose(page, tool)
            x, y = visible_middle(view)
            middle = pixel_at(view, (x, y))
            corners = [(x - 40, y - 20), (x + 40, y + 20)]
            boxed = [pixel_at(view, corner) for corner in corners]
            edge, top = pixel_at(view, (x + 31, y)), pixel_at(view, (x, y - 30))
            stroke(page, *way_of(tool, x, y))
            put_in_words(page)
            number += 1
            save(page, number)
            mark = newest(site, case)
            assert close_to(mark.centre, middle), (tool, zooms)
            drawn = view.locator(f"#shapes-1 [data-mark='{number}']")
            there = drawn.evaluate(
                "e => { const b = e.getBoundingClientRect();"
                " return [b.x + b.width / 2, b.y + b.height / 2] }"
            )
            assert close_to(pixel_at(view, (there[0], there[1])), mark.centre), (tool, zooms)
            if tool == "Circle":
                assert close_to(mark.points[1], edge)
            if tool == "Ellipse":
                (left, upper), (right, lower) = boxed
                longer = ((left, middle[1]), (right, middle[1]))
                shorter = ((middle[0], upper), (middle[0], lower))
                assert all(
                    close_to(a, b) for a, b in zip(mark.points, (*longer, *shorter), strict=True)
                )
            if tool == "Outline":
                assert mark.shape == "POLYGON"
                assert any(close_to(each, top) for each in mark.points)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert broken_rules(page) == []


def test_a_mark_is_moved_resized_undone_and_discarded_before_it_is_saved(site: Site) -> None:
    page = open_case(site, 130)
    view = page.locator("#view-2")
    x, y = visible_middle(view)
    choose(page, "Circle")
    stroke(page, (x, y), (x + 20, y))
    stroke(page, (x, y), (x + 5, y), (x + 15, y + 8))  # inside: it moves
    middle = pixel_at(view, (x + 15, y + 8))
    stroke(page, (x + 35, y + 28), (x + 40, y + 35), (x + 45, y + 38))  # a corner: it grows
    radius = pixel_at(view, (x + 45, y + 8))[0] - middle[0]
    put_in_words(page, "CALCS", "3")
    save(page, 1)
    mark = newest(site, 130)
    assert close_to(mark.centre, middle)
    assert math.dist(*mark.points) == pytest.approx(radius, abs=HALF_A_PIXEL)
    x, y = visible_middle(view)
    stroke(page, (x - 50, y - 60), (x - 30, y - 60))
    begun = page.locator(".app-sheet__shapes .app-shape--begun")
    expect(begun).to_have_count(1)
    choose(page, "Discard")
    expect(begun).to_have_count(0)
    choose(page, "Undo")
    expect(begun).to_have_count(1)
    choose(page, "Undo")
    expect(begun).to_have_count(0)
    assert len(receipt(site, 130).marks) == 1


def test_shapes_are_drawn_by_keyboard_alone(site: Site) -> None:
    page = open_case(site, 131)
    cross = page.locator("#cross-3")
    cross.focus()
    for key in ("c", "Enter", "]", "]", "Shift+ArrowRight", "ArrowUp", "z", "4"):
        page.keyboard.press(key)
    page.get_by_label("What you see", exact=True).select_option("MWELL")
    cross.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#mark-1")).to_contain_text("R MLO, well-defined mass, 4")
    (mark,) = receipt(site, 131).marks
    assert (mark.shape, mark.centre) == ("CIRCLE", (COLUMNS / 2 + 1, ROWS / 2))
    assert math.dist(*mark.points) == pytest.approx(COLUMNS / 32 * 1.15**2, abs=0.1)
    expect(cross).to_be_focused()
    for key in ("o", "Enter", "ArrowRight", "Enter", "ArrowDown", "Enter", "Enter", "2"):
        page.keyboard.press(key)
    page.get_by_label("What you see", exact=True).select_option("OTHER")
    cross.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#mark-2")).to_contain_text("R MLO, other, 2")
    assert newest(site, 131).points == ((957.0, 1147.0), (995.0, 1147.0), (995.0, 1185.0))
    page.keyboard.press("PageDown")
    page.wait_for_url(f"**/{SET}132")


def test_a_finger_draws_an_outline(site: Site) -> None:
    page = open_case(site, 132, PHONE)
    choose(page, "Outline")
    view = page.locator("#view-1")
    x, y = visible_middle(view)
    corner = pixel_at(view, (x, y - 20))
    touch = page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    way = [(x - 20, y), (x, y - 20), (x + 20, y), (x, y + 20), (x - 20, y)]
    for place, at in enumerate([*way, None]):
        kind = "touchEnd" if at is None else "touchMove" if place else "touchStart"
        points = [] if at is None else [{"x": at[0], "y": at[1]}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    put_in_words(page)
    save(page, 1)
    (mark,) = receipt(site, 132).marks
    assert mark.shape == "POLYGON"
    assert any(close_to(each, corner) for each in mark.points)


def test_a_lost_connection_loses_no_mark_and_doubles_none(site: Site) -> None:
    page = open_case(site, 133)
    heard: list[str] = []

    def lose(route: Route) -> None:
        if not heard:  # the first one reaches us, and its answer is lost on the way
            route.fetch()
        heard.append(route.request.url)
        route.abort()

    page.route("**/marks", lose)
    kept = page.locator("#kept")
    for number, offset in ((1, -40), (2, 40)):
        x, y = visible_middle(page.locator("#view-1"))
        page.mouse.click(x + offset, y)
        put_in_words(page)
        page.get_by_role("button", name="Save this mark").click()
        said = "1 answer is" if number == 1 else "2 answers are"
        expect(kept).to_contain_text(f"{said} not saved yet. We cannot be reached")
    expect(page.locator("#view-1 .app-sheet__shapes .app-shape--kept")).to_have_count(2)
    assert broken_rules(page) == []
    page.reload()
    expect(kept).to_contain_text("2 answers are not saved yet")
    expect(kept).to_contain_text("R CC, point, ill-defined mass, 4")
    page.unroute("**/marks")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(kept).to_be_hidden()
    waiting = "Object.keys(sessionStorage).filter(key => key.startsWith('performs-kept')).length"
    wait_until(lambda: page.evaluate(waiting) == 0, "every answer to be safe")
    expect(page.locator(".app-mark")).to_have_count(2)
    assert len(receipt(site, 133).marks) == 2
    with site.scheme.begin() as uow:
        assert len(uow.answers.of_reading(receipt(site, 133).reading_uid)) == 2
    assert len(heard) >= 2
    lost = [each for each in site.complaints if "ERR_FAILED" in each]
    site.complaints[:] = [each for each in site.complaints if each not in lost]


def test_a_mark_that_is_not_finished_is_held_and_silence_decides_nothing(site: Site) -> None:
    page = open_case(site, 134)
    x, y = visible_middle(page.locator("#view-1"))
    page.mouse.click(x, y)
    said = page.locator("#said")
    page.get_by_role("button", name="Both breasts normal").click()
    expect(said).to_contain_text("The point on R CC is not finished")
    stroke(page, *[visible_middle(page.locator("#view-2"))] * 2)  # elsewhere: not begun
    expect(page.locator(".app-sheet__shapes .app-shape--begun")).to_have_count(1)
    page.get_by_role("link", name=f"Next case: {SET}135").first.click()
    expect(said).to_be_focused()
    page.reload()
    expect(said).to_contain_text("The mark that you began on R CC is still here")
    put_in_words(page)
    assert receipt(site, 134).state == "unread"
    page.get_by_role("link", name=f"Next case: {SET}135").first.click()
    page.wait_for_url(f"**/{SET}135")
    wait_until(lambda: len(receipt(site, 134).marks) == 1, "the finished mark to be saved")
    assert receipt(site, 134).breasts == ()


def test_a_breast_is_decided_in_one_click_and_more_said_later(site: Site) -> None:
    page = open_case(site, 136)
    page.locator("#breast-R").get_by_role("button", name="Recall for assessment").click()
    right = page.locator("#breast-R")
    expect(right.locator("h3")).to_have_text("Right breast: recall for assessment")
    right.locator("summary").click()
    right.get_by_label("Concern").select_option("4")
    expect(right).to_contain_text("Level of concern 4 suspicious.")
    (breast,) = receipt(site, 136).breasts
    assert (breast.decision, breast.rating) == ("RECALL", 4)
