"""The application: blueprints, one access rule, one error table, one set of headers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask
from flask_security import current_user
from jinja2 import ChainableUndefined, ChoiceLoader, PackageLoader

from pacs_bridge.domain.people import Role
from pacs_bridge.web import (
    account,
    associations,
    claims,
    feedback,
    fine,
    health,
    home,
    isolation,
    loads,
    pack,
    reader_copies,
    reading,
    results,
    saving,
    sign_in,
    viewer,
    watch,
    workstation,
)
from pacs_bridge.web.access import idle, protect, seconds_left, whose_pages
from pacs_bridge.web.context import EXTENSION, WebServices, WebSettings
from pacs_bridge.web.errors import handle_errors
from pacs_bridge.web.headers import harden
from pacs_bridge.web.security import limit_tries, set_up_security
from pacs_bridge.web.stream import set_up_streams
from pacs_bridge.web.words import set_up_words

__all__ = ["WebServices", "WebSettings", "create_app"]

_PAGES = (
    account,
    associations,
    claims,
    feedback,
    fine,
    health,
    home,
    isolation,
    loads,
    pack,
    reader_copies,
    reading,
    results,
    saving,
    sign_in,
    viewer,
    watch,
    workstation,
)
_ASSETS = (
    "lock.js",
    "outbox.js",
    "pages.css",
    "pages.js",
    "reading.css",
    "reading.js",
    "sheet.js",
    "sheet_controls.js",
    "sheet_fine.js",
    "sheet_hand.js",
    "sheet_paint.js",
    "sheet_saved.js",
    "sheet_shapes.js",
    "sheet_view.js",
)
_MENU = (
    ("home.show", "Start", None),
    ("loads.index", "Loads", (Role.CONTACT, Role.ADMIN)),
    ("reading.rounds", "My cases", (Role.READER,)),
    ("results.index", "My results", (Role.READER,)),
    ("associations.index", "Associations", (Role.ADMIN,)),
    ("watch.index", "Watch", (Role.ADMIN,)),
)


class _Application(Flask):
    """Flask, with the macros of the design system beside our own templates."""

    jinja_options = {"undefined": ChainableUndefined}  # noqa: RUF012  the macros chain through what is not set

    def create_global_jinja_loader(self) -> ChoiceLoader:  # type: ignore[override]  # wider than theirs
        return ChoiceLoader(
            [super().create_global_jinja_loader(), PackageLoader("nhsuk_frontend_jinja")]
        )


def create_app(web_settings: WebSettings, web_services: WebServices) -> Flask:
    """Make the application out of plain values.

    Raises
    ------
    RuntimeError
        When a route has no access rule.
    """
    app = _Application("pacs_bridge.web")
    app.extensions[EXTENSION] = (web_settings, web_services)
    for module in _PAGES:
        app.register_blueprint(module.blueprint)
    set_up_words(app)
    pack.set_up_pack(app)
    isolation.set_up_isolation(app)
    set_up_streams(app)
    harden(app)
    protect(app)  # before the form tokens: who is signed out is told so first
    set_up_security(app, web_services.accounts, web_settings)
    limit_tries(app, web_settings.sign_in_tries)
    handle_errors(app)
    app.context_processor(_page_context)
    app.jinja_env.globals["assets"] = _assets_version(Path(str(app.static_folder)))
    return app


def _assets_version(folder: Path) -> str:
    """Name the present style sheet and script, so that no browser uses an older one."""
    content = b"".join((folder / name).read_bytes() for name in _ASSETS)
    return hashlib.sha256(content).hexdigest()[:8]


def _page_context() -> dict[str, object]:
    """Give every page who is signed in, the menu, and how long the session lives."""
    signed_in = seconds_left() > 0
    roles = current_user.may if signed_in else frozenset()
    return {
        "viewer": current_user if signed_in else None,
        "menu": [
            (endpoint, text)
            for endpoint, text, needed in _MENU
            if signed_in and (needed is None or roles & set(needed))
        ],
        "idle_seconds": int(idle().total_seconds()),
        "whose_pages": whose_pages() if signed_in else "",
    }
