"""Our side towards a PACS: implements `domain.ports.PacsPeer` and `Retriever`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.pacs import OUTWARD, Endpoint, Pacs
from pacs_bridge.domain.ports import MoveOriginator, Sendable, StoreAnswer
from pacs_bridge.domain.retrieving import (
    LIMITS,
    Asked,
    Kind,
    Limits,
    Progress,
    Retrieved,
    never,
    tell_nobody,
)
from pacs_bridge.scu.association import EXPLICIT, IMPLICIT, associate
from pacs_bridge.scu.cases import ask_case
from pacs_bridge.scu.find import Questions, associate_for_questions
from pacs_bridge.scu.get import OpenSink, get
from pacs_bridge.scu.move import move
from pacs_bridge.scu.store import store
from pacs_bridge.upper_layer.requested import RequestedAssociation
from pacs_bridge.upper_layer.requestor import SecureCall

_VERIFICATION = "1.2.840.10008.1.1"
_MAX_BREAKS = 3  # conversations of one sweep that may break off before the rest waits


class DimsePeer:
    """The DIMSE services of PACS, each call one association.

    Parameters
    ----------
    secure : callable, optional
        Makes connections secure, to PACS that are not plain; without it there are none to them.
    """

    def __init__(self, secure: SecureCall | None = None) -> None:
        self._secure = secure

    def echo(self, pacs: Pacs) -> None:
        """Ask for a C-ECHO at each address that we call.

        Raises
        ------
        PeerUnavailable
            At the first that does not answer with Success, naming the phase.
        """
        for endpoint in _asked(pacs):
            offers = [(_VERIFICATION, (EXPLICIT, IMPLICIT))]
            with associate(pacs, endpoint, offers, self._secure) as association:
                status = association.echo()
                if status != 0x0000:
                    raise association.unavailable("answer", f"it answered 0x{status:04X}")

    def store(
        self,
        pacs: Pacs,
        objects: Iterable[Sendable],
        *,
        originator: MoveOriginator | None = None,
    ) -> Iterator[StoreAnswer]:
        """C-STORE each over one association, yielding each answer as it comes."""
        return store(pacs, objects, self._secure, originator)

    def get(
        self,
        pacs: Pacs,
        asked: Asked,
        open_sink: OpenSink,
        *,
        kinds: Sequence[Kind],
        limits: Limits = LIMITS,
        progress: Callable[[Progress], None] = tell_nobody,
        cancelled: Callable[[], bool] = never,
    ) -> Retrieved:
        """Have objects sent over the association that asks, see `scu.get.get`."""
        return get(
            pacs,
            asked,
            open_sink,
            kinds=kinds,
            secure=self._secure,
            limits=limits,
            progress=progress,
            cancelled=cancelled,
        )

    def move(
        self,
        pacs: Pacs,
        asked: Asked,
        *,
        limits: Limits = LIMITS,
        progress: Callable[[Progress], None] = tell_nobody,
        cancelled: Callable[[], bool] = never,
    ) -> Retrieved:
        """Have objects sent to our node, see `scu.move.move`."""
        return move(
            pacs, asked, secure=self._secure, limits=limits, progress=progress, cancelled=cancelled
        )

    def find_case(self, pacs: Pacs, case: Case) -> PacsAnswer:
        """Ask everything about one case; a broken conversation is an answer with an error."""
        return next(self.find_cases(pacs, [case]))

    def find_cases(self, pacs: Pacs, cases: Iterable[Case]) -> Iterator[PacsAnswer]:
        """Ask about several cases over one association, in order.

        A case at which the conversation breaks off is asked about once more over a new one.
        When none can be had, or three broke off, the rest is answered with that error and
        not asked: a PACS that is down costs one time-out, not one a case.
        """
        sweep = _Sweep(pacs, self._secure)
        try:
            for case in cases:
                yield sweep.ask(case)
        finally:
            sweep.end()


class _Sweep:
    """Asks about case after case, over a new association where the last one broke off."""

    def __init__(self, pacs: Pacs, secure: SecureCall | None) -> None:
        self._secure = secure
        self._pacs, self._breaks, self._down = pacs, 0, ""
        self._open: RequestedAssociation | None = None

    def ask(self, case: Case) -> PacsAnswer:
        """Ask about a case, twice if need be; gives an error rather than raising one."""
        for last in (False, True):
            if self._down:
                return PacsAnswer(error=self._down)
            try:
                if self._open is None:
                    self._open = associate_for_questions(self._pacs, self._secure)
            except PeerUnavailable as error:
                self._down = str(error)
                continue
            try:
                return ask_case(Questions(self._open), case)
            except PeerUnavailable as error:
                self.end(abort=True)
                self._breaks += 1
                if self._breaks >= _MAX_BREAKS:
                    self._down = str(error)
                if last:
                    return PacsAnswer(error=str(error))
        return PacsAnswer(error=self._down)

    def end(self, *, abort: bool = False) -> None:
        """Close the association, if there is one."""
        if self._open is not None:
            self._open.close(abort=abort)
            self._open = None


def _asked(pacs: Pacs) -> list[Endpoint]:
    """List the distinct addresses that we call, under each title that we have there."""
    found: dict[tuple[str, str, int, str], Endpoint] = {}
    for endpoint in map(pacs.endpoint, OUTWARD):
        place = (endpoint.ae_title, endpoint.host, endpoint.port, endpoint.our_ae_title)
        found.setdefault(place, endpoint)
    return list(found.values())
