"""What is saved on the sheet, taken up again in a real browser: moved, turned, bent, linked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browsing import Site, a_browser, a_site, broken_rules
from tests.web.desk import COLUMNS, ROWS
from tests.web.sheets import (
    Place,
    choose,
    close_to,
    middle_of,
    newest,
    open_case,
    picture_box,
    pixel_at,
    put_in_words,
    receipt,
    save,
    stroke,
    visible_middle,
    window_at,
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


def saved_points(site: Site, case: int) -> tuple[Place, ...]:
    (mark,) = receipt(site, case).marks
    return mark.points


def test_a_saved_mark_is_moved_turned_and_saved_again_as_the_same_mark(site: Site) -> None:
    page = open_case(site, 137)
    view = page.locator("#view-1")
    x, y = visible_middle(view)
    choose(page, "Ellipse")
    stroke(page, (x - 50, y - 20), (x, y), (x + 50, y + 20))
    put_in_words(page)
    save(page, 1)
    choose(page, "Move")
    x, y = window_at(view, newest(site, 137).centre)
    stroke(page, (x, y), (x + 10, y), (x + 30, y + 10))  # held inside, carried off
    expect(page.locator("#new-where")).to_contain_text("Mark 1, ellipse on R CC")
    expect(page.locator("#shapes-1 [data-mark='1']")).to_be_hidden()
    x, y = x + 30, y + 10
    stroke(page, (x, y - 46), (x + 30, y - 36), (x + 46, y))  # its turner, a quarter round
    middle, top = pixel_at(view, (x, y)), pixel_at(view, (x, y - 50))
    page.get_by_role("button", name="Save the change").click()
    expect(page.locator("#said")).to_have_text("The mark is changed.")
    points = saved_points(site, 137)
    assert any(math.dist(point, top) <= 2 for point in points), (points, top)
    (mark,) = receipt(site, 137).marks
    assert close_to(mark.centre, middle)
    assert mark.words == "R CC, ill-defined mass, 4"
    drawn = page.locator("#shapes-1 [data-mark='1']")
    expect(drawn).to_be_visible()
    wide, high = drawn.evaluate(
        "e => { const b = e.getBoundingClientRect(); return [b.width, b.height] }"
    )
    assert high > 2 * wide
    assert page.locator(".app-mark").count() == 1


def test_a_saved_mark_is_reshaped_by_keyboard_alone(site: Site) -> None:
    page = open_case(site, 138)
    cross = page.locator("#cross-4")
    cross.focus()
    for key in ("e", "Enter", "3"):
        page.keyboard.press(key)
    page.get_by_label("What you see", exact=True).select_option("MILL")
    cross.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#mark-1")).to_contain_text("L MLO, ill-defined mass, 3")
    before = saved_points(site, 138)
    for key in ("m", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#said")).to_contain_text("Mark 1 is as it was")
    for key in ("m", ".", ".", "Shift+ArrowLeft", "5", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#mark-1")).to_contain_text("L MLO, ill-defined mass, 5")
    after = saved_points(site, 138)
    (ax, ay), (bx, by) = after[:2]
    assert math.degrees(math.atan2(by - ay, bx - ax)) == pytest.approx(10, abs=0.1)
    assert math.dist(*after[:2]) == pytest.approx(math.dist(*before[:2]), abs=0.1)
    page.get_by_role("button", name="Move or reshape").click()
    expect(cross).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Delete")
    expect(page.locator("#said")).to_contain_text("Mark 1 stays as it was saved")
    assert saved_points(site, 138) == after


def test_an_outline_that_was_set_corner_by_corner_is_bent_at_one(site: Site) -> None:
    page = open_case(site, 139)
    view = page.locator("#view-2")
    choose(page, "Outline")
    x, y = visible_middle(view)
    for at in ((x - 40, y - 40), (x + 40, y - 40), (x + 40, y + 40), (x - 40, y - 40)):
        page.mouse.click(*at)
    put_in_words(page)
    save(page, 1)
    choose(page, "Move")
    left, top = window_at(view, newest(site, 139).points[0])
    x, y = left + 40, top + 40
    stroke(page, (x + 20, y), (x + 21, y))  # taken up, not moved
    corner = pixel_at(view, (x + 70, y + 60))
    stroke(page, (x + 40, y + 40), (x + 60, y + 50), (x + 70, y + 60))
    page.get_by_role("button", name="Save the change").click()
    expect(page.locator("#said")).to_have_text("The mark is changed.")
    points = saved_points(site, 139)
    assert len(points) == 3
    assert any(math.dist(each, corner) <= 1 for each in points)


def test_two_marks_on_two_views_are_said_to_be_one_finding(site: Site) -> None:
    page = open_case(site, 140)
    for number, view in ((1, "#view-1"), (2, "#view-3")):
        page.mouse.click(*visible_middle(page.locator(view)))
        put_in_words(page)
        save(page, number)
    first = page.locator("#mark-1")
    first.get_by_text("Marked on another view, too?").click()
    first.get_by_label("Same finding on another view").select_option(
        label="Mark 2: R MLO, ill-defined mass, 4"
    )
    first.get_by_role("button", name="It is one finding").click()
    expect(page.locator("#mark-2")).to_contain_text("marked on R CC, too (mark 1). It counts once")
    assert broken_rules(page) == []
    one, two = receipt(site, 140).marks
    assert one.together == (two.key,)
    page.locator("#one-details-2 summary").click()
    page.locator("#mark-2").get_by_role("button", name="A finding of its own").click()
    expect(first).not_to_contain_text("It counts once")
    assert receipt(site, 140).marks[0].together == ()


@pytest.mark.parametrize("place", [1, 3], ids=["across", "across and down"])
def test_on_a_mirrored_image_a_mark_lies_where_it_was_drawn_in_the_stored_pixels(
    place: int, site: Site
) -> None:
    page = open_case(site, 107)
    view = page.locator(f"#view-{place}")
    down = place == 3
    x, y = visible_middle(view)
    left, top, width, height = picture_box(view)
    across, below = (x + 25 - left) / width, (y + 15 - top) / height
    wanted = ((1 - across) * COLUMNS, (1 - below if down else below) * ROWS)
    page.mouse.click(x + 25, y + 15)
    page.keyboard.press("ArrowRight")  # to the right as it is shown
    put_in_words(page)
    number = page.locator(".app-mark").count() + 1
    save(page, number)
    mark = newest(site, 107)
    assert close_to(mark.points[0], (wanted[0] - round(COLUMNS / 50), wanted[1]))
    ring = view.locator(f".app-ring[data-of='{mark.key}']")
    shape = view.locator(f"#shapes-{place} [data-mark='{number}']")  # which CSS turns over
    shown, there = middle_of(ring), middle_of(shape)
    assert shown[0] > x + 25
    assert math.dist(shown, there) <= 1
