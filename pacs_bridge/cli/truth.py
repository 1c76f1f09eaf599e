"""``truth``: import what is known of a set's cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say, warn

app = typer.Typer()


@app.callback()
def _truth() -> None:
    """Truth of a case set."""


@app.command("import")
def import_(
    set_name: Annotated[str, typer.Argument(metavar="SET", help="Such as PERFORMS121.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The truth file (JSON).")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Keep a set's truth as its next version and send it to the scorer."""
    from dataclasses import asdict

    from pacs_bridge.wiring.case_sets import import_truth_file

    report = import_truth_file(open_home(home), set_name, file)
    if as_json:
        print_json(asdict(report))
        return
    done = f"version {report.version} is kept" if report.new else "nothing in it is new"
    say(f"Truth of {report.set_name}: {done}; {report.cases} cases, {report.lesions} lesions.")
    if report.without:
        warn(f"Without truth, so never scored: {', '.join(report.without)}.")
