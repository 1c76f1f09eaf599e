"""Storage commitment and availability in an installation: at the node, in jobs, from commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pacs_bridge.domain.commitment import CommitmentReport, Committer, Route
from pacs_bridge.scp.availability import answer_notification
from pacs_bridge.scp.commitment import CommitmentServices, answer_commitment
from pacs_bridge.scp.contexts import STORED, STREAMED
from pacs_bridge.services import availability, commitment, commitment_reports
from pacs_bridge.upper_layer.contract import Question, Reply
from pacs_bridge.wiring.installation import Installation

Ask = Callable[[Question], Iterator[Reply] | None]

COMMITTED = STORED | STREAMED
"""SOP classes of objects that we commit to."""


def ask_each(*desks: Ask) -> Ask:
    """Ask one desk after another, until one answers."""

    def ask(question: Question) -> Iterator[Reply] | None:
        answers = (desk(question) for desk in desks)
        return next((answer for answer in answers if answer is not None), None)

    return ask


def build_commitment_desks(installation: Installation) -> tuple[Ask, Ask]:
    """Join what answers N-ACTION and N-EVENT-REPORT, and what answers N-CREATE."""
    begin, now = installation.begin, installation.now
    key = installation.config.secret("alien_hmac")

    def take_report(report: CommitmentReport, route: Route, pacs: str) -> None:
        commitment.take_report(report, route, pacs=pacs, begin=begin, now=now)

    services = CommitmentServices(
        take_request=partial(commitment_reports.take_request, begin=begin, key=key, now=now),
        make_report=partial(
            commitment_reports.make_report,
            begin=begin,
            archive=installation.archive,
            sop_classes=COMMITTED,
            now=now,
        ),
        settle=partial(commitment_reports.settle_report, begin=begin, now=now),
        take_report=take_report,
    )

    def take(caller: Any, study: str, named: Any, size: int) -> None:
        availability.take_notification(
            caller, study, named, size=size, begin=begin, key=key, now=now
        )

    return (
        partial(answer_commitment, services=services),
        partial(answer_notification, take=take),
    )


def build_committer(installation: Installation) -> Committer:
    """Join our side of storage commitment towards PACS; over TLS where we have a certificate.

    Raises
    ------
    RefusedInput
        When there is one that cannot be used.
    """
    from pacs_bridge.scu.commit import DimseCommitter
    from pacs_bridge.upper_layer.credentials import NODE, Credentials

    folder = installation.config.tls_dir
    if not (folder / NODE).exists():
        return DimseCommitter()
    return DimseCommitter(Credentials(folder).secure_call)


def commitment_jobs(installation: Installation) -> dict[str, Callable[..., None]]:
    """Join what the jobs call to report on commitments."""
    begin, now = installation.begin, installation.now
    return {
        "report_commitment": partial(
            commitment_reports.report_commitment,
            begin=begin,
            peer=build_committer(installation),
            archive=installation.archive,
            sop_classes=COMMITTED,
            now=now,
        ),
        "park_report": partial(commitment_reports.park_report, begin=begin, now=now),
    }


def ask_commitment(
    installation: Installation, load_id: int, seconds: float
) -> commitment.LoadCommitment:
    """Ask for a load; see `services.commitment.ask_commitment`."""
    return commitment.ask_commitment(
        load_id,
        begin=installation.begin,
        peer=build_committer(installation),
        now=installation.now,
        seconds=seconds,
    )
