"""How a reader draws on the sheet in a real browser."""

from __future__ import annotations

import math

from playwright.sync_api import Locator, Page, expect

from pacs_bridge.domain.receipts import Receipt, ReceiptMark
from pacs_bridge.services.receipts import show_receipt
from tests.web.browsing import WIDE, Site
from tests.web.desk import COLUMNS, ROWS
from tests.web.seed import SET

Place = tuple[float, float]
HALF_A_PIXEL = 0.5


def receipt(site: Site, case: int) -> Receipt:
    return show_receipt("R102", f"{SET}{case}", begin=site.scheme.begin, now=site.scheme.now)


def open_case(site: Site, case: int, size: tuple[int, int] = WIDE) -> Page:
    """The page of a case, ready to be drawn on."""
    page = site.visit("midway", size)
    page.goto(f"{site.url}/reading/{SET}/{SET}{case}")
    expect(page.locator("#tools")).to_be_visible()  # scripts have laid the sheet by then
    details = page.locator("#new-details")
    if details.count():
        details.locator("summary").click()
    return page


def choose(page: Page, tool: str) -> None:
    page.get_by_role("button", name=tool, exact=True).click()


def put_in_words(page: Page, finding: str = "MILL", rating: str = "4") -> None:
    page.get_by_label("What you see", exact=True).select_option(finding)
    page.locator(f"#new-rating-{rating}").check()


def save(page: Page, number: int) -> None:
    """Save what is drawn, as the mark of that number."""
    page.get_by_role("button", name="Save this mark").click()
    expect(page.locator(f"#mark-{number}")).to_be_visible()


def picture_box(view: Locator) -> tuple[float, float, float, float]:
    """Where the whole picture lies in the window, what is cut off too."""
    x, y, width, height = view.locator("img").evaluate(
        "e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] }"
    )
    return x, y, width, height


def pixel_at(view: Locator, at: Place) -> Place:
    """Which place of the image lies at a place of the window."""
    x, y, width, height = picture_box(view)
    return (at[0] - x) / width * COLUMNS, (at[1] - y) / height * ROWS


def middle_of(part: Locator) -> Place:
    """Where the middle of an element lies in the window."""
    x, y, width, height = part.evaluate(
        "e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] }"
    )
    return x + width / 2, y + height / 2


def window_at(view: Locator, at: Place) -> Place:
    """Where a place of an image that hangs as it is stored lies in the window now."""
    view.scroll_into_view_if_needed()
    x, y, width, height = picture_box(view)
    return x + at[0] / COLUMNS * width, y + at[1] / ROWS * height


def stroke(page: Page, *places: Place) -> None:
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def visible_middle(view: Locator) -> Place:
    view.scroll_into_view_if_needed()
    box = view.locator(".app-view__frame").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def close_to(found: Place, wanted: Place) -> bool:
    return math.dist(found, wanted) <= HALF_A_PIXEL


def newest(site: Site, case: int) -> ReceiptMark:
    return receipt(site, case).marks[-1]
