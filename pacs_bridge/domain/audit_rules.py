"""What becomes an audit message: associations, transfers and refusals, as facts.

The buffer keeps facts rather than XML: they are small, and can be filtered. Facts are made of
values of our own and of AE titles that were checked; no name from the wire comes this far.

References
----------
PS3.15 A.5.3.7 (instances transferred), A.5.3.11 (security alert).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pacs_bridge.domain.audit import (
    AuditEvent,
    AuditMessage,
    AuditType,
    Outcome,
    Participant,
    Role,
    Subject,
    Thing,
)
from pacs_bridge.domain.objects import Association, AssociationOutcome

OURSELVES = ""
"""Stands for our own AE title in facts; the settings say it when a message is written."""

ALERT = "Alert Description"
"""What the words of an alert are called (PS3.15 table A.5.3.11-1)."""


@dataclass(frozen=True)
class Fact:
    """One audit message before it is written.

    Parameters
    ----------
    pacs : str
        The PACS that it concerns, as registered; empty for none.
    """

    event: AuditEvent
    action: str
    at: datetime
    outcome: Outcome
    participants: tuple[Participant, ...]
    kind: AuditType | None = None
    subjects: tuple[Subject, ...] = ()
    said: str = ""
    pacs: str = ""

    def message(self, source: str) -> AuditMessage:
        """Make the message; `source` is our AE title."""
        own = tuple(
            Participant(each.user_id or source, each.role, each.requested, each.address)
            for each in self.participants
        )
        return AuditMessage(
            self.event, self.action, self.at, self.outcome, source, own, self.kind,
            self.subjects, self.said,
        )  # fmt: skip

    def body(self) -> dict[str, Any]:
        """What has no column of its own, as JSON values."""
        return {
            "action": self.action,
            "participants": [
                [each.user_id, each.role.name, each.requested, each.address]
                for each in self.participants
            ],
            "subjects": [
                {
                    "thing": each.thing.name,
                    "identifier": each.identifier,
                    "name": each.name,
                    "details": [list(detail) for detail in each.details],
                    "accession": each.accession,
                    "sop_classes": [list(counted) for counted in each.sop_classes],
                }
                for each in self.subjects
            ],
            "said": self.said,
        }


def fact_of(
    event: str, kind: str, at: datetime, outcome: int, pacs: str, body: Mapping[str, Any]
) -> Fact:
    """Read facts back; the opposite of `Fact.body`."""
    return Fact(
        AuditEvent[event],
        body["action"],
        at,
        Outcome(outcome),
        tuple(Participant(u, Role[role], r, where) for u, role, r, where in body["participants"]),
        AuditType[kind] if kind else None,
        tuple(map(_subject, body["subjects"])),
        body["said"],
        pacs,
    )


def _subject(told: Mapping[str, Any]) -> Subject:
    return Subject(
        Thing[told["thing"]],
        told["identifier"],
        told["name"],
        tuple((name, value) for name, value in told["details"]),
        told["accession"],
        tuple((uid, count) for uid, count in told["sop_classes"]),
    )


def of_association(association: Association) -> Fact | None:
    """Say that an association ended, or was not accepted; None while it goes on."""
    if association.outcome is AssociationOutcome.OPEN:
        return None
    caller = association.caller
    title = caller.ae_title or "no AE title"  # it came to no association
    good = association.outcome is AssociationOutcome.RELEASED
    counted = {
        "stored": association.stored,
        "refused": association.refused,
        "C-ECHO": association.echoes,
        **association.requests,
    }
    counts = ", ".join(f"{count} {name}" for name, count in counted.items() if count)
    told = "; ".join(filter(None, (association.note, counts))) or "nothing was asked"
    said = f"association {association.outcome}: {told}"
    return Fact(
        AuditEvent.SECURITY_ALERT,
        "E",
        association.ended_at or association.opened_at,
        Outcome.SUCCESS if good else Outcome.MINOR_FAILURE,
        (
            Participant(title, Role.SOURCE, requested=True, address=caller.address),
            Participant(caller.called_ae_title, Role.DESTINATION, requested=False),
        ),
        AuditType.NODE_AUTHENTICATION,
        (Subject(Thing.NODE, title, caller.pacs or "not registered", ((ALERT, said),)),),
        said,
        caller.pacs or "",
    )


@dataclass(frozen=True)
class Arrived:
    """Objects that came from one peer about one case; `studies` are the case's own."""

    pacs: str
    ae_title: str
    address: str
    accession: str
    at: datetime
    sop_classes: tuple[tuple[str, int], ...]
    studies: tuple[str, ...] = ()


def of_arrival(arrived: Arrived) -> Fact:
    """Say that objects were taken and are safe."""
    return Fact(
        AuditEvent.TRANSFERRED,
        "C",
        arrived.at,
        Outcome.SUCCESS,
        from_peer(arrived.ae_title, arrived.address),
        subjects=tuple(
            Subject(
                Thing.STUDY,
                study,
                arrived.accession or study,
                accession=arrived.accession,
                sop_classes=arrived.sop_classes if nth == 0 else (),
            )
            for nth, study in enumerate(arrived.studies)
        ),
        said=f"{sum(count for _, count in arrived.sop_classes)} objects",
        pacs=arrived.pacs,
    )


@dataclass(frozen=True)
class Refused:
    """Objects of one SOP class that one peer sent and that were not taken, and why."""

    pacs: str
    ae_title: str
    address: str
    kind: str
    status: int
    sop_class_uid: str
    at: datetime
    count: int


def of_refusal(refused: Refused) -> Fact:
    """Say that objects were not taken: from whom, of what class, how many, and nothing else."""
    said = f"{refused.count} objects refused, {refused.kind}, status {refused.status:04X}"
    uid = refused.sop_class_uid or "unknown"
    counted = ((refused.sop_class_uid, refused.count),) if refused.sop_class_uid else ()
    return Fact(
        AuditEvent.SECURITY_ALERT,
        "E",
        refused.at,
        Outcome.MINOR_FAILURE,
        from_peer(refused.ae_title, refused.address),
        AuditType.RESTRICTED_FUNCTION,
        (Subject(Thing.SOP_CLASS, uid, refused.kind, ((ALERT, said),), "", counted),),
        said,
        refused.pacs,
    )


def from_peer(ae_title: str, address: str) -> tuple[Participant, Participant]:
    """Give a peer that asks, and ourselves."""
    return (
        Participant(ae_title, Role.SOURCE, requested=True, address=address),
        Participant(OURSELVES, Role.DESTINATION, requested=False),
    )
