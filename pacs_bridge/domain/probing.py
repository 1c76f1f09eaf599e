"""What a PACS can do, found out by trying; and what else it holds of our studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pacs_bridge.domain.pacs import Pacs

Offered = tuple[str, str]
"""A SOP class and one transfer syntax."""


class Prober(Protocol):
    """How a PACS is tried, a question at a time."""

    def accepted(self, pacs: Pacs, role: str, offers: Sequence[Offered]) -> frozenset[Offered]:
        """Tell which of these it accepts, at its address for a role; sends nothing.

        Raises `PeerUnavailable`, naming the phase, where no association comes about.
        """

    def find(
        self, pacs: Pacs, level: str, match: Mapping[str, str], wanted: Sequence[str]
    ) -> list[dict[str, str]]:
        """Ask one question; gives the wanted texts of each answer.

        Raises `PeerUnavailable`, or `GiveUp` where it refuses the question.
        """


@dataclass(frozen=True)
class Fact:
    """One thing that was tried.

    Parameters
    ----------
    works : bool or None
        None where it could not be tried.
    """

    what: str
    works: bool | None
    detail: str = ""


@dataclass(frozen=True)
class Appeared:
    """Objects in or about our studies that we did not send."""

    accession: str
    modality: str
    sop_class_uid: str
    description: str
    objects: int | None


@dataclass(frozen=True)
class ProbeReport:
    """What a probe of one PACS found.

    Parameters
    ----------
    callers : tuple of str
        Who asked us, in words.
    advice : tuple of str
        What to ask of the contact, a sentence each.
    """

    pacs: str
    probed_at: datetime
    facts: tuple[Fact, ...]
    appeared: tuple[Appeared, ...] = ()
    callers: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    firewall: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "pacs": self.pacs,
            "probed_at": self.probed_at.isoformat(),
            "facts": [
                {"what": each.what, "works": each.works, "detail": each.detail}
                for each in self.facts
            ],
            "appeared": [
                {
                    "accession": each.accession,
                    "modality": each.modality,
                    "sop_class_uid": each.sop_class_uid,
                    "description": each.description,
                    "objects": each.objects,
                }
                for each in self.appeared
            ],
            "callers": list(self.callers),
            "advice": list(self.advice),
            "forwarding_rule": list(self.rule),
            "firewall": list(self.firewall),
        }
