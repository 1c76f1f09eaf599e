"""Objects that name no reader, and what readers and administrators say of them.

Every saying is kept and none is changed; whose an object is follows from the sayings in their
order (`owner_of`). What nobody has claimed is nobody's.

References
----------
STANDARDS.md 1.5 and QUIRKS.md C8: held in a queue, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Saying(StrEnum):
    """What is said of one object."""

    CLAIM = "claim"
    """A reader says that it is theirs."""
    NOT_MINE = "not-mine"
    """A reader says that it is not theirs."""
    DISPUTE = "dispute"
    """Another reader says that what was claimed is theirs: it is nobody's until decided."""
    DECIDE = "decide"
    """An administrator says whose it is."""
    UNDO = "undo"
    """An administrator takes a claim back: the object waits again."""


@dataclass(frozen=True)
class Claim:
    """One saying of one object.

    Parameters
    ----------
    reader : str or None
        Whose it is said to be, or not to be; None for an undoing.
    statement : str
        What was agreed to, word for word.
    account_id : int or None
        Who said so; None from the command line.
    """

    object_uid: str
    saying: Saying
    reader: str | None
    statement: str
    at: datetime
    account_id: int | None = None
    because: str = ""


@dataclass(frozen=True)
class Waiting:
    """One object that waits for somebody to say whose it is.

    Parameters
    ----------
    accession : str
        The case that it is about, as the PACS has it (with its copy).
    station : str
        The workstation that it names; empty where it names none.
    said_at : str
        When it was made by its own clock, ISO 8601, without a zone where it gives none.
    claimable : bool
        Whether a reader may claim it; False where several people have their hands in it.
    """

    object_uid: str
    pacs: str
    set_name: str
    accession: str
    kind: str
    station: str
    said_at: str
    received_at: datetime
    reason: str = ""
    claimable: bool = True


@dataclass(frozen=True)
class Standing:
    """Whose an object is by what was said of it.

    Parameters
    ----------
    disputed : bool
        Whether two readers say that it is theirs, and nobody has decided.
    decided : bool
        Whether an administrator said so.
    """

    owner: str | None = None
    disputed: bool = False
    decided: bool = False


def owner_of(sayings: Iterable[Claim]) -> Standing:
    """Tell whose an object is, from all that was said of it, oldest first.

    The first claim counts. A dispute takes it from whoever has it, and from then on only an
    administrator gives it to anybody; an undoing lets everybody claim it again.
    """
    standing = Standing()
    for each in sayings:
        if each.saying is Saying.DECIDE:
            standing = Standing(each.reader, decided=True)
        elif each.saying is Saying.UNDO:
            standing = Standing()
        elif each.saying is Saying.CLAIM and standing == Standing():
            standing = Standing(each.reader)
        elif (
            each.saying is Saying.DISPUTE
            and not standing.decided
            and standing.owner not in (None, each.reader)
        ):
            standing = Standing(disputed=True)
    return standing
