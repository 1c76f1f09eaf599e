"""What C-GET and C-MOVE have in common: the question, the answers, how they are counted.

References
----------
PS3.4 C.4.2.1, C.4.3.1 (identifiers, responses), C.6.1.1 (Patient Root), C.6.2.1 (Study Root).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from pydicom.datadict import tag_for_keyword

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.retrieving import Asked, Limits, Progress, Retrieved
from pacs_bridge.scu.association import EXPLICIT, IMPLICIT
from pacs_bridge.scu.identifier import decode, encode
from pacs_bridge.scu.words import clean
from pacs_bridge.upper_layer.command import Command, Field
from pacs_bridge.upper_layer.requested import RequestedAssociation, status_of
from pacs_bridge.upper_layer.taking import OpenStore

_FAILED_LIST = tag_for_keyword("FailedSOPInstanceUIDList")
_MOST_FAILED = 20_000  # UIDs of such a list that we look at


@dataclass(frozen=True)
class Models:
    """The two forms of one service: by study, and by patient and study."""

    study_root: str
    patient_root: str

    def offers(self, asked: Asked) -> list[tuple[str, tuple[str, ...]]]:
        """Give the presentation contexts to offer: both, where the patient is known."""
        models = (self.study_root, *((self.patient_root,) if asked.patient_id else ()))
        return [(model, (EXPLICIT, IMPLICIT)) for model in models]

    def choose(self, association: RequestedAssociation) -> tuple[str, str, int] | None:
        """Give model, transfer syntax and context of the question; None where it offers neither.

        Study Root where it is offered at all (STANDARDS.md 5.1).
        """
        for model in (self.study_root, self.patient_root):
            for (uid, syntax), context_id in association.accepted.items():
                if uid == model:
                    return model, syntax, context_id
        return None

    def identifier_of(self, asked: Asked, model: str, transfer_syntax: str) -> bytes:
        """Encode what is asked for, as this model wants it."""
        return identifier_of(asked, transfer_syntax, by_patient=model == self.patient_root)


def identifier_of(asked: Asked, transfer_syntax: str, *, by_patient: bool = False) -> bytes:
    """Encode what is asked for; only unique keys stand in it."""
    keys = {"QueryRetrieveLevel": asked.level, "StudyInstanceUID": asked.study_instance_uid}
    if by_patient:
        keys["PatientID"] = asked.patient_id
    if asked.series_instance_uid:
        keys["SeriesInstanceUID"] = asked.series_instance_uid
    if asked.sop_instance_uids:
        keys["SOPInstanceUID"] = "\\".join(asked.sop_instance_uids)
    return encode(keys, transfer_syntax)


def refuses_level(status: int, *, unable: bool) -> bool:
    """Whether a PACS says that it cannot answer such a question, not that it failed at it.

    0122 (SOP class not supported), A9xx (identifier does not match it), as in C-FIND; a C-GET or
    C-MOVE that cannot calculate the matches says A701.

    Parameters
    ----------
    unable : bool
        Whether Cxxx (unable to process) says so, too: some say that after they have sent things.
    """
    is_unable = unable and status >> 12 == 0xC
    return status in (0x0122, 0xA701) or status >> 8 == 0xA9 or is_unable


def has_sent(counted: Progress) -> bool:
    """Whether a PACS says that it has sent anything, or tried to."""
    return any((counted.completed, counted.failed, counted.warning))


@dataclass(frozen=True)
class Followed:
    """What the PACS says at the end."""

    status: int
    comment: str
    counted: Progress
    failed: tuple[str, ...]

    def retrieved(self) -> Retrieved:
        """Give the same for a retrieval of which nothing arrives here."""
        return Retrieved(self.status, self.comment, self.counted, self.failed)


@dataclass(frozen=True)
class Request:
    """One C-GET or C-MOVE on its way: how it is asked, and who hears of it.

    Parameters
    ----------
    destination : str or None
        AE title of a C-MOVE.
    open_store : callable or None
        Takes each object of a C-GET.
    progress : callable
        Told each time the PACS says how far it has come.
    cancelled : callable
        Asked twice a second; once it is true a C-CANCEL goes out.
    """

    field: Field
    models: Models
    limits: Limits
    progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    destination: str | None = None
    open_store: OpenStore | None = None

    def ask(
        self, association: RequestedAssociation, chosen: tuple[str, str, int], asked: Asked
    ) -> Followed:
        """Ask in the model, transfer syntax and context that were chosen, and hear all answers.

        Raises
        ------
        PeerUnavailable
            When the conversation breaks off, or the last answer does not come in time.
        """
        model, syntax, context_id = chosen
        answers = association.retrieve(
            self.field,
            model,
            self.models.identifier_of(asked, model, syntax),
            context_id=context_id,
            destination=self.destination,
            open_store=self.open_store,
            cancelled=self.cancelled,
        )
        with closing(answers):
            return _follow(association, answers, syntax, limits=self.limits, progress=self.progress)


def _follow(
    association: RequestedAssociation,
    answers: Iterator[tuple[Command, bytes]],
    transfer_syntax: str,
    *,
    limits: Limits,
    progress: Callable[[Progress], None],
) -> Followed:
    """Read answers to the last one.

    Counts of the last are completed by those before it: a PACS need not repeat them.

    Raises
    ------
    PeerUnavailable
        When the conversation breaks off, or the last answer does not come in time.
    """
    until = time.monotonic() + limits.seconds
    counted = Progress()
    for answer, identifier in answers:
        counted = _merged(counted, answer)
        if status_of(answer) >> 8 == 0xFF:
            if time.monotonic() > until:
                detail = f"it came to no end within {limits.seconds:.0f} s"
                raise association.unavailable("answer", detail)
            progress(counted)
            continue
        comment = clean(answer.error_comment or "", 64)
        failed = _failed(identifier, transfer_syntax)
        return Followed(status_of(answer), comment, counted, failed)
    raise association.unavailable("answer", "it gave no last answer")


def _merged(before: Progress, answer: Command) -> Progress:
    def last(said: int | None, known: int | None) -> int | None:
        return known if said is None else said

    return Progress(
        answer.remaining,
        last(answer.completed, before.completed),
        last(answer.failed, before.failed),
        last(answer.warning, before.warning),
    )


def _failed(identifier: bytes, transfer_syntax: str) -> tuple[str, ...]:
    """Read the Failed SOP Instance UID List (0008,0058); what is no UID is left out."""
    found = decode(identifier, transfer_syntax)
    if found is None or _FAILED_LIST is None or _FAILED_LIST not in found:
        return ()
    value = found.get_item(_FAILED_LIST).value
    if not isinstance(value, bytes):
        return ()
    uids = []
    for part in value.decode("ascii", "replace").split("\\")[:_MOST_FAILED]:
        try:
            uids.append(str(parse_uid(part.strip("\0 "))))
        except UnreadableObject:
            continue
    return tuple(uids)
