"""The sheet in a real browser: marks taken up again, images mirrored, zoomed in and windowed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.waiting import wait_until
from tests.web.browsing import Site, a_browser, a_site, broken_rules
from tests.web.desk import COLUMNS, ROWS, SPOT, STRIPES
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

GREYS = """
(canvas, [place, size]) => {
  const box = canvas.getBoundingClientRect()
  const inner = canvas.parentElement.getBoundingClientRect()
  const [x, y] = place.map((each, axis) => each / size[axis])
  const left = inner.x + x * inner.width - box.x, top = inner.y + y * inner.height - box.y
  const at = [left / box.width * canvas.width, top / box.height * canvas.height].map(Math.floor)
  const { data } = canvas.getContext('2d').getImageData(at[0], at[1], 4, 1)
  return [...data].filter((_, i) => i % 4 === 0)
}
"""


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


def test_on_a_mirrored_image_a_mark_lies_where_it_was_drawn_in_the_stored_pixels(
    site: Site,
) -> None:
    place = 3  # mirrored across and down
    page = open_case(site, 107)
    view = page.locator(f"#view-{place}")
    x, y = visible_middle(view)
    left, top, width, height = picture_box(view)
    across, below = (x + 25 - left) / width, (y + 15 - top) / height
    wanted = ((1 - across) * COLUMNS, (1 - below) * ROWS)
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


def greys_at(view: Locator, x: float, y: float) -> list[int]:
    """Four greys in a row of what is painted over the picture, from a place of the image on."""
    found: Any = view.locator("canvas").evaluate(GREYS, [[x, y], [COLUMNS, ROWS]])
    return list(found)


def wait_for(view: Locator, at: tuple[float, float], greys: list[int], within: float = 2) -> None:
    """Wait for what is painted there: coarser parts may be here first, finer ones come after."""

    def is_so() -> bool:
        return greys_at(view, *at) == pytest.approx(greys, abs=within)

    wait_until(is_so, f"{greys} to be painted")


def test_zoomed_in_every_pixel_is_seen_and_a_window_reaches_every_level(site: Site) -> None:
    page = open_case(site, 115)
    view = page.locator("#view-1")
    canvas = view.locator("canvas")
    expect(canvas).to_be_hidden()
    page.locator("#cross-1").focus()
    for _ in range(5):
        page.keyboard.press("+")
    expect(canvas).to_be_visible()
    at = STRIPES[1] + 30.5, STRIPES[0] + 30.5
    stripes = [round(level / 4095 * 255) for level in (1000, 1400)]
    wait_for(view, at, stripes * 2)
    page.get_by_label("Contrast").fill("0.5")
    pressed = [round((2048 + (level - 2048) / 2) / 4095 * 255) for level in (1000, 1400)]
    wait_for(view, at, pressed * 2)
    page.locator("#cross-1").focus()
    page.keyboard.press("i")
    wait_for(view, at, stripes * 2)
    page.keyboard.press("0")
    expect(canvas).to_be_hidden()
    assert broken_rules(page) == []


def test_the_whole_image_is_windowed_in_its_own_levels_and_lies_as_the_picture(
    site: Site,
) -> None:
    page = open_case(site, 107)  # its first image is mirrored
    view = page.locator("#view-2")
    page.locator("#cross-2").focus()
    for _ in range(4):
        page.keyboard.press("k")
    expect(page.locator("#said")).to_contain_text("Contrast 1.")
    expect(view.locator("canvas")).to_be_visible()
    wait_for(view, (SPOT[0] - 8, SPOT[1]), [255] * 4)
    inside = round((2048 + (1200 - 2048) * 1.4) / 4095 * 255)
    wait_for(view, (SPOT[0] - 200, SPOT[1]), [inside] * 4)
    mirrored = page.locator("#view-1")
    expect(mirrored.locator("canvas")).to_be_visible()
    shown, picture = (picture_box(mirrored), mirrored.locator("canvas").bounding_box())
    assert picture is not None
    assert shown == pytest.approx(
        tuple(picture[each] for each in ("x", "y", "width", "height")), abs=1
    )


def test_a_part_that_others_hold_up_is_asked_for_again(site: Site) -> None:
    page = open_case(site, 116)
    refused: list[str] = []

    def refuse_once(route: Any) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503)

    page.route("**/images/1/1/part?*", refuse_once)
    page.locator("#cross-1").focus()
    for _ in range(4):
        page.keyboard.press("+")
    expect(page.locator("#view-1 canvas")).to_be_visible()
    assert len(refused) == 1
    complaints = [each for each in site.complaints if "503" in each]
    site.complaints[:] = [each for each in site.complaints if each not in complaints]
