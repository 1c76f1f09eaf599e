"""``case-set``: import, list, show, check, export to media, orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pacs_bridge.cli.terminal import CopyNumber, Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.domain.caseset import Case
    from pacs_bridge.services.case_sets import Progress
    from pacs_bridge.wiring.installation import Installation

app = typer.Typer()

Set = Annotated[str, typer.Argument(metavar="SET", help="The set's prefix, such as PERFORMS121.")]


@app.command("import")
def import_(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that holds the images.")
    ],
    prefix: Annotated[str, typer.Option(help="The set's name, such as PERFORMS121.")],
    title: Annotated[str, typer.Option(help="For people; else such as 'SA12 part 1'.")] = "",
    cases: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Which study is which case: study_instance_uid,number,kind[,prior,word]; "
            "else cases.csv of the folder, else by name.",
        ),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take fewer than 64 cases.")] = False,
    name_template: Annotated[
        str, typer.Option(help="PatientName of a case.", show_default=False)
    ] = "",
    study_date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The one study date of the set; else today."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a case set of images: de-identified, renamed, with a signed passport."""
    from pacs_bridge.wiring.case_sets import import_set

    with _bar("Images") as progress:
        report = import_set(
            open_home(home),
            directory,
            prefix,
            title=title,
            cases_csv=cases,
            partial=partial,
            name_template=name_template,
            study_date=study_date.date() if study_date else None,
            progress=progress,
        )
    passport = report.passport
    if as_json:
        print_json(
            {
                "set": passport.set_name,
                "title": passport.title,
                "cases": report.cases,
                "images": report.images,
                "digest": passport.digest(),
                "key_id": passport.key_id,
                "new": report.new,
                "seconds": round(report.seconds, 2),
            }
        )
        return
    done = "is imported" if report.new else "was imported before, nothing changed"
    say(f"{passport.set_name} {done}: {report.cases} cases, {report.images} images.")
    say(f"Passport {passport.digest()[:16]}, signed by key {passport.key_id}.")
    say(f"Next: pacs-bridge truth import {passport.set_name} FILE, then load start.")


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the case sets."""
    with open_home(home).read() as uow:
        lines = uow.case_sets.lines()
    if as_json:
        print_json(
            [
                {
                    "set": line.name,
                    "copy": line.copy,
                    "title": line.title,
                    "cases": line.cases,
                    "images": line.images,
                    "imported": line.created_at.isoformat(),
                    "digest": line.digest,
                }
                for line in lines
            ]
        )
        return
    if not lines:
        say("There is no case set yet; make one with case-set import.")
        return
    rows = [
        (
            f"{line.name} copy {line.copy:02d}" if line.copy else line.name,
            line.title,
            str(line.cases),
            str(line.images),
            f"{line.created_at:%Y-%m-%d}",
        )
        for line in lines
    ]
    _table(("Set", "Title", "Cases", "Images", "Imported"), rows)


@app.command()
def show(set_name: Set, home: Home = None, as_json: Json = False) -> None:
    """Show a set's cases; with --json its whole passport."""
    from pacs_bridge.domain.identifiers import SetName

    name = str(SetName.parse(set_name))
    with open_home(home).read() as uow:
        passport = uow.case_sets.get(name)
    if as_json:
        print_json(passport.as_dict())
        return
    say(f"{passport.set_name}: {passport.title}, imported {passport.created_at:%Y-%m-%d}")
    say(f"Passport {passport.digest()[:16]}, signed by key {passport.key_id}.")
    rows = [(c.accession, c.kind, c.patient_name, _images(c)) for c in passport.cases]
    _table(("Case", "Kind", "Patient name", "Images"), rows)


@app.command()
def check(set_name: Set, copy: CopyNumber = 0, home: Home = None, as_json: Json = False) -> None:
    """Check a set against its passport: signature, bytes and identity of every image."""
    from dataclasses import asdict

    from pacs_bridge.wiring.case_sets import check_set

    found = check_set(open_home(home), set_name, copy)
    if as_json:
        print_json({"whole": found.whole, **asdict(found)})
    else:
        say(f"Passport: {found.signature or f'signed by key {found.key_id}, unchanged'}")
        for case in found.cases:
            for problem in case.problems:
                say(f"{case.accession}  {problem}")
        whole = sum(not case.problems for case in found.cases)
        say(f"{whole} of {len(found.cases)} cases are as signed.")
    if not found.whole:
        raise typer.Exit(1)


