"""One sweep: asking about case after case, whatever happens to the conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import PacsAnswer, Unasked
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.phases import at_phase
from pacs_bridge.scu.cases import ask_case
from pacs_bridge.scu.find import Questions, associate_for_questions
from pacs_bridge.scu.ladder import Ladder
from pacs_bridge.upper_layer.requested import RequestedAssociation
from pacs_bridge.upper_layer.requestor import ContextsRefused, SecureCall

_MAX_BREAKS = 3  # conversations of one sweep that may break off before the rest waits
_UNBELIEVED = f"it broke off, and finds nothing at all since then {at_phase('answer')}"


class Sweep:
    """Asks about cases over one association, and over a new one where that broke off.

    A case at which the conversation breaks off is asked about once more over a new one. When
    none can be had, or three broke off, the rest is answered with that error and not asked: a
    PACS that is down costs one time-out, not one a case. A PACS that broke off and finds
    nothing at all since then is not believed: it may have lost its database.
    """

    def __init__(self, pacs: Pacs, cases: Sequence[Case], secure: SecureCall | None) -> None:
        self._secure, self._cases = secure, cases
        self._pacs, self._breaks, self._down = pacs, 0, PacsAnswer()
        self._found_since_break = True
        self._ladder = Ladder(cases, pacs.profile)
        self._open: RequestedAssociation | None = None
        self._questions: Questions | None = None

    def answers(self) -> Iterator[PacsAnswer]:
        """Give one answer a case, in order; errors rather than raising them."""
        while self._ladder.has_wide and not self._down.error:
            try:
                self._ladder.ask_wide(self._ask())
            except PeerUnavailable as error:
                self._note_break(error)
        for case in self._cases:
            yield self._believed(self._answer(case))

    def _answer(self, case: Case) -> PacsAnswer:
        """Ask about a case, twice if need be."""
        for last in (False, True):
            if self._down.error:
                return self._down
            try:
                return ask_case(self._ask(), case, self._ladder)
            except PeerUnavailable as error:
                self._note_break(error)
                if last and not self._down.error:
                    return PacsAnswer(error=str(error), why=Unasked.SILENT)
        return self._down

    def _ask(self) -> Questions:
        """Give who asks over the association that is open, opening one where none is.

        Where none can be had, the PACS is down for the rest of the sweep.
        """
        if self._questions is None:
            try:
                self._open = associate_for_questions(self._pacs, self._secure)
            except PeerUnavailable as error:
                self._down = PacsAnswer(error=str(error), why=_why(error))
                raise
            self._questions = Questions(self._open)
        return self._questions

    def _note_break(self, error: PeerUnavailable) -> None:
        if self._open is None:
            return
        self.end(abort=True)
        self._breaks += 1
        self._found_since_break = False
        if self._breaks >= _MAX_BREAKS:
            self._down = PacsAnswer(error=str(error), why=Unasked.SILENT)

    def _believed(self, answer: PacsAnswer) -> PacsAnswer:
        if answer.error is not None:
            return answer
        self._found_since_break = self._found_since_break or any(answer.studies.values())
        if self._found_since_break:
            return answer
        return PacsAnswer(error=_UNBELIEVED, why=Unasked.UNBELIEVED)

    def end(self, *, abort: bool = False) -> None:
        """Close the association, if there is one."""
        if self._open is not None:
            self._open.close(abort=abort)
            self._open = self._questions = None


def _why(error: PeerUnavailable) -> Unasked:
    if isinstance(error, ContextsRefused):
        return Unasked.NO_QUERY
    if error.phase != "association":
        return Unasked.SILENT
    return Unasked.BUSY if "rejected transient" in str(error) else Unasked.REJECTED
