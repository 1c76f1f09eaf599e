"""Towards a PACS by whichever its endpoint for a role speaks: DIMSE or DICOMweb."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.pacs import OUTWARD, Pacs
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
from pacs_bridge.scu.get import OpenSink
from pacs_bridge.scu.peer import DimsePeer

if TYPE_CHECKING:
    from pacs_bridge.scu.web_peer import WebPeer


class EitherPeer:
    """Chooses for each role; a PACS may be stored to by DIMSE and queried by DICOMweb.

    Parameters
    ----------
    folder : Path
        Of what we show to PACS with DICOMweb, see `upper_layer.web_access`.
    """

    def __init__(self, dimse: DimsePeer, folder: Path) -> None:
        self._dimse, self._folder = dimse, folder

    @cached_property
    def _web(self) -> WebPeer:
        from pacs_bridge.scu.web_peer import WebPeer  # with httpx: only who needs it waits for it

        return WebPeer(self._folder)

    def _for(self, pacs: Pacs, role: str) -> DimsePeer | WebPeer:
        return self._web if pacs.endpoint(role).url else self._dimse

    def echo(self, pacs: Pacs) -> None:
        """Ask whether it answers at each address that we call; raises `PeerUnavailable`."""
        called = [each for each in pacs.endpoints if not set(OUTWARD).isdisjoint(each.roles)]
        by_dimse = tuple(each for each in called if not each.url)
        if by_dimse or not called:
            self._dimse.echo(replace(pacs, endpoints=by_dimse) if by_dimse else pacs)
        if any(each.url for each in called):
            self._web.echo(pacs)

    def store(
        self,
        pacs: Pacs,
        objects: Iterable[Sendable],
        *,
        originator: MoveOriginator | None = None,
        convert: Convert | None = None,
    ) -> Iterator[StoreAnswer]:
        """Store each, yielding each answer as it comes."""
        peer = self._for(pacs, "store")
        return peer.store(pacs, objects, originator=originator, convert=convert)

    def find_images(self, pacs: Pacs, images: Sequence[ImageKey]) -> dict[str, bool | None]:
        """Ask whether the PACS has each image."""
        return self._for(pacs, "query").find_images(pacs, images)

    def find_case(self, pacs: Pacs, case: Case) -> PacsAnswer:
        """Ask everything about one case."""
        return self._for(pacs, "query").find_case(pacs, case)

    def find_cases(self, pacs: Pacs, cases: Iterable[Case]) -> Iterator[PacsAnswer]:
        """Ask about several cases, in order."""
        return self._for(pacs, "query").find_cases(pacs, cases)

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
        """Have objects sent to who asks, by C-GET or WADO-RS."""
        return self._for(pacs, "retrieve").get(
            pacs,
            asked,
            open_sink,
            kinds=kinds,
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
        """Have objects sent to our node (C-MOVE); DICOMweb has no such thing."""
        return self._for(pacs, "retrieve").move(
            pacs, asked, limits=limits, progress=progress, cancelled=cancelled
        )
