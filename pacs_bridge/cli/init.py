"""``init``: make a home."""

from __future__ import annotations

import typer

from pacs_bridge.cli.terminal import Home, Json, print_json, say


def register(app: typer.Typer) -> None:
    """Put the command under the root."""
    app.command("init")(init)


def init(home: Home = None, as_json: Json = False) -> None:
    """Make a home: settings, keys, database, first administrator. Asks nothing; repeatable."""
    from pacs_bridge.wiring.home import ADMIN, PASSWORD_FILE, make_home
    from pacs_bridge.wiring.installation import find_home

    config = make_home(find_home(home)).config
    if as_json:
        print_json(
            {
                "home": str(config.home),
                "administrator": ADMIN,
                "password_file": str(config.home / PASSWORD_FILE),
            }
        )
        return
    say(f"The home is ready: {config.home}")
    say(f"Administrator: {ADMIN}, password in {config.home / PASSWORD_FILE}")
    say("Next: pacs-bridge run, then pacs-bridge pacs add --help")
