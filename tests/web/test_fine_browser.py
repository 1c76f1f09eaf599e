"""The sheet zoomed in and windowed in a real browser: every pixel, and every grey level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.waiting import wait_until
from tests.web.browsing import Site, a_browser, a_site, broken_rules
from tests.web.desk import COLUMNS, ROWS, SPOT, STRIPES
from tests.web.sheets import open_case, picture_box

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
