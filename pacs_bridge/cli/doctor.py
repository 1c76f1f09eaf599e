"""``doctor``: health, proven by traffic."""

from __future__ import annotations

import typer

from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json


def register(app: typer.Typer) -> None:
    """Put the command under the root."""
    app.command("doctor")(doctor)


def doctor(home: Home = None, as_json: Json = False) -> None:
    """Check this installation: settings, durability, disk, roles and PACS by real traffic."""
    from pacs_bridge.wiring.doctor import examine

    findings = list(examine(open_home(home)))
    if as_json:
        print_json([finding.as_json() for finding in findings])
    else:
        out = console()
        for finding in findings:
            sign = "[green]ok[/green]  " if finding.good else "[red]look[/red]"
            out.print(f"{sign} {finding.subject:<22} {finding.says}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
