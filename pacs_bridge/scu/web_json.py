"""DICOM JSON from a PACS, read without trusting any value's form.

References
----------
PS3.18 annex F.2 (DICOM JSON Model).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydicom.datadict import tag_for_keyword

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.scu.words import clean

_MOST_NUMBER = 1 << 31


class JsonRow:
    """One data set: values by keyword, each cleaned as it is read."""

    def __init__(self, elements: dict[str, Any]) -> None:
        self._elements = {key.upper(): value for key, value in elements.items()}

    def text(self, keyword: str) -> str:
        """Give an element's first value as clean text, empty when absent or of another form."""
        value = self._first(keyword)
        if isinstance(value, dict):  # PN
            value = value.get("Alphabetic")
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return _clean(value)
        return ""

    def uid(self, keyword: str) -> str:
        """Give a UID, empty when absent or none."""
        try:
            return parse_uid(self.text(keyword))
        except UnreadableObject:
            return ""

    def whole_number(self, keyword: str) -> int | None:
        """Give a number that is none below zero, None when absent or no such number."""
        text = self.text(keyword).removesuffix(".0")
        is_number = text.isascii() and text.isdigit() and len(text) < 11
        return int(text) if is_number and int(text) < _MOST_NUMBER else None

    def rows(self, keyword: str) -> list[JsonRow]:
        """Give the items of a sequence; what is no item is left out."""
        return [JsonRow(each) for each in self._values(keyword) if isinstance(each, dict)]

    def _first(self, keyword: str) -> Any:
        return next(iter(self._values(keyword)), None)

    def _values(self, keyword: str) -> Sequence[Any]:
        tag = tag_for_keyword(keyword)
        element = self._elements.get(f"{tag:08X}")
        values = element.get("Value") if isinstance(element, dict) else None
        return values if isinstance(values, list) else ()


def _clean(value: str | float) -> str:
    try:
        return clean(value, 64)
    except ValueError:  # an integer of thousands of digits
        return ""


def parse_json(content: bytes) -> list[JsonRow]:
    """Read one data set or a list of them; an empty body is none.

    Raises
    ------
    ValueError
        When it is neither.
    """
    if not content.strip():
        return []
    try:
        parsed = json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    found = parsed if isinstance(parsed, list) else [parsed]
    if not all(isinstance(each, dict) for each in found):
        raise ValueError("no data sets")
    return [JsonRow(each) for each in found]
