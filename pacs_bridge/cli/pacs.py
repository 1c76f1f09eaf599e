"""`pacs-bridge pacs`: register hospital PACS and ask whether they answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.pacs_callers import adopt, forget
from pacs_bridge.cli.pacs_change import change
from pacs_bridge.cli.pacs_exposed import exposed
from pacs_bridge.cli.pacs_isolation import isolation as isolation_command
from pacs_bridge.cli.pacs_options import AeTitle, Certificate, Host, Name, OurAeTitle, Port, Tls
from pacs_bridge.cli.pacs_probe import probe
from pacs_bridge.cli.pacs_saving import saving
from pacs_bridge.cli.pacs_told import (
    certificate_of,
    plain_of,
    timeouts_of,
    title_towards,
    told_pulling,
    told_sending,
)
from pacs_bridge.cli.pacs_turns import turns
from pacs_bridge.cli.pacs_web import (
    AuthHeaderFile,
    Authority,
    ClientCertificate,
    ClientKey,
    Dicomweb,
    WebOptions,
    WebRole,
)
from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say, warn

app = typer.Typer()
app.command()(change)
app.command()(adopt)
app.command()(forget)
app.command()(probe)
app.command("isolation")(isolation_command)
app.command()(turns)
app.command()(exposed)
app.command()(saving)


@app.command()
def add(
    name: Name,
    aet: AeTitle = None,
    host: Host = None,
    port: Port = None,
    dicomweb: Dicomweb = None,
    web_role: WebRole = None,
    auth_header_file: AuthHeaderFile = None,
    client_certificate: ClientCertificate = None,
    client_key: ClientKey = None,
    ca: Authority = None,
    tls: Tls = None,
    certificate: Certificate = None,
    query_aet: Annotated[
        str | None,
        typer.Option(
            "--query-aet",
            help="Where it is queried, if elsewhere: AET or AET@HOST:PORT.",
            show_default=False,
        ),
    ] = None,
    calls_from: Annotated[
        list[str] | None,
        typer.Option(
            "--calls-from",
            help="Who may call us from it: AET or AET@ADDRESS or AET@NETWORK; may be repeated. "
            "Else its AE title from its host.",
            show_default=False,
        ),
    ] = None,
    isolation: Annotated[
        str,
        typer.Option(
            "--isolation",
            help="How it keeps one reader's marks from the next: "
            "private, copies, sequential or sheet.",
        ),
    ] = "sheet",
    our_aet: OurAeTitle = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Register a PACS, or register one anew; `change` changes one thing of it.

    One that speaks DIMSE needs --aet, --host and --port; one that speaks DICOMweb only needs
    --dicomweb. With both it is asked by DICOMweb in the roles of --web-role.
    """
    from pacs_bridge.services.certificates import keep_certificate
    from pacs_bridge.services.pacs import PacsSettings, add_pacs

    web = WebOptions(dicomweb, web_role, auth_header_file, client_certificate, client_key, ca)
    web.check()
    by_dimse = (aet, host, port) != (None, None, None)
    if None in (aet, host, port) if by_dimse else dicomweb is None:
        raise typer.BadParameter("give --aet, --host and --port, or --dicomweb")
    installation = open_home(home)
    shown = certificate_of(certificate, installation)
    settings = PacsSettings(
        plain=not tls if by_dimse else tls is False,
        certificate=shown.fingerprint if shown else None,
        calls_from=calls_from or (),
        isolation=isolation,
        our_ae_title=our_aet or title_towards(name, installation),
    )
    if aet is None or host is None or port is None:
        pacs = web.add(name, installation, settings)
    else:
        pacs = add_pacs(
            name,
            ae_title=aet,
            host=host,
            port=port,
            query=query_aet,
            settings=settings,
            begin=installation.begin,
            now=installation.now,
        )
        pacs = web.add_roles(pacs, installation, plain=tls is False)
    if shown is not None or pacs.certificate is None:
        keep_certificate(installation.config.tls_dir / "pacs", pacs.name, shown)
    if tls is None and by_dimse:
        warn("Without --tls or --plain it is taken as --plain: what is sent is not encrypted.")
    if by_dimse and not any("calls-from" in endpoint.roles for endpoint in pacs.endpoints):
        warn("Its host name is not known here, so it may not call us: add it again once it is.")
    if json:
        print_json(plain_of(pacs))
    else:
        say(f"{pacs.name} is registered; try it with `pacs-bridge pacs echo {pacs.name}`.")


@app.command("list")
def list_(home: Home = None, json: Json = False) -> None:
    """List the registered PACS."""
    from pacs_bridge.services.pacs import list_pacs

    known = list_pacs(begin=open_home(home).read)
    if json:
        print_json([plain_of(pacs) for pacs in known])
        return
    if not known:
        say("No PACS is registered; begin with `pacs-bridge pacs add`.")
        return
    from rich.table import Table

    table = Table("name", "AE title", "host", "port", "roles", "calls from", "isolation", box=None)
    for pacs in known:
        for nth, endpoint in enumerate(pacs.endpoints):
            table.add_row(
                pacs.name if nth == 0 else "",
                endpoint.ae_title or "DICOMweb",
                endpoint.url or endpoint.host,
                str(endpoint.port or ""),
                ", ".join(endpoint.roles),
                endpoint.net,
                (pacs.isolation.value + ", paused" * pacs.paused) if nth == 0 else "",
            )
    console().print(table)


