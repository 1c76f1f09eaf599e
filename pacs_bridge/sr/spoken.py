"""Which texts of a report are notes: what a person wrote about what they see now.

Many texts are none: the history, the request, the films before, a technique, a count. What a
well-known name says that it is, it is; a text of somebody's own name is a note only where all
of it is understood as one.

References
----------
PS3.16 TID 2000 and CID 7001 (headings); STANDARDS.md 4.10.
"""

from __future__ import annotations

import re

from pacs_bridge.sr import codes
from pacs_bridge.sr.notes import parse_note
from pacs_bridge.sr.site_words import SiteWords
from pacs_bridge.sr.tree import Node

_ABOUT_SOMETHING_ELSE = re.compile(
    r"AXILL|LYMPH|NODE|NIPPLE|SKIN|TRABEC|IMPLANT|PARENCHYM|TISSUE|DENSITY|PATTERN|TECHNI|QUALITY"
    r"|HISTOR|INDICATION|REASON|REQUEST|REFERR|PRIOR|PREVIOUS|COMPARISON|CLINICAL|ULTRASO|\bMRI?\b"
    r"|\bNUMBER\b|\bCOUNT\b|\bSLICE\b|\bFRAME\b|BI-?\s?RADS",
    re.IGNORECASE,
)
"""What a name of somebody's own speaks of, where its text is no note of a reader."""


def note_text(node: Node) -> str:
    """What a person wrote in a text item or in the meaning of a free-text code."""
    if node.value_type == "CODE":
        return "" if node.value_code is None else node.value_code.meaning
    return node.said()


def is_note(node: Node, words: SiteWords) -> bool:
    """Whether an item is something that a person wrote about what they saw.

    A text of an unknown name is one only where all of it is understood as a note; a digit
    alone may count anything there.
    """
    if node.value_type == "CODE":
        return node.value_code is not None and node.value_code.value in codes.FREE_TEXT_VALUES
    if node.value_type != "TEXT":
        return False
    if node.name in codes.NOTES or node.concept is None:
        return not _is_of_another_time(node)
    if node.relationship not in ("CONTAINS", "") or not _may_be_a_note(node):
        return False
    return _is_understood(node.said(), words) and not _is_of_another_time(node)


def _may_be_a_note(node: Node) -> bool:
    """Whether the name is somebody's own and speaks of nothing else."""
    value, scheme = node.name
    if scheme in codes.KNOWN_SCHEMES or not value:
        return False
    meaning = node.concept.meaning if node.concept is not None else ""
    return _ABOUT_SOMETHING_ELSE.search(meaning) is None


def _is_understood(said: str, words: SiteWords) -> bool:
    note = parse_note(said, words)
    if note.unparsed or (note.rating is None and note.decision is None):
        return False
    # Near a word that nobody understands a digit alone rates nothing, and a rating does.
    return note.decision is not None or parse_note(f"ZZQ the {said}", words).rating is not None


def _is_of_another_time(node: Node) -> bool:
    """Whether it stands under a heading such as history, request or previous findings."""
    return any(each.name in codes.OF_ANOTHER_TIME for each in node.ancestors())
