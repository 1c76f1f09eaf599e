"""Storage commitment towards a PACS: asked for, heard, and reported.

References
----------
PS3.4 J.3.2 (N-ACTION), J.3.3 (N-EVENT-REPORT and who opens the association for it).
"""

from __future__ import annotations

from collections.abc import Callable

from pacs_bridge.domain.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_COMMITMENT,
    CommitmentReport,
    CommitmentRequest,
    Route,
    TakeReport,
)
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.scu.association import EXPLICIT, IMPLICIT, associate
from pacs_bridge.scu.words import clean
from pacs_bridge.upper_layer.command import Command, Field
from pacs_bridge.upper_layer.commitment import hear_report
from pacs_bridge.upper_layer.contract import Answer
from pacs_bridge.upper_layer.eventful import EventfulAssociation
from pacs_bridge.upper_layer.references import encode_report, encode_request
from pacs_bridge.upper_layer.requested import status_of
from pacs_bridge.upper_layer.requestor import SecureCall

_OFFERS = [(PUSH_MODEL, (EXPLICIT, IMPLICIT))]


class DimseCommitter:
    """Storage commitment with PACS; implements `domain.commitment.Committer`.

    Parameters
    ----------
    secure : callable, optional
        Makes connections secure, to PACS that are not plain; without it there are none to them.
    """

    def __init__(self, secure: SecureCall | None = None) -> None:
        self._secure = secure

    def request_commitment(
        self,
        pacs: Pacs,
        request: CommitmentRequest,
        *,
        take: TakeReport,
        seconds: float,
        is_enough: Callable[[], bool] = lambda: False,
    ) -> tuple[int, str]:
        """Ask a PACS to commit, and hear its reports on this association for a while.

        Reports on earlier requests may come too: for them this is the next association.

        Parameters
        ----------
        seconds : float
            How long to wait for the report once the request was accepted.
        is_enough : callable
            Whether it came in another way meanwhile; asked four times a second.

        Returns
        -------
        int, str
            Status and Error Comment of the answer.

        Raises
        ------
        PeerUnavailable
            Naming the phase; the request may or may not have come through where that is answer.
        """
        hearing = _Hearing(take, request.transaction_uid)
        with associate(pacs, commit_endpoint(pacs), _OFFERS, self._secure) as association:
            context_id, syntax = _hear_on(association, hearing)
            answer = association.tell(
                Field.N_ACTION,
                PUSH_MODEL,
                PUSH_MODEL_INSTANCE,
                REQUEST_COMMITMENT,
                encode_request(request, syntax),
                context_id=context_id,
            )
            status = status_of(answer)
            if not status:
                association.listen(seconds, lambda: hearing.has_heard or is_enough())
        return status, clean(answer.error_comment or "", 64)

    def hear_reports(self, pacs: Pacs, *, take: TakeReport, seconds: float, most: int) -> None:
        """Open an association on which a PACS may report on what it was asked before.

        Parameters
        ----------
        seconds : float
            How long to wait.
        most : int
            Reports that are expected; after so many it is not waited any longer.

        Raises
        ------
        PeerUnavailable
            Naming the phase.
        """
        with associate(pacs, commit_endpoint(pacs), _OFFERS, self._secure) as association:
            hearing = _Hearing(take, "")
            _hear_on(association, hearing)
            association.listen(seconds, lambda: hearing.count >= most)

    def report_commitment(self, pacs: Pacs, report: CommitmentReport) -> int:
        """Report to a PACS over a new association, in which we are the SCP.

        Returns
        -------
        int
            The status that it answered.

        Raises
        ------
        PeerUnavailable
            Naming the phase.
        """
        endpoint = commit_endpoint(pacs)
        roles = (PUSH_MODEL,)
        with associate(pacs, endpoint, _OFFERS, self._secure, roles) as association:
            (_, syntax), context_id = next(iter(association.accepted.items()))
            answer = association.tell(
                Field.N_EVENT_REPORT,
                PUSH_MODEL,
                PUSH_MODEL_INSTANCE,
                report.event_type,
                encode_report(report, syntax),
                context_id=context_id,
            )
            return status_of(answer)


class _Hearing:
    """Hears reports on one association, and says by which route each came."""

    def __init__(self, take: TakeReport, asked: str) -> None:
        self._take, self._asked = take, asked
        self.has_heard, self.count = False, 0

    def __call__(self, command: Command, transfer_syntax_uid: str, data_set: bytes) -> Answer:
        return hear_report(command, transfer_syntax_uid, data_set, self._keep)

    def _keep(self, report: CommitmentReport) -> None:
        is_asked = report.transaction_uid == self._asked
        self._take(report, Route.SAME if is_asked else Route.NEXT)
        self.has_heard = self.has_heard or is_asked
        self.count += 1


def commit_endpoint(pacs: Pacs) -> Endpoint:
    """Give the endpoint that is asked to commit, and reported to: that for storing, if no other."""
    committing = (each for each in pacs.endpoints if "commit" in each.roles)
    return next(committing, pacs.endpoint("store"))


def _hear_on(association: EventfulAssociation, hearing: _Hearing) -> tuple[int, str]:
    (_, syntax), context_id = next(iter(association.accepted.items()))
    association.on_event = hearing
    return context_id, syntax
