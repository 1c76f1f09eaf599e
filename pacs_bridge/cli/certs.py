"""`pacs-bridge certs`: certificates for TLS, and when they expire."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.services.certificates import Listed

app = typer.Typer()

NODE = "node"
"""The name under which our own certificate is issued."""


@app.command("make-ca")
def make_ca(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it is kept.")],
) -> None:
    """Make an authority for tests, that issues certificates to this node and to PACS."""
    from pacs_bridge.services.certificates import make_authority
    from pacs_bridge.wiring.installation import now

    made = make_authority(folder, now=now())
    say(f"The authority is in {folder}, until {made.expires:%d %B %Y}; keep ca.key to yourself.")


@app.command()
def issue(
    name: Annotated[
        str, typer.Argument(help="For whom: a PACS, or `node` for ourselves.", show_default=False)
    ],
    ca: Annotated[Path, typer.Option("--ca", help="Folder of the authority.", show_default=False)],
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            help="Name or address that it is called by; may be repeated. Else its name, or "
            "localhost for the node.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", help="How long it holds.")] = 730,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Where to; else the authority's folder, and this installation for the node.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Issue a certificate and its key; again to renew them, which needs no restart."""
    from pacs_bridge.services.certificates import NODE_HOSTS, trust
    from pacs_bridge.services.certificates import issue as issue_certificate
    from pacs_bridge.wiring.installation import now

    is_ours = name == NODE and out is None
    into = open_home(home).config.tls_dir if is_ours else out or ca
    hosts = host or (NODE_HOSTS if name == NODE else ())
    if is_ours:
        trust(ca / "ca.pem", into / "authorities.pem")
    made = issue_certificate(ca, name, into=into, hosts=hosts, days=days, now=now())
    say(f"{name}.pem and {name}.key are in {into}, until {made.expires:%d %B %Y}.")
    if is_ours:
        say("The node serves TLS once tls_port is set in [node] of config.toml.")
    else:
        say(f"Register it with `pacs-bridge pacs add NAME --tls --certificate {name}.pem`.")


@app.command("list")
def list_(home: Home = None, json: Json = False) -> None:
    """List the certificates here and when they expire; ends with 1 where one does in 30 days."""
    from pacs_bridge.services.certificates import list_certificates

    installation = open_home(home)
    config, now = installation.config, installation.now()
    listed = list_certificates(config.tls_dir, config.web_dir)
    if json:
        print_json([_plain(each, now) for each in listed])
    elif not listed:
        say("There are no certificates; TLS begins with `pacs-bridge certs make-ca`.")
    else:
        _show(listed, now)
    if any(each.certificate is None or each.certificate.expires_soon(now) for each in listed):
        raise typer.Exit(1)


def _show(listed: list[Listed], now: datetime) -> None:
    from rich.table import Table

    table = Table("name", "subject", "expires", "days left", "SHA-256", box=None)
    for name, certificate in ((each.name, each.certificate) for each in listed):
        if certificate is None:
            table.add_row(name, "is no certificate")
            continue
        days = certificate.days_left(now)
        shown = f"[red]{days}[/red]" if certificate.expires_soon(now) else str(days)
        expires = f"{certificate.expires:%d %B %Y}"
        table.add_row(
            name, _text(certificate.subject), expires, shown, certificate.fingerprint[:16]
        )
    console().print(table)


def _text(subject: str) -> str:
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else "?" for c in subject))


def _plain(listed: Listed, now: datetime) -> dict[str, Any]:
    certificate = listed.certificate
    if certificate is None:
        return {"name": listed.name, "readable": False}
    return {
        "name": listed.name,
        "readable": True,
        "subject": certificate.subject,
        "begins": certificate.begins.isoformat(),
        "expires": certificate.expires.isoformat(),
        "days_left": certificate.days_left(now),
        "expires_soon": certificate.expires_soon(now),
        "sha256": certificate.fingerprint,
    }
