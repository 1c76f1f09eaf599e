"""`pacs-bridge audit`: what happened here, who did it, and whether all of it is still there."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.db.repositories.audit import Kept

app = typer.Typer()


@app.command("list")
def list_(
    event: Annotated[
        str,
        typer.Option("--event", help="Only these: query, transferred, security-alert …"),
    ] = "",
    pacs: Annotated[str, typer.Option("--pacs", help="Only about this PACS.")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not go well.")] = False,
    unsent: Annotated[bool, typer.Option("--unsent", help="Only what no repository has.")] = False,
    since: Annotated[
        datetime | None, typer.Option("--since", help="Only from this moment on, UTC.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 50,
    xml: Annotated[
        bool, typer.Option("--xml", help="Each as the standard writes it, one a line.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the newest messages of the audit trail; that you looked is itself kept."""
    from datetime import UTC

    from pacs_bridge.db.repositories.audit import Which
    from pacs_bridge.services.audit_trail import list_messages
    from pacs_bridge.wiring.audit import gather

    installation = open_home(home)
    which = Which(_event(event), pacs, failed, since.replace(tzinfo=UTC) if since else None, unsent)
    gather(installation)
    found = list_messages(which, limit, begin=installation.begin, now=installation.now)
    if xml:
        _print_xml(found, installation.config.node.ae_title)
    elif json:
        print_json([_plain(kept) for kept in found])
    else:
        _show(found)


@app.command()
def status(home: Home = None, json: Json = False) -> None:
    """Say how many messages there are, how many wait, and whether any were dropped."""
    from pacs_bridge.services.audit_trail import standing
    from pacs_bridge.wiring.audit import gather

    installation = open_home(home)
    gather(installation)
    now = standing(read=installation.read)
    security = installation.config.security
    where = f"{security.audit_host}:{security.audit_port}" if security.audit_host else ""
    if json:
        print_json(
            {
                "kept": now.kept,
                "unsent": now.unsent,
                "waits_since": now.waits_since.isoformat() if now.waits_since else None,
                "dropped": now.dropped,
                "lost": now.lost,
                "repository": where or None,
                "transport": security.audit_transport if where else None,
            }
        )
        return
    say(f"{now.kept} messages are kept here.")
    if not where:
        say("They go nowhere else: set audit_host in [security] of config.toml to send them.")
    elif now.waits_since is not None:
        say(f"{now.unsent} wait for {where}, since {now.waits_since:%d %B %Y, %H:%M} UTC.")
    else:
        say(f"All of them are at {where}.")
    if now.dropped:
        say(f"{now.dropped} older ones were dropped here; {now.lost} of them were sent nowhere.")


@app.command()
def verify(home: Home = None, json: Json = False) -> None:
    """Check that no message is missing or was changed; ends with 1 where one was."""
    from pacs_bridge.wiring.audit import gather, prove

    installation = open_home(home)
    gather(installation)
    proof = prove(installation)
    if json:
        print_json({"holds": proof.holds, "checked": proof.checked, "broken_at": proof.broken_at})
    elif proof.holds:
        say(f"{proof.checked} messages: all there, and as they were written.")
    else:
        say(
            f"Message {proof.broken_at} is missing or was changed; {proof.checked} before it are "
            "sound. Compare with the repository, and with a backup of the database."
        )
    if not proof.holds:
        raise typer.Exit(1)


def _event(text: str) -> str:
    """Give an event's name as it is kept; raises `RefusedInput`."""
    from pacs_bridge.domain.audit import AuditEvent
    from pacs_bridge.domain.errors import RefusedInput

    name = text.upper().replace("-", "_")
    if name and name not in AuditEvent.__members__:
        known = ", ".join(each.name.lower().replace("_", "-") for each in AuditEvent)
        raise RefusedInput(f"There is no such kind of message; it is one of {known}.")
    return name


def _print_xml(found: list[Kept], source: str) -> None:
    from pacs_bridge.domain.audit import audit_xml

    for kept in found:
        document = audit_xml(kept.fact.message(source)).decode()
        sys.stdout.write(document.replace("\n", "", 1) + "\n")


def _show(found: list[Kept]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not found:
        say("No such message is in the audit trail.")
        return
    table = Table("number", "when (UTC)", "what", "of", "how it came out", "sent", box=None)
    for kept in found:
        fact = kept.fact
        what = fact.kind.value[1] if fact.kind else fact.event.value[1]
        said = fact.said or ("done" if not fact.outcome else "failed")
        table.add_row(
            str(kept.place or ""),
            f"{fact.at:%Y-%m-%d %H:%M:%S}",
            what,
            escape(fact.pacs or _who(kept)),
            escape(said if not fact.outcome else f"{said} ({fact.outcome.name.lower()})"),
            "yes" if kept.sent_at else "",
        )
    console().print(table)


def _who(kept: Kept) -> str:
    return next((each.user_id for each in kept.fact.participants if each.user_id), "")


def _plain(kept: Kept) -> dict[str, Any]:
    fact = kept.fact
    return {
        "number": kept.place,
        "at": fact.at.isoformat(),
        "event": fact.event.name.lower().replace("_", "-"),
        "type": fact.kind.name.lower().replace("_", "-") if fact.kind else None,
        "outcome": int(fact.outcome),
        "pacs": fact.pacs or None,
        "said": fact.said,
        "participants": [
            {"id": each.user_id or None, "role": each.role.name.lower(), "address": each.address}
            for each in fact.participants
        ],
        "subjects": [
            {
                "kind": each.thing.name.lower().replace("_", "-"),
                "id": each.identifier,
                "name": each.name,
                "accession": each.accession or None,
                "sop_classes": dict(each.sop_classes),
            }
            for each in fact.subjects
        ],
        "sent_at": kept.sent_at.isoformat() if kept.sent_at else None,
    }
