"""Our side towards a PACS: implements `domain.ports.PacsPeer` and `Retriever`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.pacs import OUTWARD, Endpoint, Pacs
from pacs_bridge.domain.ports import Convert, ImageKey, MoveOriginator, Sendable, StoreAnswer
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
from pacs_bridge.scu.get import OpenSink, get
from pacs_bridge.scu.move import move
from pacs_bridge.scu.pacing import Buckets
from pacs_bridge.scu.presence import find_images
from pacs_bridge.scu.store import store
from pacs_bridge.scu.sweep import Sweep
from pacs_bridge.upper_layer.requestor import SecureCall

_VERIFICATION = "1.2.840.10008.1.1"


class DimsePeer:
    """The DIMSE services of PACS, each call one association.

    Parameters
    ----------
    secure : callable, optional
        Makes connections secure, to PACS that are not plain; without it there are none to them.
    """

    def __init__(self, secure: SecureCall | None = None) -> None:
        self._secure = secure
        self._buckets = Buckets()

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
        convert: Convert | None = None,
    ) -> Iterator[StoreAnswer]:
        """C-STORE each over one association, yielding each answer as it comes."""
        bucket = self._buckets.of(pacs)
        return store(pacs, objects, self._secure, originator, convert=convert, bucket=bucket)

    def find_images(self, pacs: Pacs, images: Sequence[ImageKey]) -> dict[str, bool | None]:
        """Ask by unique keys whether the PACS has each image, see `scu.presence`."""
        return find_images(pacs, images, self._secure)

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
        """Ask about several cases over one association, in order; see `scu.sweep`."""
        sweep = Sweep(pacs, list(cases), self._secure)
        try:
            yield from sweep.answers()
        finally:
            sweep.end()


def _asked(pacs: Pacs) -> list[Endpoint]:
    """List the distinct addresses that we call, under each title that we have there."""
    found: dict[tuple[str, str, int, str], Endpoint] = {}
    for endpoint in map(pacs.endpoint, OUTWARD):
        place = (endpoint.ae_title, endpoint.host, endpoint.port, endpoint.our_ae_title)
        found.setdefault(place, endpoint)
    return list(found.values())
