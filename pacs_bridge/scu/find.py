"""C-FIND in the Study Root model, one question at a time, every status looked at.

References
----------
PS3.4 C.4.1 (statuses), C.6.2.1 (Study Root keys); PS3.7 9.1.2. STANDARDS.md 5.1.
"""

from __future__ import annotations

import time
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.scu.association import Conversation
from pacs_bridge.scu.words import clean

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MAX_ROWS = 1_000
"""Answers that we take to one question; all of ours ask about one study."""

_SUCCESS, _PENDING = 0x0000, (0xFF00, 0xFF01)


class FindRefused(GiveUp):
    """The PACS answered a C-FIND with a failure status: an answer, but not "no matches"."""

    def __init__(self, level: str, status: int, comment: str = "") -> None:
        self.level, self.status = level, status
        tail = f" ({comment})" if comment else ""
        super().__init__(f"the PACS answered a {level} query with 0x{status:04X}{tail}")

    @property
    def cannot(self) -> bool:
        """Whether it says that it cannot answer such a question at all.

        A9xx: identifier does not match the SOP class; Cxxx: unable to process; 0122: SOP class
        not supported. A7xx (out of resources) or FE00 (cancelled) say nothing of the kind.
        """
        return self.status == 0x0122 or self.status >> 8 == 0xA9 or self.status >> 12 == 0xC


class Row:
    """One answer: text by keyword, read without trusting any value's form."""

    def __init__(self, identifier: Dataset) -> None:
        self._identifier = identifier

    def text(self, keyword: str) -> str:
        """Give an element's value as clean text, empty when absent, empty or not text."""
        value = self._raw(keyword)
        if isinstance(value, bytes):
            value = value.decode("ascii", "replace")
        return "" if value is None else clean(value, 64)

    def whole_number(self, keyword: str) -> int | None:
        """Give an IS element's value, None when absent, empty or no number."""
        digits = self.text(keyword)
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None

    def short(self, keyword: str) -> int | None:
        """Give a US element's value, None when absent, empty or of another form."""
        value = self._raw(keyword)
        if isinstance(value, bytes):  # both syntaxes that we offer are little endian
            return int.from_bytes(value, "little") if len(value) == 2 else None
        return value if isinstance(value, int) else None

    def _raw(self, keyword: str) -> Any:
        # get_item leaves the value undecoded: a bad IS or character set cannot raise here.
        tag = tag_for_keyword(keyword)
        if tag is None or tag not in self._identifier:
            return None
        return self._identifier.get_item(tag).value


class Questions:
    """Asks one PACS over one association."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def ask(self, level: str, match: dict[str, str], wanted: tuple[str, ...]) -> list[Row]:
        """Ask one question and give all answers to it.

        Parameters
        ----------
        level : str
            ``STUDY``, ``SERIES`` or ``IMAGE``.
        match : dict of str to str
            Keyword and the exact value that must match.
        wanted : tuple of str
            Keywords to be returned.

        Returns
        -------
        list of Row
            Only answers that repeat every matched value, or leave it out where it is no UID.

        Raises
        ------
        PeerUnavailable
            When the conversation broke off: never to be taken for "no matches".
        FindRefused
            When the PACS answered with a failure status, or with more than it should.
        """
        talk = self._conversation
        query = Dataset()
        query.SpecificCharacterSet = ""  # some return theirs only when asked (QUIRKS.md C4)
        query.QueryRetrieveLevel = level
        for keyword in wanted:
            setattr(query, keyword, None)
        for keyword, value in match.items():
            setattr(query, keyword, value)
        started = talk.begin()
        rows: list[Row] = []
        answers = talk.association.send_c_find(
            query, STUDY_ROOT_FIND, msg_id=talk.next_message_id()
        )
        for status, identifier in answers:
            if "Status" not in status:
                raise talk.lost(started)
            code = int(status.Status)
            if code == _SUCCESS:
                return [row for row in rows if _matches(row, match)]
            if code not in _PENDING:
                raise FindRefused(level, code, clean(status.get("ErrorComment", ""), 64))
            if identifier is None:
                raise talk.unavailable("answer", "it sent an answer that cannot be read")
            if len(rows) >= MAX_ROWS:
                raise talk.unavailable(
                    "answer", f"it gave more than {MAX_ROWS} answers to a question about one study"
                )
            rows.append(Row(identifier))
            started = time.monotonic()
        raise talk.lost(started)


def _matches(row: Row, match: dict[str, str]) -> bool:
    """Take only exact matches coming back, whatever the PACS took for a match.

    A unique key that comes back empty is kept out by the caller, who can say so; another
    attribute that is left out or emptied proves nothing either way.
    """
    for keyword, value in match.items():
        answered = row.text(keyword)
        if answered and answered != value:
            return False
    return True


def conversation_for_questions(pacs: Pacs) -> Conversation:
    """Give a conversation with what a PACS is queried at, not yet opened."""
    contexts = [build_context(STUDY_ROOT_FIND, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])]
    return Conversation(pacs, pacs.endpoint("query"), contexts)
