"""`pacs-bridge account`: who signs in, who reads, where, and when."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.account_who import handshake, logins
from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_bridge.domain.people import Account
    from pacs_bridge.wiring.installation import Installation

app = typer.Typer()
app.command()(handshake)
app.command()(logins)

Reader = Annotated[str, typer.Argument(help="The reader's scheme code.", show_default=False)]
SetName = Annotated[
    str, typer.Argument(metavar="SET", help="The case set, by its prefix.", show_default=False)
]


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="What they sign in with.", show_default=False)],
    role: Annotated[
        list[str],
        typer.Option("--role", help="reader, contact or admin; may be repeated."),
    ],
    reader: Annotated[
        str | None, typer.Option("--reader", help="A reader's scheme code.", show_default=False)
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option("--site", help="A contact's site; may be repeated.", show_default=False),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            help="The password is its first line; where there is no such file, a random one is "
            "written there for its owner only. Without this a random one is printed, once.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make an account, or give one another password, other roles, another reader, other sites."""
    from pacs_bridge.services.passwords import hash_password
    from pacs_bridge.services.people import add_account, parse_roles

    installation = open_home(home)
    roles = parse_roles(role)
    password, made = _password(password_file)
    number = add_account(
        email,
        hash_password(password),
        roles,
        begin=installation.begin,
        now=installation.now,
        reader=reader,
        sites=site or (),
    )
    with installation.read() as uow:
        account = uow.accounts.get(number)
    printed = password if made and password_file is None else None
    if json:
        print_json(_plain(account) | ({"password": printed} if printed else {}))
        return
    say(f"{account.email} may sign in as {', '.join(account.roles)}.")
    if printed:
        say(f"Password, shown only now: {printed}")
    elif made:
        say(f"Password: in {password_file}")


@app.command("list")
def list_(home: Home = None, json: Json = False) -> None:
    """List who may sign in."""
    with open_home(home).read() as uow:
        accounts = uow.accounts.all()
    if json:
        print_json([_plain(account) for account in accounts])
        return
    from rich.table import Table

    table = Table("Account", "Roles", "Reader", "Sites")
    for account in accounts:
        table.add_row(
            account.email, ", ".join(account.roles), account.reader or "", ", ".join(account.sites)
        )
    console().print(table)


@app.command()
def reader(
    code: Reader,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            "--alias",
            metavar="PACS:LOGIN",
            help="The log-in or name they have in a PACS; may be repeated.",
            show_default=False,
        ),
    ] = None,
    machine: Annotated[
        bool,
        typer.Option("--machine", help="It is a program; only its own objects are ever its."),
    ] = False,
    home: Home = None,
) -> None:
    """Make a reader known, with the log-ins under which their marks come."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.people import add_reader, set_alias

    installation = open_home(home)
    pairs = [text.partition(":") for text in alias or ()]
    if not all(pacs and login for pacs, _, login in pairs):
        raise RefusedInput("An alias is a PACS, a colon and the log-in there, as royal:jsmith.")
    known = add_reader(code, begin=installation.begin, now=installation.now, machine=machine)
    for pacs, _, login in pairs:
        set_alias(
            pacs,
            login,
            known,
            begin=installation.begin,
            now=installation.now,
            settle=installation.config.marks.settle,
        )
    say(f"Reader {known} is known" + (f", by {len(pairs)} log-ins." if pairs else "."))


@app.command()
def site(
    name: Annotated[str, typer.Argument(help="The site's name here.", show_default=False)],
    pacs: Annotated[str, typer.Option("--pacs", help="The PACS it reads on.", show_default=False)],
    require_check: Annotated[
        bool,
        typer.Option("--require-check", help="Nobody reads before a workstation was checked."),
    ] = False,
    lock: Annotated[
        int | None,
        typer.Option(
            "--lock-minutes",
            metavar="MINUTES",
            help="Pages lock after so long without an action, 1 to 15; 0 for the usual time.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Make a site known: one hospital unit, and the PACS it reads on."""
    from pacs_bridge.services.people import add_site

    begin = open_home(home).begin
    made = add_site(name, pacs=pacs, begin=begin, requires_check=require_check, lock_minutes=lock)
    more = ", once a workstation was checked" if made.requires_check else ""
    say(f"{made.name} reads on {made.pacs}{more}.")
    if made.lock_minutes is not None:
        minutes = f"{made.lock_minutes} minute{'' if made.lock_minutes == 1 else 's'}"
        say(f"Its people's pages lock after {minutes} without an action.")


