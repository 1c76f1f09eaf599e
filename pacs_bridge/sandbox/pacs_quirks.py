"""What real PACS do differently from what one would hope, each behind a switch.

A new quirk is one class here, with the hooks of `Quirk` that it needs, and one line in
`QUIRKS`.

References
----------
QUIRKS.md C1, C3 to C6.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox.pacs_store import Refused

Row = dict[str, str]
"""An answer to a query, or the attributes of an object: text by keyword."""

OUT_OF_RESOURCES, COERCED, CANNOT = 0xA700, 0xB000, 0xA900


class Quirk:
    """A PACS without quirks: every hook does nothing.

    Hooks are called from several threads.
    """

    index_seconds = 0.0
    """How long a stored object is not found."""

    store_status = 0x0000
    """The answer to a C-STORE that is kept."""

    def on_store(self) -> None:
        """Raise `Refused` to refuse a C-STORE."""

    def loses(self) -> bool:
        """Whether to answer Success to this image and forget it."""
        return False

    def amend(self, attributes: Row) -> Row:
        """Change what an object is found under."""
        return attributes

    def on_find(self, level: str) -> None:
        """Raise `Refused` to refuse a C-FIND."""

    def breaks_off(self) -> bool:
        """Whether to abort the association of this C-FIND."""
        return False

    def answer(self, row: Row) -> Row:
        """Change an answer to a C-FIND."""
        return row

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Choose among all answers to a C-FIND."""
        return rows


class _Counter:
    """Counts calls, from several threads."""

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), 0

    def next(self) -> int:
        with self._lock:
            self._count += 1
            return self._count


class RefuseImageLevel(Quirk):
    """Refuses every question at IMAGE level."""

    def on_find(self, level: str) -> None:
        """Refuse it as no identifier of this SOP class."""
        if level == "IMAGE":
            raise Refused(CANNOT, "IMAGE level queries are not supported.")


class NoCounts(Quirk):
    """Never says how many objects a study or series has."""

    def answer(self, row: Row) -> Row:
        """Leave the counts out."""
        return {k: v for k, v in row.items() if not k.startswith("NumberOf") or "Related" not in k}


class SlowIndex(Quirk):
    """Finds an object only some seconds after it was stored."""

    def __init__(self, seconds: float) -> None:
        self.index_seconds = seconds


class Drop(Quirk):
    """Loses every Nth image and says Success."""

    def __init__(self, every: float) -> None:
        self._every, self._images = max(1, int(every)), _Counter()

    def loses(self) -> bool:
        """Count images."""
        return self._images.next() % self._every == 0


class RefuseFirst(Quirk):
    """Refuses the first N objects for want of room."""

    def __init__(self, count: float) -> None:
        self._first, self._stores = int(count), _Counter()

    def on_store(self) -> None:
        """Count stores."""
        if self._stores.next() <= self._first:
            raise Refused(OUT_OF_RESOURCES, "Out of resources.")


class Stall(Quirk):
    """Falls silent once, for a while, after it has taken N objects."""

    seconds = 15.0

    def __init__(self, count: float) -> None:
        self._last, self._stores = int(count), _Counter()

    def on_store(self) -> None:
        """Count stores; keep the sender of one of them waiting."""
        if self._stores.next() == self._last + 1:
            threading.Event().wait(self.seconds)


class WarnCoercion(Quirk):
    """Keeps everything with the warning that it changed elements."""

    store_status = COERCED


class AbortFind(Quirk):
    """Aborts the first association on which something is asked."""

    def __init__(self) -> None:
        self._questions = _Counter()

    def breaks_off(self) -> bool:
        """Only the first time."""
        return self._questions.next() == 1


class RenameAccession(Quirk):
    """Gives every study an accession number of its own."""

    def amend(self, attributes: Row) -> Row:
        """Make it from the study's UID, so that all its objects have the same."""
        number = zlib.crc32(attributes["StudyInstanceUID"].encode())
        return {**attributes, "AccessionNumber": f"RVX{number:010d}"}


class Cap(Quirk):
    """Stops after N answers as if there were no more."""

    def __init__(self, most: float) -> None:
        self._most = int(most)

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Keep the first ones."""
        return islice(rows, self._most)


class Nearline(Quirk):
    """Has everything on tape."""

    def answer(self, row: Row) -> Row:
        """Say so where it is asked."""
        return {**row, "InstanceAvailability": "NEARLINE"} if "InstanceAvailability" in row else row


_PLAIN: dict[str, type[Quirk]] = {
    "refuse-image-level": RefuseImageLevel,
    "no-counts": NoCounts,
    "warn-coercion": WarnCoercion,
    "abort-find": AbortFind,
    "rename-accession": RenameAccession,
    "nearline": Nearline,
}
_WITH_NUMBER: dict[str, type[SlowIndex | Drop | RefuseFirst | Stall | Cap]] = {
    "slow-index": SlowIndex,
    "drop": Drop,
    "refuse-first": RefuseFirst,
    "stall": Stall,
    "cap": Cap,
}
NAMES = tuple(sorted([*_PLAIN, *(f"{name}=N" for name in _WITH_NUMBER)]))
"""How each quirk is switched on."""


class Quirks(Quirk):
    """Several quirks as one.

    Parameters
    ----------
    switches : iterable of str
        ``name`` or ``name=number``, from `NAMES`.

    Raises
    ------
    RefusedInput
        When there is no such quirk, or its number is none.
    """

    def __init__(self, switches: Iterable[str] = ()) -> None:
        self._all = [_make(switch) for switch in switches]
        self.index_seconds = max((each.index_seconds for each in self._all), default=0.0)
        self.store_status = max((each.store_status for each in self._all), default=0x0000)

    def on_store(self) -> None:
        """Refuse what any of them refuses."""
        for each in self._all:
            each.on_store()

    def loses(self) -> bool:
        """Lose what any of them loses; all of them count."""
        return True in [each.loses() for each in self._all]

    def amend(self, attributes: Row) -> Row:
        """Change by one after the other."""
        for each in self._all:
            attributes = each.amend(attributes)
        return attributes

    def on_find(self, level: str) -> None:
        """Refuse what any of them refuses."""
        for each in self._all:
            each.on_find(level)

    def breaks_off(self) -> bool:
        """Break off when any of them does."""
        return True in [each.breaks_off() for each in self._all]

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


def _make(switch: str) -> Quirk:
    name, _, number = switch.strip().partition("=")
    if name in _PLAIN and not number:
        return _PLAIN[name]()
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if name not in _WITH_NUMBER or not 0 <= value < 1e9:
        raise RefusedInput(f"There is no such quirk; use one of {', '.join(NAMES)}.")
    return _WITH_NUMBER[name](value)
