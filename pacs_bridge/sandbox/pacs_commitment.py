"""Storage commitment of the sandbox PACS: it reports over an association that it opens.

References
----------
PS3.4 J.3.2, J.3.3. QUIRKS.md C2: the one route that is always supported.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from pacs_bridge.domain.commitment import CommitmentReport, CommitmentRequest, Failure, Reason
from pacs_bridge.domain.errors import GiveUp, PeerUnavailable, RefusedInput
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.scu.commit import DimseCommitter
from pacs_bridge.upper_layer.references import decode_request

_log = logging.getLogger(__name__)

_SUCCESS, _INVALID = 0x0000, 0x0115


class Commitment(StrEnum):
    """What a PACS does about requests to commit."""

    HONEST = "commits to what it has"
    HALF = "says that it does not have every other object"
    NEVER = "takes the request and never reports"
    NOT_OFFERED = "does not offer the service"


class Committer:
    """Takes requests and reports on each in a thread of its own.

    Parameters
    ----------
    holds : callable
        Whether it has an object, by SOP Instance UID.
    known : iterable of (str, str, int)
        AE title, host and port of those who may be reported to.
    """

    def __init__(
        self,
        ae_title: str,
        holds: Callable[[str], bool],
        known: Iterable[tuple[str, str, int]],
        manner: Commitment,
    ) -> None:
        self._ae_title, self._holds, self._manner = ae_title, holds, manner
        self._known = {title: (host, port) for title, host, port in known}

    def on_action(self, event: Any) -> tuple[int, None]:
        """Answer an N-ACTION; the report follows, unless nobody knows where to."""
        syntax = str(event.context.transfer_syntax)
        try:
            request = decode_request(event.request.ActionInformation.getvalue(), syntax)
        except (GiveUp, RefusedInput, AttributeError):
            return _INVALID, None
        caller = str(event.assoc.requestor.ae_title).strip()
        if self._manner is not Commitment.NEVER and caller in self._known:
            report = threading.Thread(
                target=self._report, args=(caller, request), name="commitment", daemon=True
            )
            report.start()
        return _SUCCESS, None

    def report_on(self, request: CommitmentRequest) -> CommitmentReport:
        """Say object by object what it has."""
        committed, failed = [], []
        for number, reference in enumerate(request.references):
            hides = self._manner is Commitment.HALF and number % 2 == 1
            if hides or not self._holds(reference.sop_instance_uid):
                failed.append(Failure(reference, Reason.NO_SUCH_INSTANCE))
            else:
                committed.append(reference)
        return CommitmentReport(request.transaction_uid, tuple(committed), tuple(failed))

    def _report(self, caller: str, request: CommitmentRequest) -> None:
        host, port = self._known[caller]
        endpoint = Endpoint(caller, host, port, ("commit",))
        peer = Pacs("who asked", (endpoint,), our_ae_title=self._ae_title, plain=True)
        try:
            DimseCommitter().report_commitment(peer, self.report_on(request))
        except (GiveUp, PeerUnavailable) as error:
            _log.warning("A commitment was not reported. %s", error)
