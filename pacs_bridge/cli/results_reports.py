"""``results export --format sr`` and ``results reports``: readings as reports of the standard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say, warn


def write_reports(home: Path | None, set_name: str, folder: Path) -> None:
    """Write a set's readings into a folder and say how many; refusals end in exit 1."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.identifiers import SetName
    from pacs_bridge.services.reports import export_readings
    from pacs_bridge.wiring.reports import build_keeper

    keeper = build_keeper(open_home(home))
    done = export_readings(SetName.parse(set_name), folder, keeper=keeper)
    say(f"{len(done.written)} reports written.")
    for reading, why in done.refused:
        warn(f"{reading}: {why}")
    if done.refused:
        raise RefusedInput(
            f"{len(done.refused)} readings could not be written; what stands beside each says why."
        )


def reports(
    set_name: Annotated[str, typer.Argument(metavar="SET", help="Prefix, such as PERFORMS121.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """List the reports kept of a set's readings, and whether the scorer has each."""
    from rich.table import Table

    from pacs_bridge.cli.terminal import console
    from pacs_bridge.domain.identifiers import SetName

    name = str(SetName.parse(set_name))
    with open_home(home).read() as uow:
        uow.case_sets.get(name)
        kept = uow.reports.of_set(name)
    if json:
        print_json({"set": name, "reports": [each.as_dict() for each in kept]})
        return
    if not kept:
        say(f"No reading of {name} has been closed yet, so there is no report of one.")
        return
    table = Table("Reading", "Revision", "Marks", "State", "SHA-256", title=f"Reports of {name}")
    for each in kept:
        state = f"{each.state.value}: {each.reason}" if each.reason else each.state.value
        table.add_row(
            each.reading_uid, str(each.revision), str(each.marks), state, each.content_hash[:12]
        )
    console().print(table)