@app.command()
def show(name: Name, home: Home = None, json: Json = False) -> None:
    """Show all that is registered of a PACS, and what was learned by asking it."""
    from pacs_bridge.services.isolation import show_isolation
    from pacs_bridge.services.pacs import get_pacs, get_profile
    from pacs_bridge.services.pull import last_pull

    installation = open_home(home)
    read = installation.read
    pacs, profile = get_pacs(name, begin=read), get_profile(name, begin=read)
    pulled = last_pull(pacs.name, read=read)
    standing = show_isolation(pacs.name, begin=read, now=installation.now).standing
    if json:
        last = {"last_pull": None if pulled is None else {**pulled, "cases": len(pulled["cases"])}}
        used = {"effective_isolation": standing.effective.value}
        print_json({**plain_of(pacs), **used, "profile": profile.as_dict(), **last})
        return
    trust = "" if standing.is_proven else f" (not proven: used as {standing.effective.value})"
    say(f"{pacs.name}, isolation {pacs.isolation.value}{trust}{', paused' * pacs.paused}")
    say(f"Sent to {told_sending(pacs.sending)}")
    users = ", ".join(u.name + " with passcode" * bool(u.passcode_hash) for u in pacs.users)
    say(f"User identities: {users or 'none, and none is taken'}")
    for endpoint in pacs.endpoints:
        at = pacs.towards(endpoint)
        place = f" at {endpoint.host}:{endpoint.port}" if endpoint.port else ""
        roles = [
            f"calls from {endpoint.net or endpoint.host}" if role == "calls-from" else role
            for role in endpoint.roles
        ]
        seconds = (f"{key} {value:g} s" for key, value in timeouts_of(at.timeouts).items())
        if endpoint.url:
            say(f"DICOMweb at {endpoint.url}: {', '.join(roles)}")
        else:
            say(f"{endpoint.ae_title}{place}: {', '.join(roles) or 'nothing'}")
            say(f"  we are {at.our_ae_title}")
            say(f"  {'unencrypted' if at.plain else f'TLS, certificate {at.certificate}'}")
        say(f"  time-outs: {', '.join(seconds)}")
    grace = "as configured" if pacs.grace is None else f"{pacs.grace:g} s"
    say(f"Every case is wanted {pacs.grade.value}; grace for what it has taken: {grace}")
    say(told_pulling(pacs, pulled))
    say("Learned by asking it: " + ("" if profile.lines() else "nothing yet"))
    for line in profile.lines():
        say(f"  {line}")


@app.command()
def echo(name: Name, home: Home = None, json: Json = False) -> None:
    """Ask a PACS whether it answers, and say in which phase it fails.

    By DIMSE that is a C-ECHO, by DICOMweb a search that finds nothing.
    """
    from pacs_bridge.domain.errors import PeerUnavailable
    from pacs_bridge.domain.phases import ADVICE, WEB_ADVICE
    from pacs_bridge.services.pacs import echo_pacs
    from pacs_bridge.wiring.peers import build_peer

    installation = open_home(home)
    try:
        seconds = echo_pacs(name, begin=installation.read, peer=build_peer(installation))
    except PeerUnavailable as error:
        if json:
            failed = {"phase": error.phase, "detail": error.detail}
            print_json({"name": name, "answers": False, **failed})
        with installation.read() as uow:
            pacs = uow.pacs.get(error.peer)
        titles = {"ours": pacs.our_ae_title, "theirs": pacs.endpoint("store").ae_title}
        by_web = all(endpoint.url for endpoint in pacs.endpoints if endpoint.port)
        warn((WEB_ADVICE if by_web else ADVICE).get(error.phase, "").format(**titles))
        raise
    if json:
        print_json({"name": name, "answers": True, "seconds": round(seconds, 3)})
    else:
        say(f"{name} answered in {seconds:.2f} s.")


@app.command()
def pause(name: Name, home: Home = None) -> None:
    """Take nothing from a PACS until it is resumed; it is told to try again later."""
    _set_paused(name, home, paused=True)
    say(
        f"Nothing is taken from {name} until `pacs-bridge pacs resume {name}`; it may still echo, "
        "and query and retrieve what was loaded into it."
    )


@app.command()
def resume(name: Name, home: Home = None) -> None:
    """Take objects from a PACS again, after its forwarding rule was mended."""
    _set_paused(name, home, paused=False)
    say(f"Objects are taken from {name} again.")


def _set_paused(name: str, home: Path | None, *, paused: bool) -> None:
    from pacs_bridge.services.pacs import set_paused

    installation = open_home(home)
    set_paused(name, paused=paused, begin=installation.begin, now=installation.now)
