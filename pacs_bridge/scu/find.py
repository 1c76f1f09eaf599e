"""C-FIND in the Study Root or Patient Root model, one question at a time, every status looked at.

References
----------
PS3.4 C.4.1 (statuses), C.6.1.1, C.6.2.1 (keys of both models); PS3.7 9.1.2. STANDARDS.md 5.1.
"""

from __future__ import annotations

from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.scu.association import EXPLICIT, IMPLICIT, associate
from pacs_bridge.scu.identifier import decode, encode
from pacs_bridge.scu.words import clean
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.requested import RequestedAssociation, status_of
from pacs_bridge.upper_layer.requestor import SecureCall

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
MAX_ROWS = 1_000
"""Answers that we take to one question; all of ours ask about one study, or one set of them."""

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

    @property
    def is_too_much(self) -> bool:
        """Whether it is out of resources (A7xx), or has more answers than it gives."""
        return self.status >> 8 == 0xA7


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

    def has(self, keyword: str) -> bool:
        """Whether an element came with a value."""
        return bool(self._raw(keyword))

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
    """Asks one PACS over one association.

    Attributes
    ----------
    patient_root : bool
        Whether questions are asked in the Patient Root model: every one names a patient ID.
    rows, with_charset : int
        Answers taken so far, and how many of them named their character set.
    last, longest : int
        Answers to the last question, and to the one that brought the most.
    """

    def __init__(self, association: RequestedAssociation) -> None:
        self._association = association
        accepted = association.accepted.items()
        # Study Root where it is offered at all (STANDARDS.md 5.1).
        (self._model, self._syntax), self._context_id = min(
            accepted, key=lambda each: each[0][0] != STUDY_ROOT_FIND
        )
        self.patient_root = self._model == PATIENT_ROOT_FIND
        self.rows = self.with_charset = self.last = self.longest = 0

    def ask(self, level: str, match: dict[str, str], wanted: tuple[str, ...]) -> list[Row]:
        """Ask one question and give all answers to it.

        Parameters
        ----------
        level : str
            ``STUDY``, ``SERIES`` or ``IMAGE``.
        match : dict of str to str
            Keyword and the value that must match: exact, several UIDs separated by
            backslashes, or a beginning that ends in ``*``.
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
        query = {
            "SpecificCharacterSet": "",  # some return theirs only when asked (QUIRKS.md C4)
            "QueryRetrieveLevel": level,
            **dict.fromkeys(wanted, ""),
            **match,
        }
        return [row for row in self._rows(level, query) if _matches(row, match)]

    def _rows(self, level: str, query: dict[str, str]) -> list[Row]:
        association, rows = self._association, list[Row]()
        answers = association.ask(
            Field.C_FIND,
            self._model,
            encode(query, self._syntax),
            context_id=self._context_id,
        )
        for answer, identifier in answers:
            status = status_of(answer)
            if status not in _PENDING:
                break
            if len(rows) >= MAX_ROWS:
                raise association.unavailable(
                    "answer",
                    f"it gave more than {MAX_ROWS} answers to a question about our studies",
                )
            found = decode(identifier, self._syntax)
            if found is None:
                raise association.unavailable("answer", "it sent an answer that cannot be read")
            rows.append(Row(found))
        if status != _SUCCESS:
            raise FindRefused(level, status, clean(answer.error_comment or "", 64))
        self.last, self.longest = len(rows), max(self.longest, len(rows))
        self.rows += len(rows)
        self.with_charset += sum(row.has("SpecificCharacterSet") for row in rows)
        return rows


def _matches(row: Row, match: dict[str, str]) -> bool:
    """Take only exact matches coming back, whatever the PACS took for a match.

    A unique key that comes back empty is kept out by the caller, who can say so; another
    attribute that is left out or emptied proves nothing either way.
    """
    for keyword, value in match.items():
        answered = row.text(keyword)
        if answered and not agrees(answered, value):
            return False
    return True


def agrees(answered: str, asked: str) -> bool:
    """Whether a value is one that was asked for: exact, of a list, or with that beginning."""
    if asked.endswith("*"):
        return answered.startswith(asked[:-1])
    return answered in asked.split("\\")


def associate_for_questions(pacs: Pacs, secure: SecureCall | None = None) -> RequestedAssociation:
    """Have an association with what a PACS is queried at.

    Raises
    ------
    PeerUnavailable
        Naming the phase.
    """
    offers = [(model, (EXPLICIT, IMPLICIT)) for model in (STUDY_ROOT_FIND, PATIENT_ROOT_FIND)]
    return associate(pacs, pacs.endpoint("query"), offers, secure)
