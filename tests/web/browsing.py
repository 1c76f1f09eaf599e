"""A browser, and a served scheme to look at in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from pacs_bridge.web.serve import WebServer
from tests.peers import need, need_npm
from tests.web.conftest import served
from tests.web.seed import DATABASE, PASSWORD, PEOPLE, Scheme, open_scheme

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
WIDE, PHONE = (1280, 900), (360, 740)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_LOOK = """rules => axe
    .run({ runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })
    .then(found => [
        found.passes.length, found.violations.map(each => [each.id, each.nodes[0].html]),
    ])"""
"""Gives how many rules are kept and what is broken; no place is sought where one is kept."""

expect.set_options(timeout=60_000)


class Site:
    """A served scheme, and a browser to look at it."""

    def __init__(self, scheme: Scheme, server: WebServer, browser: Browser) -> None:
        self.scheme, self.browser, self.url = scheme, browser, server.url.rstrip("/")
        self.complaints: list[str] = []

    def visit(self, who: str, size: tuple[int, int] = WIDE, *, scripts: bool = True) -> Page:
        """Open a window of its own, signed in as somebody of the scheme."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, java_script_enabled=scripts
        )
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        page.on("request", self._watch)
        if who != "-":
            page.goto(f"{self.url}/sign-in")
            page.get_by_label("E-mail address").fill(PEOPLE[who])
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{self.url}/")
        return page

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.complaints.append(f"asked elsewhere: {request.url}")


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Chromium, as long as somebody looks."""
    path = need("chromium", "chromium")
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=180_000)
        yield opened
        opened.close()


def a_site(folder: Path, database: Path, browser: Browser, **changes: object) -> Iterator[Site]:
    shutil.copy(database, folder / DATABASE)
    scheme = open_scheme(folder)
    with served(scheme, refresh_seconds=1, **changes) as app:
        server = WebServer(app, "127.0.0.1", 0)
        made = Site(scheme, server, browser)
        yield made
        for context in browser.contexts:
            context.close()
        server.close()
    scheme.close()
    assert made.complaints == []


def broken_rules(page: Page) -> list[tuple[str, str]]:
    """What of a page breaks a rule of accessibility: the rule, and the first place."""
    page.evaluate((need_npm("axe-core") / "axe.min.js").read_text())
    kept, broken = page.evaluate(_LOOK, RULES)
    assert kept > 15, page.url
    return [(rule, place[:200]) for rule, place in broken]
