"""A reader's receipts and sheet in a real browser: where marks land, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from pacs_bridge.domain.receipts import Receipt
from pacs_bridge.services.receipts import show_receipt
from tests.waiting import wait_until
from tests.web.browsing import PHONE, WIDE, Site, a_browser, a_site, broken_rules
from tests.web.desk import COLUMNS, MASS, ROWS, SPOT, a_save, drawn
from tests.web.seed import SET

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, seeded: tuple[Path, dict[str, int]], browser: Browser
) -> Iterator[Site]:
    """A site of the module's own; each test has a case of its own."""
    yield from a_site(tmp_path_factory.mktemp("site"), seeded[0], browser)


def address(case: int) -> str:
    return f"/reading/{SET}/{SET}{case}"


def receipt(site: Site, case: int) -> Receipt:
    return show_receipt("R102", f"{SET}{case}", begin=site.scheme.begin, now=site.scheme.now)


def middle(part: Locator) -> tuple[float, float]:
    """Where the middle of an element lies in the window, in CSS pixels."""
    x, y, width, height = part.evaluate(
        "e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] }"
    )
    return x + width / 2, y + height / 2


def brightest(page: Page, view: Locator) -> tuple[float, float]:
    """Where the bright square of the picture lies in the window, by its pixels on the screen."""
    hide = "each => each.style.visibility = 'hidden'"
    page.evaluate(f"document.querySelectorAll('figure svg').forEach({hide})")
    picture = view.locator("img")
    picture.evaluate("picture => picture.decode()")  # it is here, and painted with the next frame
    box = picture.bounding_box()
    assert box is not None
    with Image.open(BytesIO(page.screenshot())) as screen:
        grey = np.asarray(screen.convert("L")).astype(float)
    left, top = round(box["x"]) + 3, round(box["y"]) + 3  # nothing of the page around it
    part = grey[top : top + round(box["height"]) - 6, left : left + round(box["width"]) - 6]
    bright = np.where(part > 140, part - 80, 0)
    down, across = (
        float(np.average(each + 0.5, weights=bright)) for each in np.indices(part.shape)
    )
    return left + across, top + down


@SIZES
def test_a_mark_lies_where_it_lies_in_the_picture(size: tuple[int, int], site: Site) -> None:
    case = 120 + SIZES.args[1].index(size)
    ring = ((SPOT[0], SPOT[1]), (SPOT[0] + 200, SPOT[1]))
    ellipse = ((700.0, 700.0), (1100.0, 700.0), (900.0, 600.0), (900.0, 800.0))
    a_save(
        site.scheme, case,
        drawn(case, 1, "POINT", SPOT, rating=4, finding=MASS),
        drawn(case, 1, "CIRCLE", *ring, rating=4),
        drawn(case, 1, "ELLIPSE", *ellipse, flags=("rating-conflict",), text="M4/5"),
        drawn(case, 1, "BITMAP", (800.0, 600.0), (1000.0, 800.0), flags=("needs-confirmation",)),
    )  # fmt: skip
    page = site.visit("midway", size)
    page.goto(site.url + address(case))
    view = page.locator("#view-1")
    expect(page.locator("#tools")).to_be_visible()  # nothing moves any more
    view.scroll_into_view_if_needed()
    expect(page.locator("#mark-1")).to_contain_text("R CC, ill-defined mass, 4")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert broken_rules(page) == []
    shapes = [middle(view.locator(f".app-shape[data-mark='{n}']")) for n in (1, 2, 3, 4)]
    shapes.append(middle(view.locator(".app-ring")))
    there = brightest(page, view)
    for shape in shapes:
        assert shape == pytest.approx(there, abs=1.0)


def say_of_it(page: Page, finding: str, rating: str) -> None:
    page.get_by_label("What you see", exact=True).select_option(finding)
    page.get_by_label(rating).check()


def test_a_mark_is_put_by_mouse_where_it_was_clicked_and_once(site: Site) -> None:
    case = 122
    page = site.visit("midway", PHONE)
    page.goto(site.url + address(case))
    cross = page.locator("#cross-4")
    cross.scroll_into_view_if_needed()
    box = cross.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 40, box["y"] + 60)
    expect(page.locator("#said")).to_contain_text("The point is set on L MLO")
    say_of_it(page, "MILL", "4 suspicious")
    both = "button => { button.click(); button.click() }"  # before any answer can come
    page.get_by_role("button", name="Save this mark").evaluate(both)
    expect(page.locator("#mark-1")).to_contain_text("L MLO, ill-defined mass, 4")
    expect(page.locator("#said")).to_have_text("The mark is saved.")
    (mark,) = receipt(site, case).marks
    pixel = COLUMNS / box["width"]
    assert mark.points[0] == pytest.approx((40 * pixel, 60 * pixel), abs=pixel)
    page.goto(f"{site.url}{address(case)}?again")  # nothing more was under way
    expect(page.locator(".app-mark")).to_have_count(1)


