"""``statement``: the conformance statement of the running configuration."""

from __future__ import annotations

import os

import typer

from pacs_bridge.cli.terminal import Home, open_home, say


def register(app: typer.Typer) -> None:
    """Put the command under the root."""
    app.command("statement")(statement)


def statement(home: Home = None) -> None:
    """Print the DICOM conformance statement; without a home, that of the default settings."""
    from pacs_bridge.scp.statement import Running, write_statement
    from pacs_bridge.wiring.node import bounds_of

    if home is None and "PACS_BRIDGE_HOME" not in os.environ:
        say(write_statement(Running()).rstrip())
        return
    node = open_home(home).config.node
    say(write_statement(Running(node.ae_title, node.port, bounds_of(node))).rstrip())
