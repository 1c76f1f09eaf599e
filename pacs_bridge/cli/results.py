"""``results``: what readers scored, for study."""

from __future__ import annotations

import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.results_feedback import feedback
from pacs_bridge.cli.results_reports import reports
from pacs_bridge.cli.terminal import Home, open_home, print_json

app = typer.Typer()
app.command("feedback")(feedback)
app.command("reports")(reports)


class Format(StrEnum):
    """Forms of an export."""

    CSV = "csv"
    JSON = "json"
    SR = "sr"


@app.command("export")
def export(
    set_name: Annotated[str, typer.Argument(metavar="SET", help="Prefix, such as PERFORMS121.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to write, with --format sr.")
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="csv, json, or sr: each reading as a TID 1500 report."),
    ] = Format.CSV,
    home: Home = None,
) -> None:
    """Print each reader's figures over a set, each with its n; or write the readings themselves."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.identifiers import SetName

    if (form is Format.SR) != (folder is not None):
        raise RefusedInput("Reports (--format sr) go into a folder, figures do not; say it so.")
    if folder is not None:
        from pacs_bridge.cli.results_reports import write_reports

        write_reports(home, set_name, folder)
        return
    name = str(SetName.parse(set_name))
    with open_home(home).read() as uow:
        uow.case_sets.get(name)
        found = {code: uow.summaries.find(name, code) for code in uow.readers.all()}
    figures = {code: summary[0]["figures"] for code, summary in found.items() if summary}
    if form is Format.JSON:
        print_json({"set": name, "readers": figures})
        return
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL)
    writer.writerow(["set", "reader", "figure", "value", "numerator", "denominator", "unit"])
    for code, of_reader in figures.items():
        for key, each in of_reader.items():
            value = "" if each["value"] is None else f"{each['value']:.6f}"
            row = [name, code, key, value, each["numerator"], each["denominator"], each["unit"]]
            writer.writerow(row)


@app.command("show")
def show(
    set_name: Annotated[str, typer.Argument(metavar="SET", help="Prefix, such as PERFORMS121.")],
    home: Home = None,
) -> None:
    """Show how many readings of a set stand where, by reader."""
    from rich.table import Table

    from pacs_bridge.cli.terminal import console
    from pacs_bridge.domain.identifiers import SetName

    name = str(SetName.parse(set_name))
    with open_home(home).read() as uow:
        uow.case_sets.get(name)
        counts = uow.readings.counts(name)
    columns = ("Reader", "Open", "Asked", "Closed", "Scored", "Practice", "Parked")
    table = Table(*columns, title=f"Readings of {name}")
    for code in sorted({reader for reader, _ in counts}):
        states = ("open", "asked", "closed", "scored", "kept", "parked")
        table.add_row(code, *(str(counts.get((code, state), 0)) for state in states))
    if counts:
        console().print(table)
    else:
        console().print(f"No reading of {name} has arrived yet.")
