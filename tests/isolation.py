"""A PACS of which it is proven how it keeps readers apart: the statements that people leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.isolation import Statement, Step, fingerprint
from pacs_bridge.domain.pacs import Isolation, Pacs

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
