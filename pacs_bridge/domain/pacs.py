"""A hospital PACS as registered here, and who may call us from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Isolation(StrEnum):
    """How a PACS keeps one reader's marks from the next (DESIGN.md 5)."""

    PRIVATE = "private"
    COPIES = "copies"
    SEQUENTIAL = "sequential"
    SHEET = "sheet"


@dataclass(frozen=True)
class Endpoint:
    """One address of a PACS in one or more roles.

    Parameters
    ----------
    roles : tuple of str
        Of ``store``, ``query``, ``retrieve``, ``commit``, ``calls-from``.
    net : str
        For ``calls-from``: the address or network (CIDR) it calls from; empty for its host.
    """

    ae_title: str
    host: str
    port: int
    roles: tuple[str, ...]
    net: str = ""


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

    def endpoint(self, role: str) -> Endpoint:
        """The endpoint for a role, else the first one."""
        return next((e for e in self.endpoints if role in e.roles), self.endpoints[0])
