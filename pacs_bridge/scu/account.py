"""Whether all that a study holds was seen, so that nothing of somebody else's can stand hidden.

A PACS that cuts its answers off does not say so (PS3.4 C.4.1 has no status for it). What it
names is all there is where a list is shorter than another that it gave, or where its counts
agree with what was seen; else something may be kept from us.

References
----------
PS3.4 C.6.2; QUIRKS.md C4; DESIGN.md 5: conflict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pacs_bridge.domain.found import Unseen


@dataclass
class Limits:
    """How long the answers of a PACS get, by what a sweep has seen.

    Attributes
    ----------
    longest : int
        Answers to the question that brought the most.
    remembered : int
        Answers that an earlier sweep has had to one question, which were cut off after them; 0
        where none was. It holds until this sweep sees an answer cut off sooner, or a longer one.
    hoped : int
        Answers that a question about all cases at once would bring of a PACS that bears it.
    """

    longest: int = 0
    remembered: int = 0
    hoped: int = 0
    _cuts: set[int] = field(default_factory=set)
    _shorts: set[int] = field(default_factory=set)

    def note(self, rows: int) -> None:
        """Keep how many answers a question brought."""
        self.longest = max(self.longest, rows)

    def note_cut(self, rows: int | None) -> None:
        """Keep that a question brought so many answers and should have brought more."""
        if rows:
            self._cuts.add(rows)

    def note_short(self, rows: int) -> None:
        """Keep that a question brought so many answers and was hoped to bring more."""
        if rows:
            self._shorts.add(rows)

    @property
    def cut_at(self) -> int | None:
        """The number of answers after which it stops, or may; None where nothing shows one.

        Of lists that were short for another reason, a longer one tells.
        """
        return min(self._real(self._cuts | self._shorts), default=None)

    @property
    def surely_cut_at(self) -> int | None:
        """The number of answers after which it stops; None where nothing proves one."""
        return min(self._real(self._cuts), default=None)

    def is_whole(self, rows: int | None) -> bool:
        """Whether a list of so many answers was not cut off: a longer one was given."""
        given = self.longest if self._is_forgotten else max(self.longest, self.remembered)
        return rows is not None and rows < given

    @property
    def _is_forgotten(self) -> bool:
        return any(each < self.remembered for each in self._real(self._cuts | self._shorts))

    def _real(self, cuts: set[int]) -> list[int]:
        found = cuts | ({self.remembered} if self.remembered else set())
        return [each for each in found if each >= self.longest]


@dataclass
class _Series:
    """One series: what was seen of it, how long its list was, what the PACS counts in it.

    `cut_after`: answers that it gives at most, where it said itself that its list has more.
    """

    seen: set[str] = field(default_factory=set)
    rows: int | None = None
    cut_after: int | None = None
    counted: int | None = None
    has_images: bool = True
    modality: str = ""

    @property
    def objects(self) -> int:
        return len(self.seen) if self.has_images else max(1, self.counted or 0)


class Account:
    """What was seen of one study.

    Parameters
    ----------
    counted : int
        Objects in the study by the PACS's own count; 0 where it does not say.
    """

    def __init__(self, limits: Limits, counted: int) -> None:
        self._limits, self._counted = limits, counted
        self._series: dict[str, _Series] = {}
        self._series_rows: int | None = None
        self._is_refused = False
        self.nameless = 0
        """Objects that are not ours and of which it is not known what they are."""

    def list_images(
        self, series: str, images: Iterable[str], rows: int | None, *, cut_after: int | None = None
    ) -> None:
        """Keep the images that a list of one series named.

        Parameters
        ----------
        rows : int or None
            Answers; None where it was refused as too long, or said to be not all.
        cut_after : int, optional
            Answers that the PACS gives at most, where it was.
        """
        line = self._series.setdefault(series, _Series())
        line.seen |= set(images)
        line.rows, line.cut_after = rows, cut_after

    def find_image(self, series: str, image: str) -> None:
        """Keep an image that was found by its own UID and stood in no list."""
        line = self._series.setdefault(series, _Series())
        line.seen.add(image)
        self._limits.note_cut(line.rows)

    def list_series(self, series: Iterable[str], rows: int) -> None:
        """Keep which series a list of the study named."""
        self._series_rows = rows
        known = {uid for uid, line in self._series.items() if line.seen}
        if known - set(series):
            self._limits.note_cut(rows)

    def refuse_series(self) -> None:
        """Keep that its series are not listed."""
        self._is_refused = True

    def count_series(
        self, series: str, counted: int | None, *, has_images: bool, modality: str = ""
    ) -> None:
        """Keep what the PACS counts in a series; 0 is "not said"."""
        line = self._series.setdefault(series, _Series())
        line.counted, line.has_images = counted or line.counted, has_images
        line.modality = modality or line.modality

    @property
    def is_cut(self) -> bool:
        """Whether a list of images was refused as too long."""
        return any(line.rows is None for line in self._series.values() if line.has_images)

    @property
    def seen(self) -> int:
        """Objects that were seen, or counted where no image can be among them."""
        return sum(line.objects for line in self._series.values())

    @property
    def others(self) -> dict[str, int]:
        """Objects in series that can hold no image, by Modality."""
        found: dict[str, int] = {}
        for line in self._series.values():
            if not line.has_images:
                found[line.modality] = found.get(line.modality, 0) + line.objects
        return found

    @property
    def is_listed(self) -> bool:
        """Whether every list was shorter than another: none was cut off."""
        return self._limits.is_whole(self._series_rows) and self.are_images_listed

    @property
    def are_images_listed(self) -> bool:
        """Whether no list of images was cut off."""
        return all(
            self._limits.is_whole(line.rows) for line in self._series.values() if line.has_images
        )

    @property
    def adds_up(self) -> bool:
        """Whether the PACS counts just what was seen, in the study and in each series."""
        each = all(line.counted in (None, line.objects) for line in self._series.values())
        return self._counted == self.seen and each

    @property
    def _is_count_wrong(self) -> bool:
        """Whether its counts are shown to be wrong by lists that were not cut off."""
        return self._counted < self.seen or any(
            line.has_images
            and self._limits.is_whole(line.rows)
            and line.counted not in (None, len(line.seen))
            for line in self._series.values()
        )

    def unseen(self) -> Unseen | None:
        """Say what speaks for something that was not seen; None where all was."""
        if self.nameless:
            return Unseen(self.seen, nameless=self.nameless)
        if self.is_listed or self.adds_up:
            return None
        counted = 0 if self._is_count_wrong else self._counted
        said = [line.cut_after for line in self._series.values() if line.cut_after]
        limit = self._limits.cut_at or min(said, default=1 if self._limits.longest < 2 else None)
        by = self._in_series(counted)
        if self._is_refused:
            return Unseen(
                self.seen, counted or None, self._limits.cut_at, is_refused=True, in_series=by
            )
        if limit is None and not counted and self._limits.hoped > self._limits.longest:
            return Unseen(self.seen, shows_nothing=True)
        if limit is None and counted <= self.seen:
            return None
        return Unseen(self.seen, counted or None, limit, in_series=by)

    def _in_series(self, counted: int) -> int | None:
        """Give what the PACS counts in all series, where that is not what it counts in the study.

        Series that it does not count have what was seen of them.
        """
        if counted != self.seen:
            return None
        in_all = sum(line.counted or line.objects for line in self._series.values())
        return None if in_all == counted else in_all
