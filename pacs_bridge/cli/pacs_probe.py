"""`pacs-bridge pacs probe`: try what a PACS can do, and list what appeared around our cases."""

from __future__ import annotations

from typing import Annotated

import typer

from pacs_bridge.cli.pacs_options import Name
from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say


def probe(
    name: Name,
    store: Annotated[
        bool,
        typer.Option(
            "--store",
            help="Store synthetic objects, too, and look for each; remove them again.",
        ),
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Try what a PACS can do, on the practice cases that were loaded."""
    from pacs_bridge.wiring.checks import build_probe

    report = build_probe(open_home(home), stores=store)(name)
    if json:
        print_json(report.as_dict())
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("tried", "works", "detail", box=None)
    words = {True: "yes", False: "no", None: "not known"}
    for fact in report.facts:
        table.add_row(escape(fact.what), words[fact.works], escape(fact.detail))
    console().print(table)
    for title, lines in (
        ("Forwarding rule", report.rule),
        ("Firewall", report.firewall),
        ("Who asked us", report.callers),
    ):
        if lines:
            say(f"{title}:")
            for line in lines:
                say(f"  {line}")
    for each in report.appeared:
        number = "" if each.objects is None else f"{each.objects} objects, "
        what = " ".join(filter(None, (each.modality, each.sop_class_uid, each.description)))
        say(f"Not ours, about {each.accession}: {number}{what}")
    for sentence in report.advice:
        say(sentence)
