"""A hospital PACS as registered here, and who may call us from it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pacs_bridge.domain.loading import Completeness
from pacs_bridge.domain.profile import UNKNOWN, QueryProfile
from pacs_bridge.domain.sending import AS_USUAL, Sending

OUTWARD = ("store", "query", "retrieve", "commit")
"""Roles of what we call."""

CALLS_FROM = "calls-from"
"""Role of what calls us."""

_NEAREST_BITS = {4: 16, 6: 48}  # a hospital's network, at the widest

TIMEOUTS = ("connect", "acse", "dimse", "network", "idle")
"""What a time-out may be set for, in seconds.

``connect`` until the connection stands; ``acse`` until an association is agreed on or
released; ``dimse`` until an answer comes; ``network`` for a write that makes no progress;
``idle`` without a word on an association that it has with us, and, where it is set, in place of
``network`` too.
"""


class Isolation(StrEnum):
    """How a PACS keeps one reader's marks from the next (DESIGN.md 5)."""

    PRIVATE = "private"
    COPIES = "copies"
    SEQUENTIAL = "sequential"
    SHEET = "sheet"


@dataclass(frozen=True)
class KnownUser:
    """A user identity that a PACS may name in its associations (PS3.7 D.3.3.7).

    Parameters
    ----------
    passcode_hash : str or None
        Argon2id hash; None for a name that comes without a passcode.
    """

    name: str
    passcode_hash: str | None = None

    def __repr__(self) -> str:
        """Show no hash in any log or trace."""
        return f"KnownUser({self.name!r})"


@dataclass(frozen=True)
class Endpoint:
    """One address of a PACS in one or more roles.

    What is not set here is as the PACS has it; see `Pacs.towards`.

    Parameters
    ----------
    roles : tuple of str
        Of ``store``, ``query``, ``retrieve``, ``commit``, ``calls-from``.
    net : str
        For ``calls-from``: the address or network (CIDR) it calls from; empty for its host.
    our_ae_title : str
        Our own AE title towards it; empty for that towards the PACS.
    plain : bool or None
        Whether unencrypted DICOM is allowed with it.
    certificate : str or None
        SHA-256 fingerprint of the certificate that it has for TLS.
    timeouts : dict of str to float
        Seconds, by the names in `TIMEOUTS`.
    url : str
        Where it is spoken to by DICOMweb: the address above ``/studies``, without a slash at
        its end. It has no AE title then. Empty for DIMSE.
    """

    ae_title: str
    host: str
    port: int
    roles: tuple[str, ...]
    net: str = ""
    our_ae_title: str = ""
    plain: bool | None = None
    certificate: str | None = None
    timeouts: dict[str, float] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True)
class Pacs:
    """A named group of endpoints, our own AE title towards it, and its time-outs.

    Parameters
    ----------
    plain : bool
        Whether unencrypted DICOM is allowed with it.
    certificate : str or None
        SHA-256 fingerprint (hexadecimal) of the one certificate that it calls us with over
        TLS; None where it has none.
    users : tuple of KnownUser
        User identities of which it must name one; empty where it must name none.
    paused : bool
        Whether nothing is taken from it, and nothing promised to it, until a person resumes it.
        It may still echo, and query and retrieve what was loaded into it: what is wrong with it
        is what it sends, and readers in the middle of a round go on reading.
    grade : Completeness
        How sure the sites that read on it want each case: proven, counted or present.
    grace : float or None
        Seconds after the last C-STORE in which an image may still be on its way, past a router
        and into the index of what is queried; None for as long as configured.
    profile : QueryProfile
        What was learned by asking it; empty where nobody needs it.
    sending : Sending
        How much at once, how fast and when it is sent to.
    pull_minutes : int or None
        After how many minutes it is asked again for marks that it does not push; None where it
        is not asked by the clock.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    our_ae_title: str = "PACSBRIDGE"
    plain: bool = False
    isolation: Isolation = Isolation.SHEET
    paused: bool = False
    timeouts: dict[str, float] = field(
        default_factory=lambda: {"connect": 10.0, "acse": 30.0, "dimse": 60.0, "network": 60.0}
    )
    certificate: str | None = None
    users: tuple[KnownUser, ...] = ()
    grade: Completeness = Completeness.PROVEN
    grace: float | None = None
    profile: QueryProfile = UNKNOWN
    sending: Sending = AS_USUAL
    pull_minutes: int | None = None

    def endpoint(self, role: str) -> Endpoint:
        """The endpoint for a role, else the first one."""
        return next((e for e in self.endpoints if role in e.roles), self.endpoints[0])

    @property
    def is_called(self) -> bool:
        """Whether we call it at all; one that was adopted only calls us, at first."""
        return any(role in OUTWARD for each in self.endpoints for role in each.roles)

    def towards(self, endpoint: Endpoint) -> Pacs:
        """The PACS as it is at one endpoint: title, TLS and time-outs of that one."""
        timeouts = {**self.timeouts, **endpoint.timeouts}
        if "idle" in timeouts:
            timeouts["network"] = timeouts["idle"]
        return replace(
            self,
            our_ae_title=endpoint.our_ae_title or self.our_ae_title,
            plain=self.plain if endpoint.plain is None else endpoint.plain,
            certificate=endpoint.certificate or self.certificate,
            timeouts=timeouts,
        )


def likely_pacs(known: Sequence[Pacs], address: str) -> str:
    """Guess which PACS a caller belongs to by its address; empty where nothing is near."""
    caller = _address(address)
    if caller is None:
        return ""
    best, name = _NEAREST_BITS[caller.version] - 1, ""
    for pacs in known:
        for endpoint in pacs.endpoints:
            for place in (endpoint.host, endpoint.net):
                near = _address(place)
                if near is None or near.version != caller.version:
                    continue
                same = caller.max_prefixlen - (int(near) ^ int(caller)).bit_length()
                if same > best:
                    best, name = same, pacs.name
    return name


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_network(text, strict=False).network_address
    except ValueError:
        return None
