"""What real PACS do differently from what one would hope, each behind a switch.

A new quirk is one class in the module of its family, with the hooks of `pacs_quirk.Quirk`
that it needs, and one line in that module's `SWITCHES`.

References
----------
QUIRKS.md C1 to C6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydicom.dataset import Dataset

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox import (
    quirks_availability,
    quirks_finding,
    quirks_orders,
    quirks_storing,
    quirks_timing,
)
from pacs_bridge.sandbox.pacs_commitment import Commitment
from pacs_bridge.sandbox.pacs_query import Question
from pacs_bridge.sandbox.pacs_quirk import PENDING, Cut, Quirk, Row, Switch
from pacs_bridge.sandbox.pacs_store import Duplicates, Entry
from pacs_bridge.sandbox.quirks_timing import Stall

__all__ = ["FAMILIES", "NAMES", "SWITCHES", "Quirks", "Stall"]

FAMILIES: dict[str, tuple[Switch, ...]] = {
    "storing": quirks_storing.SWITCHES,
    "timing": quirks_timing.SWITCHES,
    "finding": quirks_finding.SWITCHES,
    "orders": quirks_orders.SWITCHES,
    "availability": quirks_availability.SWITCHES,
}
"""Every switch, by what it is about."""

SWITCHES = {switch.name: switch for family in FAMILIES.values() for switch in family}
"""Every switch by its name."""

NAMES = tuple(sorted(switch.usage for switch in SWITCHES.values()))
"""How each quirk is switched on."""


class Quirks(Quirk):
    """Several quirks as one.

    Parameters
    ----------
    switches : iterable of str
        ``name`` or ``name=value``, as in `NAMES`.

    Raises
    ------
    RefusedInput
        When there is no such quirk, or its value is none.
    """

    def __init__(self, switches: Iterable[str] = ()) -> None:
        self._all = [_make(switch) for switch in switches]
        every = [Quirk(), *self._all]
        self.index_seconds = max(each.index_seconds for each in every)
        self.kept = max((each.kept for each in every), key=lambda kept: kept.status)
        self.most_associations = min(each.most_associations for each in every)
        self.pending = max(each.pending for each in every)
        self.hidden_roots = frozenset[str]().union(*(each.hidden_roots for each in every))
        manners = [e.commitment for e in every if e.commitment is not Commitment.HONEST]
        self.commitment = manners[-1] if manners else Commitment.HONEST
        odd = [each.duplicates for each in every if each.duplicates is not Duplicates.KEEP]
        self.duplicates = odd[-1] if odd else Duplicates.KEEP
        assert self.pending >= PENDING

    def rejects(self) -> bool:
        """Reject what any of them rejects; all of them count."""
        return True in [each.rejects() for each in self._all]

    def syntaxes(self, sop_class: str, offered: list[str]) -> list[str]:
        """Accept what all of them accept."""
        for each in self._all:
            offered = each.syntaxes(sop_class, offered)
        return offered

    def on_store(self) -> None:
        """Refuse what any of them refuses."""
        for each in self._all:
            each.on_store()

    def admit(self, attributes: Row) -> None:
        """Refuse what any of them refuses."""
        for each in self._all:
            each.admit(attributes)

    def loses(self) -> bool:
        """Lose what any of them loses; all of them count."""
        return True in [each.loses() for each in self._all]

    def cuts_before_keeping(self) -> Cut:
        """Cut as any of them does; all of them count."""
        return max(each.cuts_before_keeping() for each in [Quirk(), *self._all])

    def cuts_before_answering(self) -> Cut:
        """Cut as any of them does; all of them count."""
        return max(each.cuts_before_answering() for each in [Quirk(), *self._all])

    def alter(self, file: Path) -> None:
        """Change by one after the other."""
        for each in self._all:
            each.alter(file)

    def amend(self, attributes: Row) -> Row:
        """Change by one after the other."""
        for each in self._all:
            attributes = each.amend(attributes)
        return attributes

    def on_find(self, question: Question) -> Question:
        """Refuse what any of them refuses; change by one after the other."""
        for each in self._all:
            question = each.on_find(question)
        return question

    def breaks_off(self) -> bool:
        """Break off when any of them does."""
        return True in [each.breaks_off() for each in self._all]

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Choose by one after the other."""
        for each in self._all:
            entries = each.shows(entries, question)
        return entries

    def answer(self, row: Row) -> Row:
        """Change by one after the other."""
        for each in self._all:
            row = each.answer(row)
        return row

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Choose by one after the other."""
        for each in self._all:
            rows = each.answers(rows)
        return rows

    def encoded(self, identifier: Dataset, question: Question) -> Dataset:
        """Change by one after the other."""
        for each in self._all:
            identifier = each.encoded(identifier, question)
        return identifier


def _make(switch: str) -> Quirk:
    name, has_value, value = switch.strip().partition("=")
    if name not in SWITCHES:
        raise RefusedInput(f"There is no such quirk; use one of {', '.join(NAMES)}.")
    return SWITCHES[name].on(value if has_value else None)