@app.command("round")
def round_(
    set_name: SetName,
    opens: Annotated[str, typer.Option("--opens", help="2026-12-01 or 2026-12-01T09:00, UTC.")],
    closes: Annotated[
        str, typer.Option("--closes", help="A day counts to its end; UTC.", show_default=False)
    ],
    home: Home = None,
) -> None:
    """Say from when to when a case set is read; readers who may start are told at once."""
    from pacs_bridge.services.people import open_round, parse_moment

    installation = open_home(home)
    made = open_round(
        set_name,
        opens_at=parse_moment(opens),
        closes_at=parse_moment(closes, end_of_day=True),
        begin=installation.begin,
        release=_release(installation),
        now=installation.now,
        settle=installation.config.marks.settle,
    )
    say(f"{made.set_name} is read from {_shown(made.opens_at)} to {_shown(made.closes_at)}.")


@app.command()
def enrol(
    set_name: SetName,
    reader: Reader,
    site: Annotated[str, typer.Option("--site", help="Where they read.", show_default=False)],
    consent: Annotated[
        bool, typer.Option("--consent", help="They have consented; needed to be released.")
    ] = False,
    copy: Annotated[int, typer.Option("--copy", help="Which copy of the set they read.")] = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Enrol a reader in the round of a case set; releases them if all else is ready."""
    from pacs_bridge.domain.people import Enrolment
    from pacs_bridge.services.people import enrol as enrol_reader

    installation = open_home(home)
    made = enrol_reader(
        Enrolment(set_name, reader, site, copy, consent=consent),
        begin=installation.begin,
        release=_release(installation),
    )
    if json:
        from dataclasses import asdict

        print_json(asdict(made))
        return
    ending = "and released" if made.released_at else "and will be released when all is ready"
    say(f"{made.reader} is enrolled in {made.set_name} at {made.site} {ending}.")


@app.command()
def extend(
    set_name: SetName,
    reader: Reader,
    until: Annotated[
        str, typer.Option("--until", help="A day counts to its end; UTC.", show_default=False)
    ],
    home: Home = None,
) -> None:
    """Give one reader longer than the round; what came late meanwhile is in time then."""
    from pacs_bridge.services.extend import extend_reader
    from pacs_bridge.services.people import parse_moment

    installation = open_home(home)
    made = extend_reader(
        set_name,
        reader,
        parse_moment(until, end_of_day=True),
        begin=installation.begin,
        now=installation.now,
        settle=installation.config.marks.settle,
    )
    assert made.extended_to is not None
    say(f"{made.reader} may read {made.set_name} until {_shown(made.extended_to)}.")


def _password(file: Path | None) -> tuple[str, bool]:
    """Give the password of a file, or make one and write it there; and whether it was made."""
    from pacs_bridge.services.passwords import check_password, make_password

    if file is not None and file.exists():
        lines = file.read_text("utf-8").splitlines()
        return check_password(lines[0] if lines else ""), False
    password = make_password()
    if file is not None:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(password + "\n")
    return password, True


def _release(installation: Installation) -> Callable[[], int]:
    from functools import partial

    from pacs_bridge.services.release import release_due

    url = installation.config.web.public_url
    return partial(release_due, begin=installation.begin, now=installation.now, public_url=url)


def _plain(account: Account) -> dict[str, object]:
    return {
        "account": account.account_id,
        "email": account.email,
        "roles": list(account.roles),
        "reader": account.reader,
        "sites": list(account.sites),
    }


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
