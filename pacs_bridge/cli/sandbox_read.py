"""``pacs-bridge sandbox read``: a simulated reader reads a set at a hospital's viewer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.terminal import CopyNumber, Json, console, print_json, say


class SavedAs(StrEnum):
    """How marks are saved."""

    GSPS = "gsps"
    SR = "sr"
    BOTH = "both"


def register(app: typer.Typer) -> None:
    """Add the command to the sandbox's commands."""
    app.command("read")(read)


def read(
    pacs: Annotated[
        str, typer.Option("--pacs", metavar="AET@HOST:PORT", help="The PACS to read at.")
    ],
    set_name: Annotated[str, typer.Option("--set", metavar="SET", help="The set, as PERFORMS121.")],
    truth: Annotated[
        Path, typer.Option("--truth", help="truth.json, which lies beside the synthetic images.")
    ],
    login: Annotated[str, typer.Option("--login", help="The reader's log-in name at the viewer.")],
    saved_as: Annotated[
        SavedAs, typer.Option("--as", help="Presentation states, a report, or both.")
    ] = SavedAs.GSPS,
    skill: Annotated[
        str, typer.Option("--skill", help="expert, average, trainee, or a number from 0 to 1.")
    ] = "average",
    seed: Annotated[int, typer.Option("--seed", help="Another seed reads differently.")] = 1,
    cases: Annotated[
        str, typer.Option("--cases", metavar="CSV", help="Only these case numbers: 101,102.")
    ] = "",
    aet: Annotated[str, typer.Option("--aet", help="The viewer's AE title.")] = "SANDBOXVIEW",
    move_port: Annotated[
        int,
        typer.Option(
            "--move-port",
            help="Fetch by C-MOVE to this port of the viewer (the PACS must know it).",
            show_default=False,
        ),
    ] = 0,
    copy: CopyNumber = 0,
    *,
    json: Json = False,
) -> None:
    """Read every case of a set out of a PACS and save the marks into the PACS.

    Deterministic: the same reader, set and seed save the same objects again.
    """
    from pacs_bridge.sandbox.reader_set import read_set

    pacs_aet, host, port = _address(pacs)
    with _progress(login) as progress:
        summary = read_set(
            pacs_aet,
            host,
            port,
            set_name,
            truth,
            login,
            saved_as.value,
            skill,
            seed,
            progress,
            aet=aet,
            cases=_numbers(cases),
            retrieve="move" if move_port else "get",
            listen_port=move_port,
            copy=copy,
        )
    if json:
        print_json(summary.as_dict())
    else:
        say(
            f"{summary.login} read {summary.cases} cases, drew {summary.marks} marks, recalled "
            f"{summary.recalled} women; {summary.objects} objects saved in {pacs_aet}."
        )


def _address(text: str) -> tuple[str, str, int]:
    """Read ``AET@HOST:PORT``."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.identifiers import parse_ae_title

    title, _, rest = text.partition("@")
    host, _, port = rest.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise RefusedInput("A PACS is given as AET@HOST:PORT, such as HOSPITAL@127.0.0.1:4242.")
    return str(parse_ae_title(title)), host.strip("[]"), int(port)


def _numbers(text: str) -> list[int]:
    from pacs_bridge.domain.errors import RefusedInput

    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdigit() for word in words):
        raise RefusedInput("Case numbers are given as a list such as 101,102,103.")
    return [int(word) for word in words]


@contextlib.contextmanager
def _progress(login: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, where there is a terminal to show it."""
    from rich.progress import Progress

    screen = console(stderr=True)
    with Progress(console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task(f"{login} reads", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
