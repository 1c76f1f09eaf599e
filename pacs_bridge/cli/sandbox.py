"""``pacs-bridge sandbox``: synthetic images, a PACS, readers; a simulated hospital."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli import sandbox_read
from pacs_bridge.cli.serving import ready
from pacs_bridge.cli.terminal import Json, console, print_json, say

app = typer.Typer()
sandbox_read.register(app)


@app.command()
def images(
    directory: Annotated[Path, typer.Argument(help="The folder to write to.")],
    cases: Annotated[int, typer.Option("--cases", help="How many cases; 64 is a full set.")] = 64,
    full_size: Annotated[
        bool, typer.Option("--full-size", help="As large as real mammograms.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Another seed makes other women.")] = 121,
    *,
    json: Json = False,
) -> None:
    """Make synthetic mammograms with truth.json and cases.csv beside them."""
    from pacs_bridge.sandbox.images import make_images

    with _progress("images") as progress:
        make_images(directory, cases=cases, full_size=full_size, seed=seed, progress=progress)
    if json:
        made = sum(1 for _ in directory.rglob("*.dcm"))
        print_json({"directory": str(directory), "cases": cases, "images": made, "seed": seed})
    else:
        say(f"{cases} cases of synthetic mammograms, truth.json and cases.csv in {directory}.")


@app.command()
def pacs(
    aet: Annotated[str, typer.Option("--aet", help="Its AE title.", show_default=False)] = "",
    port: Annotated[
        int | None, typer.Option("--port", help="Its port; 0 takes a free one.", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address it listens on.")] = "127.0.0.1",
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", help="Keep objects here; else they go with it.", show_default=False
        ),
    ] = None,
    forward: Annotated[
        str,
        typer.Option(
            "--forward",
            metavar="AET@HOST:PORT",
            help="Send every saved PR, SR and KO on to this node, until it takes it.",
            show_default=False,
        ),
    ] = "",
    router: Annotated[
        str,
        typer.Option(
            "--router",
            metavar="AET@HOST:PORT",
            help="Be a router: say Success, and send everything on to this PACS.",
            show_default=False,
        ),
    ] = "",
    know: Annotated[
        list[str] | None,
        typer.Option(
            "--know",
            metavar="AET@HOST:PORT",
            help="A node that C-MOVE may send to, told of commitments; repeat for more.",
            show_default=False,
        ),
    ] = None,
    quirk: Annotated[
        list[str] | None,
        typer.Option(
            "--quirk",
            metavar="NAME[=VALUE]",
            help="Behave oddly; repeat for more. --list-quirks tells which there are.",
            show_default=False,
        ),
    ] = None,
    list_quirks: Annotated[
        bool, typer.Option("--list-quirks", help="Say a line of each quirk, and end.")
    ] = False,
    *,
    json: Json = False,
) -> None:
    """Run a PACS until stopped (Ctrl-C or SIGTERM)."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.identifiers import parse_ae_title
    from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig

    if list_quirks:
        _list_quirks(json=json)
        return
    if not aet or port is None:
        raise RefusedInput("Name the PACS and its port, such as --aet HOSPITAL --port 11112.")
    if router and forward:
        raise RefusedInput("A router sends everything on to one PACS; leave out --forward.")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    config = SandboxPacsConfig(
        ae_title=str(parse_ae_title(aet)),
        port=port,
        host=host,
        store=store,
        forward=_remote(forward) if forward else None,
        know=tuple(_remote(each) for each in know or ()),
        quirks=tuple(quirk or ()),
        router=_remote(router) if router else None,
    )
    served = SandboxPacs(config)
    try:
        served.start()
    except OSError as error:
        raise RefusedInput(
            f"The PACS cannot start on {host}:{port} ({error.strerror}); choose another port or "
            "store."
        ) from error
    try:
        if json:
            print_json({"aet": config.ae_title, "host": host, "port": served.port, "quirks": quirk})
            sys.stdout.flush()
        else:
            ready("sandbox-pacs", host, served.port)
        stopped.wait()
    finally:
        served.stop()


def _list_quirks(*, json: bool) -> None:
    from pacs_bridge.sandbox.pacs_quirks import FAMILIES

    if json:
        print_json(
            [
                {"quirk": s.name, "usage": s.usage, "about": s.about, "family": name}
                | {"default": s.default, "source": s.source}
                for name, family in FAMILIES.items()
                for s in family
            ]
        )
        return
    for name, family in FAMILIES.items():
        say(f"{name}:")
        for switch in family:
            say(f"  {switch.usage:<28}{switch.about} [{switch.source}]")


def _remote(text: str) -> tuple[str, str, int]:
    """Read ``AET@HOST:PORT``."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.identifiers import parse_ae_title

    title, _, rest = text.partition("@")
    host, _, port = rest.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise RefusedInput("A node is given as AET@HOST:PORT, such as PACSBRIDGE@127.0.0.1:11112.")
    return str(parse_ae_title(title)), host.strip("[]"), int(port)


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, where there is a terminal to show it."""
    from rich.progress import Progress

    screen = console(stderr=True)
    with Progress(console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
