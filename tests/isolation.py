"""A PACS of which it is proven how it keeps readers apart: the statements that people leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.isolation import Statement, Step, fingerprint
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.pulling import MODALITIES, HeldMark, HeldMarks
from pacs_bridge.domain.retrieving import Arriving, Asked, Retrieved
from pacs_bridge.services.isolation_ask import ask_isolation
from pacs_bridge.services.mark_removal import Notes
from pacs_bridge.web.context import IsolationServices
from pacs_bridge.wiring.isolation import isolation_services

STEPS: dict[Isolation, tuple[tuple[Step, dict[str, Any]], ...]] = {
    Isolation.PRIVATE: (
        (Step.MARKED, {"reader": "R1", "objects": ["1.2.9"]}),
        (Step.LOOKED, {"first": "R1", "second": "R2", "workstation": "Room 1"}),
    ),
    Isolation.COPIES: ((Step.APART, {"reader": "R1", "objects": ["1.2.9"]}),),
    Isolation.SEQUENTIAL: (
        (Step.MARKED, {"reader": "R1", "objects": ["1.2.9"]}),
        (Step.CLEARED, {"objects": ["1.2.9"]}),
    ),
    Isolation.SHEET: (),
}


def proven(pacs: Pacs, at: datetime) -> list[Statement]:
    """The statements that prove what is registered of a PACS."""
    mode, mark = pacs.isolation, fingerprint(pacs)
    return [
        Statement(pacs.name, mode, step, mark, "PERFORMS121", at, body)
        for step, body in STEPS[mode]
    ]


def put_proven(
    uow: UnitOfWork, pacs: Pacs, at: datetime, mode: Isolation = Isolation.PRIVATE
) -> None:
    """Register a PACS in a mode, with the proof of it."""
    known = replace(pacs, isolation=mode)
    uow.pacs.put(known, at)
    for statement in proven(known, at):
        uow.isolation.add(statement)


def prove(begin: Callable[[], UnitOfWork], pacs: str, at: datetime) -> None:
    """Prove what is registered of a PACS, as it is now."""
    with begin() as uow:
        for statement in proven(uow.pacs.get(pacs), at):
            uow.isolation.add(statement)


class PacsModel:
    """What a PACS holds about cases, as whoever asks is shown it: finder and retriever.

    Parameters
    ----------
    hides : callable
        Whether it keeps an object from those who ask.
    silent : bool
        Whether it answers no question.
    """

    def __init__(self, hides: Callable[[HeldMark], bool] = lambda _: False) -> None:
        self.held: list[HeldMark] = []
        self.hides, self.silent = hides, False
        self.rejected: list[str] = []

    def find_marks(
        self, pacs: Pacs, cases: Sequence[Case], *, everything: bool = False
    ) -> Iterator[HeldMarks]:
        """List what lies in each case's studies."""
        del pacs
        for case in cases:
            if self.silent:
                yield HeldMarks(case.accession, (), ("The PACS did not answer.",))
                continue
            studies = {study.study_instance_uid for study in case.studies}
            yield HeldMarks(
                case.accession,
                tuple(
                    mark
                    for mark in self.held
                    if mark.study_instance_uid in studies
                    and not self.hides(mark)
                    and (everything or mark.modality in MODALITIES)
                ),
            )

    def get(self, pacs: Pacs, asked: Asked, open_sink: Any, **_: Any) -> Retrieved:
        """Give back what it shows under just these unique keys."""
        del pacs
        came = []
        for mark in self.held:
            here = (mark.study_instance_uid, mark.series_instance_uid)
            wanted = (asked.study_instance_uid, asked.series_instance_uid or here[1])
            named = mark.sop_instance_uid in (asked.sop_instance_uids or {mark.sop_instance_uid})
            if here != wanted or not named or self.hides(mark) or self.silent:
                continue
            arriving = Arriving(mark.sop_class_uid, mark.sop_instance_uid, "1.2.840.10008.1.2.1")
            sink = open_sink(arriving)
            sink.write(memoryview(b""))
            sink.finish()
            came.append(mark.sop_instance_uid)
        return Retrieved(0, arrived=tuple(came))

    def move(self, pacs: Pacs, asked: Asked, **_: Any) -> Retrieved:
        """Move nothing."""
        del pacs, asked
        return Retrieved(0xA801)

    def reject(self, pacs: Pacs, case: Case, marks: Sequence[HeldMark]) -> Notes:
        """Take away what a note rejects."""
        del pacs, case
        gone = {mark.sop_instance_uid for mark in marks}
        self.held = [mark for mark in self.held if mark.sop_instance_uid not in gone]
        self.rejected += sorted(gone)
        return Notes("taken")


def isolation_of(scheme: Any, pacs: PacsModel | None = None) -> IsolationServices:
    """What the pages call, over a scheme and a PACS that holds what the model says."""
    model = pacs or PacsModel()
    ask = partial(ask_isolation, begin=scheme.begin, finder=model, retriever=model, now=scheme.now)
    return isolation_services(begin=scheme.begin, now=scheme.now, ask=ask, reject=model.reject)
