"""Typed text made plain, and eaten bit by bit by the patterns of the note grammar."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from re import Pattern

from pacs_bridge.sr import lexicon
from pacs_bridge.sr.site_words import SiteWords

LONGEST_NOTE = 1000
"""Characters of a text that are parsed; more is no note."""

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
_QUOTES = dict.fromkeys(map(ord, "’‘ʼ´`′"), "'")
_PLAIN = {**_DASHES, **_QUOTES, 0x2044: "/", ord("_"): " "}
# What is on no screen: soft hyphens, joiners, marks of direction and of byte order.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

_SMALL = re.compile("(?<=\\w)(?=[¼-¾⅐-⅞²³¹⁰-⁹])")
_ENDS = re.compile("[\r\n\t\v\f\x85\u2028\u2029]+")
_SLASH = re.compile(r"(?<=\w)/(?=[A-Z])|(?<=[A-Z])/(?=\w)")


def normalise(text: str) -> str:
    """Capitals; full-width forms, dashes, quotes and line ends made plain (Unicode NFKC)."""
    plain = text[:LONGEST_NOTE]
    if plain.isascii():
        plain = plain.upper().translate(_PLAIN)
    else:
        seen = _UNSEEN.sub("", plain).translate(_QUOTES)
        # A fraction or an exponent is no digit of the number before it.
        apart = _SMALL.sub("/", seen)
        plain = unicodedata.normalize("NFKC", apart).upper().translate(_PLAIN)
    plain = _SLASH.sub(" / ", plain.replace("W/O", "WITHOUT"))
    return _ENDS.sub(" ; ", plain).strip(" ;")


class Text:
    """A text being eaten: what a pattern took becomes blanks, so that places stay."""

    def __init__(self, text: str) -> None:
        self.left = text

    def take(
        self, pattern: Pattern[str], unless: Callable[[re.Match[str]], bool] | None = None
    ) -> list[re.Match[str]]:
        """Every match, taken out of the text, but for those that are left in it."""
        if pattern.search(self.left) is None:  # as of most patterns, in a short text
            return []
        found = [each for each in pattern.finditer(self.left) if not (unless and unless(each))]
        for match in found:
            self.left = (
                self.left[: match.start()]
                + " " * (match.end() - match.start())
                + self.left[match.end() :]
            )
        return found


def letters_told(plain: str, words: SiteWords) -> tuple[str, list[str]]:
    """Write out what ``R4`` and ``L4`` mean at the site; where it does not say, take them out."""
    conflicts: list[str] = []

    def told(match: re.Match[str]) -> str:
        means = words.letters.get(match[1], "ask")
        if means == "ask":
            conflicts.append("side-or-scale")
            return " "
        return f"{match[1]} M{match[2]} " if means == "side" else f"M{match[2]} "

    return lexicon.LETTER_AND_DIGIT.sub(told, plain), conflicts
