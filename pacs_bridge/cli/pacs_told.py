"""What the `pacs` commands read and print alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pacs_bridge.domain.pacs import Pacs
    from pacs_bridge.domain.sending import Sending
    from pacs_bridge.services.certificates import Certificate
    from pacs_bridge.wiring.installation import Installation

TIMEOUT_NAMES = {
    "connect": "connect",
    "association": "acse",
    "answer": "dimse",
    "idle": "idle",
}
"""What people call time-outs, and what they are kept as."""


def certificate_of(path: Path | None, installation: Installation) -> Certificate | None:
    """Read the certificate of a PACS; one that has expired is refused."""
    if path is None:
        return None
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.certificates import read_certificate

    found = read_certificate(path)
    if found.expires <= installation.now():
        raise RefusedInput(f"{path.name} expired on {found.expires:%d %B %Y}; get a new one.")
    return found


def title_towards(name: str, installation: Installation) -> str:
    """Give our AE title towards a PACS: what it is already, else the node's."""
    from pacs_bridge.domain.errors import NotFound
    from pacs_bridge.services.pacs import get_pacs

    try:
        return get_pacs(name, begin=installation.read).our_ae_title
    except NotFound:
        return installation.config.node.ae_title


def timeouts_of(kept: Mapping[str, float]) -> dict[str, float]:
    """Give time-outs by the names that people use, in seconds."""
    told = {name: kept[key] for name, key in TIMEOUT_NAMES.items() if key in kept}
    if "idle" not in told and "network" in kept:
        told["idle"] = kept["network"]
    return told


def told_sending(sending: Sending) -> str:
    """Say how a PACS is sent to."""
    lanes = f"over {sending.parallel} association" + "s" * (sending.parallel > 1)
    speed = "" if sending.megabits is None else f", at most {sending.megabits:g} Mbit/s"
    window = f", {sending.window} ({sending.time_zone})" if sending.window else ", at any time"
    return f"{lanes}{speed}{window}, priority {sending.priority.value}"


def told_pulling(pacs: Pacs, last: Mapping[str, Any] | None) -> str:
    """Say how it is asked for marks that it does not push, and what the last time came to."""
    often = f"every {pacs.pull_minutes} minutes" if pacs.pull_minutes else "only by `marks pull`"
    if last is None:
        return f"Marks that it does not push: asked for {often}; never yet"
    return (
        f"Marks that it does not push: asked for {often}; last at {last['at'][:16]}: "
        f"{last['found']} found, {last['had']} here already, {last['fetched']} fetched, "
        f"{last['refused']} not taken, {last['failed']} did not come, "
        f"{last['unasked']} cases not wholly asked about"
    )


def plain_of(pacs: Pacs) -> dict[str, Any]:
    """Give a PACS as JSON values; no passcode, nor its hash, is among them."""
    main = pacs.endpoint("store")
    return {
        "name": pacs.name,
        "ae_title": main.ae_title,
        "host": main.host,
        "port": main.port,
        "our_ae_title": pacs.our_ae_title,
        "plain": pacs.plain,
        "certificate": pacs.certificate,
        "isolation": pacs.isolation.value,
        "paused": pacs.paused,
        "grade": pacs.grade.value,
        "grace": pacs.grace,
        "pull_marks": pacs.pull_minutes,
        "timeouts": timeouts_of(pacs.timeouts),
        "sending": pacs.sending.as_dict(),
        "users": [
            {"name": user.name, "passcode": user.passcode_hash is not None} for user in pacs.users
        ],
        "endpoints": [
            {
                "ae_title": endpoint.ae_title,
                "host": endpoint.host,
                "port": endpoint.port,
                "roles": list(endpoint.roles),
                "net": endpoint.net,
                "url": endpoint.url,
                "our_ae_title": at.our_ae_title,
                "plain": at.plain,
                "certificate": at.certificate,
                "timeouts": timeouts_of(at.timeouts),
            }
            for endpoint, at in ((each, pacs.towards(each)) for each in pacs.endpoints)
        ],
    }
