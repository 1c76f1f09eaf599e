"""Readings folded out of what is kept: objects, answers, and when the round ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.answers import GivenAnswer
from pacs_bridge.domain.folding import Folded, fold
from pacs_bridge.domain.identifiers import PERFORMS, CaseName
from pacs_bridge.domain.objects import ReadingState
from pacs_bridge.domain.revision import History, Save, in_order, unite


@dataclass(frozen=True)
class StandingReading:
    """A reading as it stands: folded, with the objects that came, and those that came late."""

    folded: Folded
    saves: tuple[Save, ...]
    late: tuple[Save, ...]
    answers: tuple[GivenAnswer, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands that its reader saved in time, or said here."""
        return not self.answers and len(self.saves) == len(self.late)

    def was_emptied(self, state: ReadingState) -> bool:
        """Whether all that was scored of it was taken away since."""
        return self.is_empty and state.revision > 0 and state.kind != "practice"


def fold_reading(uow: UnitOfWork, reading_uid: str, set_name: str, reader: str) -> StandingReading:
    """Fold one reading; see `fold_readings`."""
    return fold_readings(uow, [reading_uid], set_name, reader)[reading_uid]


def fold_readings(
    uow: UnitOfWork, reading_uids: Sequence[str], set_name: str, reader: str
) -> dict[str, StandingReading]:
    """Fold a reader's readings of one set; what came after the end is kept apart."""
    saves = uow.marks.saves_of(reading_uids)
    answers = uow.answers.of_readings(reading_uids)
    end = end_of(uow, set_name, reader)
    names = {save.pacs for each in saves.values() for save in each if save.pacs}
    whole = {name: uow.profiles.get(name).saves_whole for name in names}
    found = {}
    for uid in reading_uids:
        ends = None if _is_practice(uid, reader) else end
        mine = [
            replace(save, whole=whole.get(save.pacs), rejected=_is_rejected(uow, save, ends))
            for save in saves.get(uid, ())
        ]
        late = [save for save in mine if ends is not None and save.received_at >= ends]
        in_time = [save for save in mine if save not in late]
        given = tuple(answers.get(uid, ()))
        found[uid] = StandingReading(fold(in_time, given), tuple(mine), tuple(late), given)
    return found


def _is_rejected(uow: UnitOfWork, save: Save, ends: datetime | None) -> bool:
    """Whether its PACS took a save out of use; what it says after the end changes nothing."""
    if not save.rejected or ends is None:
        return save.rejected
    said_at = uow.rejections.came_at(save.note)
    return said_at is None or said_at < ends


def _is_practice(reading_uid: str, reader: str) -> bool:
    case = CaseName.parse(reading_uid.removesuffix(f"-{reader}"))
    return PERFORMS.kind_of(case.number) == "practice"


def set_resave(uow: UnitOfWork, pacs: str, *, whole: bool, moment: datetime) -> None:
    """Keep whether a PACS saves anew all that is drawn, and look at what waits there again."""
    profile = uow.profiles.get(pacs)
    if profile.saves_whole is whole:
        return
    uow.profiles.put(pacs, replace(profile, saves_whole=whole), moment)
    for state in uow.readings.open_ones():
        if state.pacs == pacs:
            key = f"close-{state.reading_uid}-resave-{moment:%Y%m%dT%H%M%S%f}"
            uow.enqueue("close", state.reading_uid, key=key)


def learn_resave(
    uow: UnitOfWork, reading_uid: str, set_name: str, reader: str, moment: datetime
) -> None:
    """Learn from a practice reading whether its PACS saves anew all that is drawn.

    One save that repeats a mark of an earlier one shows that it does. That it does not is
    never learned so: a mark that was moved looks like a new one.
    """
    saves = in_order(fold_reading(uow, reading_uid, set_name, reader).saves)
    for pacs in {save.pacs for save in saves if save.whole is None and save.pacs}:
        mine = [save for save in saves if save.pacs == pacs]
        if History(mine, unite(mine)).saves_anew:
            set_resave(uow, pacs, whole=True, moment=moment)
            uow.events.add(moment, "resave-learned", pacs, reading=reading_uid)


def end_of(uow: UnitOfWork, set_name: str, reader: str) -> datetime | None:
    """When a reader's round ends: with the round, or later where the reader has longer."""
    round_ = uow.rounds.find(set_name)
    if round_ is None:
        return None
    enrolment = uow.enrolments.find(set_name, reader)
    longer = None if enrolment is None else enrolment.extended_to
    return max(round_.closes_at, longer) if longer else round_.closes_at


def reading_uid_of(master: str, reader: str) -> str:
    """Name a reader's reading of a case: the same for every object and revision of it."""
    return f"{CaseName.parse(master)}-{reader}"
