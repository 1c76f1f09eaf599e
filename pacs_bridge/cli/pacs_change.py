"""`pacs-bridge pacs change`: one thing of a PACS that is registered, the rest as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.pacs_options import AeTitle, Certificate, Host, Name, OurAeTitle, Port, Tls
from pacs_bridge.cli.pacs_told import TIMEOUT_NAMES, certificate_of, plain_of
from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.domain.pacs import KnownUser


def change(
    name: Name,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help="The endpoint that is meant: store, query, retrieve, commit or calls-from; "
            "without it the PACS as a whole.",
            show_default=False,
        ),
    ] = "",
    aet: AeTitle = None,
    host: Host = None,
    port: Port = None,
    our_aet: OurAeTitle = None,
    tls: Tls = None,
    certificate: Certificate = None,
    connect_timeout: Annotated[
        float | None,
        typer.Option(help="Seconds until the connection stands.", show_default=False),
    ] = None,
    association_timeout: Annotated[
        float | None,
        typer.Option(help="Seconds until an association is agreed on.", show_default=False),
    ] = None,
    answer_timeout: Annotated[
        float | None,
        typer.Option(help="Seconds until an answer comes.", show_default=False),
    ] = None,
    idle_timeout: Annotated[
        float | None,
        typer.Option(help="Seconds without a word, either way.", show_default=False),
    ] = None,
    isolation: Annotated[
        str | None,
        typer.Option(
            "--isolation", help="private, copies, sequential or sheet.", show_default=False
        ),
    ] = None,
    grade: Annotated[
        str | None,
        typer.Option(
            "--grade",
            help="How sure its sites want each case: proven, counted or present.",
            show_default=False,
        ),
    ] = None,
    grace: Annotated[
        float | None,
        typer.Option(
            "--grace",
            help="Seconds in which an image that it took may still be on its way to where it is "
            "queried: past a router, into an index.",
            show_default=False,
        ),
    ] = None,
    caller: Annotated[
        list[str] | None,
        typer.Option(
            "--caller", help="Who may call us too: AET@ADDRESS or AET@NETWORK.", show_default=False
        ),
    ] = None,
    no_caller: Annotated[
        list[str] | None,
        typer.Option("--no-caller", help="Who may call us no longer.", show_default=False),
    ] = None,
    user_identity: Annotated[
        str | None,
        typer.Option(
            "--user-identity",
            help="A user identity; once there is one, whoever calls must name one.",
            show_default=False,
        ),
    ] = None,
    passcode_file: Annotated[
        Path | None,
        typer.Option(
            "--passcode-file",
            help="The passcode of that user is its first line; only its hash is kept.",
            show_default=False,
        ),
    ] = None,
    no_user_identity: Annotated[
        list[str] | None,
        typer.Option("--no-user-identity", help="To take no longer.", show_default=False),
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option("--parallel", help="Associations at a time, 1 to 4.", show_default=False),
    ] = None,
    bandwidth: Annotated[
        float | None,
        typer.Option(
            "--bandwidth", help="Most megabits a second; 0 for no limit.", show_default=False
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            help="When images may be sent, such as 'Mon-Fri 19:00-06:00,Sat-Sun'; or 'always'.",
            show_default=False,
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option("--time-zone", help="Of the site, such as Europe/London.", show_default=False),
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option(
            "--priority",
            help="What our images are sent with: low, medium or high.",
            show_default=False,
        ),
    ] = None,
    resave: Annotated[
        str | None,
        typer.Option(
            "--resave",
            help="How its viewers save: whole (all that is drawn, anew) or beside (what is new).",
            show_default=False,
        ),
    ] = None,
    pull_marks: Annotated[
        int | None,
        typer.Option(
            "--pull-marks",
            help="Ask it every so many minutes for marks that it does not push; 0 for never.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Change a PACS that is registered; what is not named stays as it is."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.certificates import keep_certificate
    from pacs_bridge.services.pacs_change import Changes, change_pacs

    installation = open_home(home)
    shown = certificate_of(certificate, installation)
    if passcode_file is not None and user_identity is None:
        raise RefusedInput("A passcode is somebody's: say whose with --user-identity NAME.")
    given = {
        "connect": connect_timeout,
        "association": association_timeout,
        "answer": answer_timeout,
        "idle": idle_timeout,
    }
    sending = {
        "parallel": parallel,
        "megabits": bandwidth,
        "window": window,
        "time_zone": time_zone,
        "priority": priority,
    }
    changes = Changes(
        role=role,
        ae_title=aet,
        host=host,
        port=port,
        our_ae_title=our_aet,
        plain=None if tls is None else not tls,
        certificate=shown.fingerprint if shown else None,
        timeouts={TIMEOUT_NAMES[key]: value for key, value in given.items() if value is not None},
        isolation=isolation,
        grade=grade,
        grace=grace,
        callers=caller or (),
        no_callers=no_caller or (),
        users=[_user(user_identity, passcode_file)] if user_identity is not None else (),
        no_users=no_user_identity or (),
        sending={key: value for key, value in sending.items() if value is not None},
        resave=resave,
        pull_marks=pull_marks,
    )
    if changes == Changes(role=role):
        raise RefusedInput("Say what to change; `pacs-bridge pacs change --help` lists it.")
    pacs = change_pacs(name, changes, begin=installation.begin, now=installation.now)
    if shown is not None:
        place = f"{pacs.name}-{role}" if role else pacs.name
        keep_certificate(installation.config.tls_dir / "pacs", place, shown)
    if json:
        print_json(plain_of(pacs))
    else:
        say(f"{pacs.name} is changed; `pacs-bridge pacs show {pacs.name}` shows it.")


def _user(name: str, passcode_file: Path | None) -> KnownUser:
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.pacs_change import parse_passcode, parse_user
    from pacs_bridge.services.passwords import hash_password

    if passcode_file is None:
        return parse_user(name, None)
    try:
        lines = passcode_file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedInput(f"{passcode_file.name} cannot be read; check the file.") from error
    return parse_user(name, hash_password(parse_passcode(lines[0] if lines else "")))