def test_a_case_is_read_by_keyboard_alone(site: Site) -> None:
    page = site.visit("midway")
    page.goto(site.url + address(124))
    expect(page.locator("#tools")).to_be_visible()

    def tab_to(chosen: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", chosen):
                return
        pytest.fail(f"{chosen} is not reached by the tab key")

    tab_to("#cross-1")
    assert page.locator("#cross-1").get_attribute("aria-describedby") == "cross-how"
    page.keyboard.press("ArrowLeft")
    said = page.locator("#said")
    expect(said).to_have_text(f"R CC: column {957 - 38} of {COLUMNS}, row {ROWS // 2} of {ROWS}")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("The point is set on R CC")
    page.keyboard.press("Enter")  # what is missing is asked for, there where it is said
    finding = page.get_by_label("What you see", exact=True)
    expect(finding).to_be_focused()
    for _ in range(20):  # letters would have to come within a second of one another
        if finding.input_value() == "CALCS":
            break
        page.keyboard.press("ArrowDown")
    tab_to("#new-rating-1")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#mark-1")).to_contain_text("R CC, microcalcification, 5")
    expect(page.locator("#cross-1")).to_be_focused()
    (mark,) = receipt(site, 124).marks
    assert mark.points == ((919.0, 1148.0),)
    tab_to("#R-RECALL")
    page.keyboard.press("Enter")
    expect(page.locator("#breast-R")).to_be_focused()
    expect(page.locator("#breast-R h3")).to_have_text("Right breast: recall for assessment")


def test_questions_are_answered_without_leaving_the_page(site: Site) -> None:
    case = 125
    a_save(
        site.scheme, case,
        drawn(case, 1, "BITMAP", (800.0, 600.0), (1000.0, 800.0), flags=("needs-confirmation",)),
        drawn(case, 2, "POINT", SPOT, rating=5, flags=("rating-conflict",), text="M4/5"),
        drawn(case, 3, "POINT", SPOT, rating=2),
    )  # fmt: skip
    page = site.visit("midway")
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=429)

    page.route("**/images/2/1.png*", refuse_once)
    page.goto(site.url + address(case))
    page.evaluate("window.stayed = true")
    marks = receipt(site, case).marks
    first, second, third = (
        page.locator(f"#mark-{[m.view == v and m.laterality == s for m in marks].index(True) + 1}")
        for s, v in (("R", "CC"), ("L", "CC"), ("R", "MLO"))
    )
    first.get_by_role("button", name="Yes, it is a mark").click()
    expect(first).to_contain_text("Confirmed")
    expect(first).to_be_focused()
    expect(first).not_to_contain_text("is it a mark?")
    second.get_by_text("Change", exact=False).first.click()
    second.get_by_label("Level of concern").select_option("4")
    second.get_by_role("button", name="Save the change").click()
    expect(second).to_contain_text("Changed by you")
    expect(second).to_contain_text("L CC, mark, 4")
    third.get_by_role("button", name="Not a mark of mine").click()
    expect(third).to_contain_text("Not counted")
    page.locator("#breast-L").get_by_role("button", name="Technical recall").click()
    expect(page.locator("#breast-L h3")).to_have_text("Left breast: technical recall")
    first.get_by_text("Change", exact=False).first.click()
    first.get_by_role("button", name="Save the change").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    expect(page.locator(".nhsuk-error-summary")).to_contain_text("another level of concern")
    assert page.evaluate("window.stayed") is True
    shown = "document.querySelector('#view-2 img')?.naturalWidth > 0"
    wait_until(lambda: page.evaluate(shown), "a picture that was refused to be asked for again")
    assert len(refused) == 1
    states = {mark.view + str(mark.laterality): mark.state for mark in receipt(site, case).marks}
    assert states == {"CCR": "confirmed", "CCL": "mended", "MLOR": "dropped"}


def test_what_arrives_appears_by_itself_and_takes_nothing_from_under_the_hand(site: Site) -> None:
    page = site.visit("midway")
    page.goto(f"{site.url}/reading/{SET}")
    row = page.get_by_role("row").filter(has_text=f"{SET}126")
    expect(row).to_contain_text("Nothing has reached us.")
    a_save(site.scheme, 126, drawn(126, 1, "POINT", SPOT, rating=4))
    expect(row).to_contain_text("1 mark")
    page.goto(site.url + address(126))
    page.get_by_text("Put a mark here").click()
    page.locator("#cross-2").click(position={"x": 30, "y": 30})
    page.get_by_label("What you see", exact=True).select_option("MILL")
    a_save(site.scheme, 126, drawn(126, 3, "POINT", SPOT, rating=3), uid="2")
    expect(page.locator("#mark-2")).to_contain_text("R MLO, mark, 3")
    expect(page.locator("#shapes-3 .app-shape")).to_have_count(1)
    expect(page.get_by_label("What you see", exact=True)).to_have_value("MILL")
    expect(page.locator("#new-where")).to_contain_text("Point on L CC")


def test_without_scripts_a_mark_is_typed(site: Site) -> None:
    page = site.visit("midway", PHONE, scripts=False)
    page.goto(site.url + address(127))
    page.get_by_text("Put a mark here").click()
    page.get_by_label("Image", exact=True).select_option("3")
    page.get_by_label("Column, from the left").fill("811")
    page.get_by_label("Row, from the top").fill("922.5")
    say_of_it(page, "MWELL", "2 benign")
    page.get_by_role("button", name="Save this mark").click()
    expect(page.locator("#mark-1")).to_contain_text("R MLO, well-defined mass, 2")
    (mark,) = receipt(site, 127).marks
    assert mark.points == ((811.0, 922.5),)
