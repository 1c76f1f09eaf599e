"""Our side towards a PACS by DICOMweb: implements `domain.ports.PacsPeer` and `Retriever`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import PacsAnswer, Unasked
from pacs_bridge.domain.pacs import Endpoint, Pacs
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
from pacs_bridge.scu import web_fetch, web_find, web_store
from pacs_bridge.scu.find import Questions
from pacs_bridge.scu.get import OpenSink
from pacs_bridge.scu.ladder import Ladder
from pacs_bridge.scu.pacing import Buckets
from pacs_bridge.scu.web_client import Conversation
from pacs_bridge.scu.web_search import WebQuestions

_MAX_BREAKS = 3  # conversations of one sweep that may break off before the rest waits


class WebPeer:
    """The DICOMweb services of PACS: STOW-RS, QIDO-RS and WADO-RS.

    Parameters
    ----------
    folder : Path
        Of what we show to PACS, see `upper_layer.web_access`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buckets = Buckets()

    def echo(self, pacs: Pacs) -> None:
        """Ask each service that we call whether it answers a search.

        Raises
        ------
        PeerUnavailable
            At the first that does not, naming the phase.
        """
        for endpoint in {each.url: each for each in pacs.endpoints if each.url}.values():
            with self._talk(pacs, endpoint) as talk:
                web_find.echo(talk)

    def store(
        self,
        pacs: Pacs,
        objects: Iterable[Sendable],
        *,
        originator: MoveOriginator | None = None,  # noqa: ARG002  STOW-RS has no room for one
        convert: Convert | None = None,
    ) -> Iterator[StoreAnswer]:
        """Store each over one connection, yielding each answer as it comes."""
        waiting = list(objects)
        if not waiting:
            return
        with self._talk(pacs, pacs.endpoint("store")) as talk:
            yield from web_store.store(
                talk, waiting, convert=convert, bucket=self._buckets.of(pacs)
            )

    def find_images(self, pacs: Pacs, images: Sequence[ImageKey]) -> dict[str, bool | None]:
        """Search for each image; raises `PeerUnavailable` where not all could be asked for."""
        with self._talk(pacs, pacs.endpoint("query")) as talk:
            return {
                each.sop_instance_uid: web_find.has_image(
                    talk,
                    each.study_instance_uid,
                    each.series_instance_uid,
                    each.sop_instance_uid,
                )
                for each in images
            }

    def find_case(self, pacs: Pacs, case: Case) -> PacsAnswer:
        """Ask everything about one case; a broken conversation is an answer with an error."""
        return next(self.find_cases(pacs, [case]))

    def find_cases(self, pacs: Pacs, cases: Iterable[Case]) -> Iterator[PacsAnswer]:
        """Ask about several cases, in order.

        As by C-FIND, a case at which the conversation breaks off is asked about once more, and
        where three broke off, or none comes about, the rest is answered with that error.
        """
        asked = list(cases)
        sweep = _Sweep(pacs, self._folder, asked)
        try:
            sweep.ask_wide()
            for case in asked:
                yield sweep.ask(case)
        finally:
            sweep.end()

    def get(
        self,
        pacs: Pacs,
        asked: Asked,
        open_sink: OpenSink,
        *,
        kinds: Sequence[Kind],  # noqa: ARG002  it is asked for what it has
        limits: Limits = LIMITS,
        progress: Callable[[Progress], None] = tell_nobody,
        cancelled: Callable[[], bool] = never,
    ) -> Retrieved:
        """Have objects sent back, see `scu.web_fetch.fetch`."""
        with self._talk(pacs, pacs.endpoint("retrieve")) as talk:
            return web_fetch.fetch(
                talk, asked, open_sink, limits=limits, progress=progress, cancelled=cancelled
            )

    def move(
        self,
        pacs: Pacs,
        asked: Asked,  # noqa: ARG002
        *,
        limits: Limits = LIMITS,  # noqa: ARG002
        progress: Callable[[Progress], None] = tell_nobody,  # noqa: ARG002
        cancelled: Callable[[], bool] = never,  # noqa: ARG002
    ) -> Retrieved:
        """Refuse: over DICOMweb nothing is sent to a third.

        Raises
        ------
        PeerUnavailable
            Always, in the phase association.
        """
        detail = "it is asked by DICOMweb, which has no C-MOVE; fetch without --move"
        raise PeerUnavailable(pacs.name, "association", detail)

    def _talk(self, pacs: Pacs, endpoint: Endpoint) -> Conversation:
        return Conversation(pacs, endpoint, self._folder)


class _Sweep:
    """Asks for many cases at once, then about case after case.

    Over a new connection where the last one broke off.
    """

    def __init__(self, pacs: Pacs, folder: Path, cases: Sequence[Case]) -> None:
        self._pacs, self._folder = pacs, folder
        self._ladder = Ladder(cases, pacs.profile)
        self._asked: WebQuestions | None = None
        self._breaks, self._down = 0, PacsAnswer()
        self._open: Conversation | None = None

    def ask_wide(self) -> None:
        """Ask for many cases at once, where the PACS can."""
        while self._ladder.has_wide and not self._down.error:
            try:
                talk = self._talk()
                self._ladder.ask_wide(cast(Questions, self._questions(talk)))
            except PeerUnavailable as error:
                self._note_break(error)

    def ask(self, case: Case) -> PacsAnswer:
        """Ask about a case, twice if need be; gives an error rather than raising one."""
        answer = self._down
        for _ in range(2):
            if self._down.error:
                return self._down
            try:
                talk = self._talk()
                return web_find.ask_case(talk, case, self._ladder, self._questions(talk))
            except PeerUnavailable as error:
                answer = self._note_break(error)
        return answer

    def _talk(self) -> Conversation:
        if self._open is None:
            endpoint = self._pacs.endpoint("query")
            self._open = Conversation(self._pacs, endpoint, self._folder)
        return self._open

    def _questions(self, talk: Conversation) -> WebQuestions:
        if self._asked is None or self._asked.talk is not talk:
            self._asked = WebQuestions(talk)
        return self._asked

    def _note_break(self, error: PeerUnavailable) -> PacsAnswer:
        self.end()
        answer = PacsAnswer(error=str(error), why=_why(error))
        self._breaks += 1
        # Before the question is out, asking again right now is of no use.
        if self._breaks >= _MAX_BREAKS or error.phase not in ("data", "answer"):
            self._down = answer
        return answer

    def end(self) -> None:
        """Close the connection, if there is one."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _why(error: PeerUnavailable) -> Unasked:
    return Unasked.REJECTED if error.phase == "association" else Unasked.SILENT