@app.command("export-media")
def export_media(
    names: Annotated[
        list[str],
        typer.Argument(metavar="[SET] DIR", help="The set, if there are several; the folder."),
    ],
    prefix: Annotated[str, typer.Option(help="The set's prefix, such as PERFORMS121.")] = "",
    part_megabytes: Annotated[
        float | None,
        typer.Option("--part-mb", min=1.0, help="Split into parts of at most so many megabytes."),
    ] = None,
    copy: CopyNumber = 0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Write a set with a DICOMDIR and its passport, for a PACS without a network path."""
    from pacs_bridge.services.media import export_media

    installation = open_home(home)
    *given, folder = names
    set_name = _only_set(installation, [*given, prefix])
    with _bar("Parts") as progress:
        parts = export_media(
            set_name,
            Path(folder),
            begin=installation.begin,
            archive=installation.archive,
            now=installation.now,
            part_bytes=None if part_megabytes is None else int(part_megabytes * 1e6),
            copy=copy,
            progress=progress,
        )
    if as_json:
        print_json(
            [
                {
                    "folder": str(part.folder),
                    "cases": list(part.cases),
                    "images": part.images,
                    "bytes": part.size,
                }
                for part in parts
            ]
        )
        return
    for part in parts:
        megabytes = f"{part.size / 1e6:.0f} MB"
        say(f"{part.folder}: {len(part.cases)} cases, {part.images} images, {megabytes}.")
    which = f" --copy {copy}" if copy else ""
    say(
        f"Next: hand it to the site, then pacs-bridge load start {set_name} PACS --by media{which}."
    )


@app.command()
def orders(
    set_name: Set,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Write them as files into this folder.")
    ] = None,
    mllp: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Send them there as HL7 over MLLP.")
    ] = "",
    message: Annotated[
        Literal["omi", "orm", "adt"], typer.Option(help="Which HL7 message is sent.")
    ] = "omi",
    application: Annotated[str, typer.Option(help="MSH-5, as the site names it.")] = "RIS",
    facility: Annotated[str, typer.Option(help="MSH-6, as the site names it.")] = "HOSPITAL",
    copy: CopyNumber = 0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Give a site orders for the cases: CSV and HL7 files, or sent to its system."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.orders import Addressee, OrderMessage
    from pacs_bridge.wiring.orders import send_orders, write_orders

    if (folder is None) == (not mllp):
        raise RefusedInput("Say where they go: a folder, or --mllp HOST:PORT.")
    installation, addressee = open_home(home), Addressee(application, facility)
    if folder is not None:
        files = write_orders(installation, set_name, folder, addressee, copy=copy)
        if as_json:
            print_json([str(file) for file in files])
        for file in () if as_json else files:
            say(str(file))
        return
    kind = OrderMessage(message)
    answers = list(send_orders(installation, set_name, mllp, kind, addressee, copy=copy))
    refused = [answer for answer in answers if not answer.accepted]
    if as_json:
        print_json(
            {"sent": len(answers), "refused": [[each.control_id, each.words] for each in refused]}
        )
    else:
        say(f"{len(answers) - len(refused)} of {len(answers)} messages were accepted.")
        for each in refused:
            say(f"{each.control_id}: {each.words or 'refused without a reason'}")
    if refused:
        raise typer.Exit(1)


def _only_set(installation: Installation, given: Sequence[str]) -> str:
    """Find which set is meant: the one that is named, else the only one."""
    from pacs_bridge.domain.errors import RefusedInput

    said = [name for name in given if name]
    if len(said) > 1:
        raise RefusedInput("Name one set and one folder.")
    if said:
        return said[0]
    with installation.read() as uow:
        lines = [line for line in uow.case_sets.lines() if not line.copy]
    if len(lines) != 1:
        raise RefusedInput("Say which set: case-set export-media SET DIR.")
    return lines[0].name


def _images(case: Case) -> str:
    """Say what a case shows: R CC, L CC, and how many priors."""
    shown = [f"{i.laterality} {i.view}" for s in case.studies if not s.prior for i in s.instances()]
    priors = sum(study.prior for study in case.studies)
    return ", ".join(shown) + (f" (+ {priors} prior)" if priors else "")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console().print(table)


@contextmanager
def _bar(what: str) -> Iterator[Progress]:
    """Show a progress bar on stderr while something long runs; gives what is to be told."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
