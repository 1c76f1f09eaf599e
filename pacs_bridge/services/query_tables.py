"""Columns of values that answer questions, each encoded once, and what finds rows in them.

References
----------
PS3.4 section C.2.2 (matching); PS3.5 section 7.1 (elements).
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from pacs_bridge.domain.matching import Condition
from pacs_bridge.domain.query import ATTRIBUTES

_LONG = frozenset(("OB", "OW", "SQ", "UN", "UT"))


def encode_element(tag: int, vr: str, text: str, *, explicit: bool) -> bytes:
    """Encode one element in little endian; text outside ASCII as UTF-8 (ISO_IR 192).

    References
    ----------
    PS3.5 section 7.1.
    """
    if vr == "US":
        raw = b"".join(struct.pack("<H", int(part)) for part in text.split("\\") if part)
    else:
        raw = text.encode()
        raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
    group, element = tag >> 16, tag & 0xFFFF
    if not explicit or vr in _LONG:
        middle = struct.pack("<2s2x", vr.encode()) if explicit else b""
        return struct.pack("<HH", group, element) + middle + struct.pack("<L", len(raw)) + raw
    if len(raw) > 0xFFFF:  # a list of UIDs: as UN it has room (PS3.5 6.2.2, note 6)
        head = struct.pack("<HH2s2xL", group, element, b"UN", len(raw))
        return head + raw
    return struct.pack("<HH2sH", group, element, vr.encode(), len(raw)) + raw


class Table:
    """One level of one set: a column an attribute, of this level or one above.

    Parameters
    ----------
    up : sequence of int
        For each row, its row in the table above.
    """

    def __init__(
        self,
        columns: dict[int, list[str]],
        above: Table | None = None,
        up: Sequence[int] = (),
    ) -> None:
        self._columns, self._above, self._up = columns, above, up
        self.size = len(next(iter(columns.values()), ()))
        self._encoded: dict[tuple[int, bool], list[bytes]] = {}
        self._rows: dict[int, dict[str, list[int]]] = {}
        self._ordered: dict[int, tuple[list[str], list[int]]] = {}
        self._ascii: dict[int, bool] = {}

    def values(self, tag: int) -> list[str]:
        """The values of an attribute, row by row."""
        column = self._columns.get(tag)
        if column is None:
            column = self._columns[tag] = self._make_values(tag)
        return column

    def encoded(self, tag: int, *, explicit: bool) -> list[bytes]:
        """The same, each an encoded element."""
        column = self._encoded.get((tag, explicit))
        if column is None:
            column = self._encoded[tag, explicit] = self._make_encoded(tag, explicit)
        return column

    def _make_values(self, tag: int) -> list[str]:
        if self._above is None:
            raise KeyError(tag)
        over = self._above.values(tag)
        return [over[row] for row in self._up]

    def _make_encoded(self, tag: int, explicit: bool) -> list[bytes]:
        vr = ATTRIBUTES[tag].vr
        return [encode_element(tag, vr, v, explicit=explicit) for v in self.values(tag)]

    def is_ascii(self, tag: int) -> bool:
        """Whether no value needs another character set than the default one."""
        plain = self._ascii.get(tag)
        if plain is None:
            plain = self._ascii[tag] = all(map(str.isascii, self.values(tag)))
        return plain

    def matching(self, conditions: Iterable[Condition]) -> Sequence[int]:
        """List the rows that fulfil all conditions, in their order."""
        rows: Sequence[int] | None = None
        for condition in conditions:
            column = self.values(condition.tag)
            if rows is None:
                rows = self._first(condition, column)
            else:
                test = condition.test
                rows = [row for row in rows if test(column[row])]
            if not rows:
                return ()
        return range(self.size) if rows is None else rows

    def _first(self, condition: Condition, column: list[str]) -> Sequence[int]:
        test = condition.test
        if condition.exact is None and condition.span is not None:
            values, order = self._in_order(condition.tag, column)
            low, high = condition.span
            found = order[bisect_left(values, low) : bisect_right(values, high)]
            return sorted(row for row in found if test(column[row]))
        if condition.exact is None:
            return [row for row, value in enumerate(column) if test(value)]
        by_value = self._rows.get(condition.tag)
        if by_value is None:
            by_value = {}
            for row, value in enumerate(column):
                by_value.setdefault(value, []).append(row)
            self._rows[condition.tag] = by_value
        found = [row for value in condition.exact for row in by_value.get(value, ())]
        return sorted(found) if len(condition.exact) > 1 else found

    def _in_order(self, tag: int, column: list[str]) -> tuple[list[str], list[int]]:
        """The values in the order of their characters, and the row of each."""
        ordered = self._ordered.get(tag)
        if ordered is None:
            order = sorted(range(self.size), key=column.__getitem__)
            ordered = self._ordered[tag] = ([column[row] for row in order], order)
        return ordered


class JoinedTable(Table):
    """The same level of many sets, one after another: looked through once, not set by set.

    Parameters
    ----------
    parts : sequence of Table
        Their columns are made once for all who see them, and joined when first asked for.
    """

    def __init__(self, parts: Sequence[Table]) -> None:
        super().__init__({})
        self._parts = parts
        self.size = sum(part.size for part in parts)

    def _make_values(self, tag: int) -> list[str]:
        return [value for part in self._parts for value in part.values(tag)]

    def _make_encoded(self, tag: int, explicit: bool) -> list[bytes]:
        return [each for part in self._parts for each in part.encoded(tag, explicit=explicit)]
