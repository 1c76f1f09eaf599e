"""One search of QIDO-RS, page after page, and STUDY questions as the ladder asks them.

References
----------
PS3.18 section 10.6 (Search transaction), 8.3.4.1 (lists of UIDs, wildcards), 8.3.4.4 (limit,
offset), 10.6.3.3 (warnings).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pacs_bridge.scu.find import FindRefused, agrees
from pacs_bridge.scu.web_client import Answer, Conversation
from pacs_bridge.scu.web_json import JsonRow, parse_json

MOST_ROWS = 1_000
"""Answers that we take to one question; all of ours ask about one study, or one set of them."""

_PAGE = 200  # answers asked for at once
_MOST_PAGES = 64
_TOO_MUCH = (413, 429, 503)
_THERE_ARE_MORE = re.compile(r"\b299\b.*(additional|exceed|remain|more|maximum|truncat)", re.I)
"""Of the Warning header (PS3.18 8.3.4.4): 299 is said of other things, too."""


class Found(dict[str, JsonRow]):
    """Answers by their unique key.

    Attributes
    ----------
    is_cut : bool
        Whether the PACS said that it has more, and gave no more.
    """

    is_cut = False


class SearchRefused(FindRefused):
    """The PACS answered a search with a refusal: an answer, but not "no matches".

    Attributes
    ----------
    http : int
        The HTTP status; `status` is the one that C-FIND has for the like.
    """

    def __init__(self, what: str, http: int) -> None:
        self.http = http
        super().__init__(what, 0xA700 if http in _TOO_MUCH else 0xA900)
        self.args = (f"the PACS refused to search for {what} (HTTP {http})",)


class WebQuestions:
    """Asks for studies as `scu.find.Questions` does, for `scu.ladder.Ladder`.

    Attributes
    ----------
    patient_root : bool
        Never: QIDO-RS has no such thing.
    rows, with_charset : int
        None: JSON has one character set.
    last, longest : int
        Answers to the last question, and to the one that brought the most.
    """

    patient_root = False
    rows = with_charset = 0

    def __init__(self, talk: Conversation) -> None:
        self.talk = talk
        self.last = self.longest = 0

    def ask(self, level: str, match: dict[str, str], wanted: tuple[str, ...]) -> list[JsonRow]:
        """Search for studies and give all answers.

        Parameters
        ----------
        level : str
            ``STUDY``.
        match : dict of str to str
            As for a C-FIND: several UIDs separated by backslashes, or a beginning that ends in
            ``*``.

        Raises
        ------
        PeerUnavailable
            When the conversation broke off.
        SearchRefused
            When the PACS refuses such a search.
        """
        assert level == "STUDY"
        uids = match.get("StudyInstanceUID", "").split("\\")
        every: list[JsonRow] = []
        search(
            self.talk,
            "/studies",
            "studies",
            match,
            [each for each in wanted if each not in match],
            awaited=set(uids) if uids != [""] else None,
            every=every,
        )
        self.note(len(every))
        return every

    def note(self, rows: int) -> None:
        """Keep how many answers a question brought."""
        self.last, self.longest = rows, max(self.longest, rows)


def search(
    talk: Conversation,
    path: str,
    what: str,
    match: Mapping[str, str],
    wanted: Iterable[str] = (),
    *,
    key: str = "StudyInstanceUID",
    limit: int = _PAGE,
    awaited: set[str] | None = None,
    every: list[JsonRow] | None = None,
) -> Found:
    """Search, page after page, and give the answers by their unique key.

    Parameters
    ----------
    awaited : set of str, optional
        Keys that must be among the answers; once these and no others are there it is not
        asked further. Without, a page that brings nothing new is the end.
    every : list of JsonRow, optional
        Where every answer is put, those about the same thing too.

    Notes
    -----
    PACS cut answers off at a number of their own and do not always say so; so a page that is
    not full is no end where something is still awaited.
    """
    found, offset, keys = Found(), 0, tuple(wanted)
    less = [(keys, None), *([((), limit), ((), None)] if keys else [])]
    size: int | None = limit
    for _ in range(_MOST_PAGES):
        asked = {keyword: value.replace("\\", ",") for keyword, value in match.items()}
        query = [*asked.items(), *(("includefield", each) for each in keys)]
        query += [("limit", str(size))] if size else []
        query += [("offset", str(offset))] if offset else []
        headers = {"Accept": "application/dicom+json"}
        with talk.ask("GET", path, query=query, headers=headers) as answer:
            if answer.status == 400 and less and not offset:
                keys, size = less.pop(0)  # it does not bear what it does not know: ask for less
                continue
            rows = _rows(talk, answer, what, is_top=path == "/studies")
        if rows:
            found.is_cut = bool(_THERE_ARE_MORE.search(answer.warning))
        agreeing = [row for row in rows if _agrees(row, match)]
        fresh = {row.uid(key): row for row in agreeing if row.uid(key) not in found}
        fresh.pop("", None)
        if rows and not fresh and not found and not any(row.uid(key) for row in rows):
            talk.fail("answer", "its answers do not name what they are about")
        if every is not None and fresh:
            every += agreeing
        found |= fresh
        offset += len(rows)
        if len(found) > MOST_ROWS:
            talk.fail("answer", f"it gave more than {MOST_ROWS} answers to a question on one study")
        if not fresh or limit == 1:
            return found
        is_one = key in match and "\\" not in match[key]
        if is_one or (awaited is not None and awaited == found.keys()):
            return found
    return found


def _rows(talk: Conversation, answer: Answer, what: str, *, is_top: bool) -> list[JsonRow]:
    """Read one page; nothing but a good answer counts as one."""
    answer.refuse_strangers()
    if answer.status == 204:
        return []
    if is_top:
        answer.refuse_no_service()
    if answer.status != 200:
        raise SearchRefused(what, answer.status)
    if not answer.is_json:
        talk.fail("answer", "it answers in another form than the one asked for (JSON)")
    try:
        return parse_json(answer.body())
    except ValueError:
        talk.fail("answer", "it sent an answer that cannot be read")


def _agrees(row: JsonRow, match: Mapping[str, str]) -> bool:
    """Take only exact matches coming back; what is left out or emptied proves nothing."""
    return all(
        not (said := row.text(keyword)) or agrees(said, value) for keyword, value in match.items()
    )
