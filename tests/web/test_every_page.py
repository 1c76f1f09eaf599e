"""What holds for every page, whoever looks: headers, links, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import SignIn, served, sign_in_with
from tests.web.seed import DATABASE, PEOPLE, open_scheme

VENDOR = Path("pacs_bridge/web/static/vendor")
HOSTILE_TO_POLICY = re.compile(
    r"<style|\sstyle=|<script(?![^>]* src=)|\son[a-z]+=|javascript:", re.IGNORECASE
)
_ONE_OF_MANY = re.compile(r"(?<=/)PERFORMS\d{6}\b")
"""A case in an address: the pages of one stand for those of 64 that differ in nothing else."""

Walk = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def walk(
    tmp_path_factory: pytest.TempPathFactory, seeded: tuple[Path, dict[str, int]]
) -> Iterator[Walk]:
    """Give every page that somebody comes to from the start page; each walk is walked once."""
    folder = tmp_path_factory.mktemp("walked")
    shutil.copy(seeded[0], folder / DATABASE)
    scheme = open_scheme(folder)
    walked: dict[str, dict[str, str]] = {}
    with served(scheme) as app:

        def pages_of(who: str) -> dict[str, str]:
            if who not in walked:
                client = app.test_client()
                sign_in_with(client, PEOPLE[who])
                walked[who] = dict(pages(client))
            return walked[who]

        yield pages_of
    scheme.close()


def pages(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Walk from the start page along every link; gives each page once."""
    waiting, seen = ["/"], {"/"}
    while waiting:
        path = waiting.pop()
        answer = client.get(path)
        assert answer.status_code == 200, f"{path} is a dead link ({answer.status_code})"
        if answer.mimetype != "text/html":
            answer.close()
            continue
        yield path, answer.text
        for link in re.findall(r'(?:href|src)="([^"#]+)', answer.text):
            target = link.replace("&amp;", "&")
            if _ONE_OF_MANY.sub("case", target) not in seen:
                seen.add(_ONE_OF_MANY.sub("case", target))
                waiting.append(target)


@pytest.mark.parametrize("who", sorted(PEOPLE))
def test_no_link_is_dead_and_nothing_comes_from_elsewhere(who: str, walk: Walk) -> None:
    walked = walk(who)
    assert len(walked) >= 3
    for path, page in walked.items():
        assert not re.search(r'(?:href|src|action)="(?:https?:)?//', page), path
        assert "lorem" not in page.lower(), path


@pytest.mark.parametrize("who", sorted(PEOPLE))
def test_no_page_needs_what_the_policy_forbids(who: str, walk: Walk) -> None:
    for path, page in walk(who).items():
        assert not HOSTILE_TO_POLICY.search(page), path


@pytest.mark.parametrize("who", sorted(PEOPLE))
def test_every_anchor_of_a_page_is_on_it_and_no_name_is_given_twice(who: str, walk: Walk) -> None:
    for path, page in walk(who).items():
        names = re.findall(r'\sid="([^"]+)"', page)
        assert len(names) == len(set(names)), path
        for anchor in re.findall(r'href="#([^"]+)"', page):
            assert anchor in names, (path, anchor)
        assert page.count("<h1") == 1, path


def test_every_answer_carries_the_headers(sign_in: SignIn) -> None:
    client = sign_in("admin")
    for path in ("/", "/loads", "/watch", "/sign-in/left", "/nowhere", "/results", "/health"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"], path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert headers["Cache-Control"] == "no-store", path
    answer = client.get("/static/pages.css")
    assert "max-age" in answer.headers["Cache-Control"]
    answer.close()


def test_the_design_system_is_the_one_whose_sums_are_kept() -> None:
    (folder,) = VENDOR.iterdir()
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    kept = {path.removeprefix("./"): digest for digest, path in map(str.split, lines)}
    there = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("SHA256SUMS", "README.md", "LICENCE")
    }
    assert kept == there


def test_the_design_system_brings_neither_logo_nor_font_nor_outside_address() -> None:
    (folder,) = VENDOR.iterdir()
    text = "".join(path.read_text() for path in folder.rglob("*.min.*"))
    assert "Frutiger" not in text
    assert "@font-face" not in text
    assert not re.search(r"url\((?!images/|\"data:image/svg)[^)]*\)", text)
    assert "MIT License" in (folder / "LICENCE").read_text()
