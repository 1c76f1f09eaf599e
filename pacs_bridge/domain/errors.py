"""What can go wrong, named by what the caller does next.

Two branches: `RetryLater`, where the same call may succeed later, and `GiveUp`, where
repeating changes nothing and a person is needed. Every message is one sentence that says
what to do, in words a PACS contact understands.
"""

from __future__ import annotations


class PacsBridgeError(Exception):
    """The family of everything we raise on purpose."""


class RetryLater(PacsBridgeError):
    """The same call may succeed later; the worker backs off and repeats it."""


class GiveUp(PacsBridgeError):
    """Repeating changes nothing; the item is parked for a person, or the command refused."""


class PeerUnavailable(RetryLater):
    """A PACS could not be asked, or its conversation broke off.

    Parameters
    ----------
    peer : str
        Name of the PACS, as registered.
    phase : str
        Where it failed: name, connect, TLS, association, command, data or answer.
    detail : str
        What was seen, without anything from a patient.
    """

    def __init__(self, peer: str = "the PACS", phase: str = "answer", detail: str = "") -> None:
        self.peer, self.phase, self.detail = peer, phase, detail
        tail = f": {detail}" if detail else ""
        super().__init__(f"{peer} could not be reached (failed at: {phase}){tail}.")


class PeerBusy(PeerUnavailable):
    """A PACS rejected an association for the moment only: it has too many, or is overloaded."""


class StorageFull(RetryLater):
    """Bytes could not be made safe on disk."""


class StoreBusy(RetryLater):
    """The database or archive did not take the change in time."""


class Crowded(RetryLater):
    """More is arriving at the same time than there is memory for."""


class Interrupted(RetryLater):
    """We were told to stop in the middle of it; the next start goes on."""


class ScorerUnavailable(RetryLater):
    """The scoring service gave no receipt that counts."""


class MailUnavailable(RetryLater):
    """The mail server did not take a message."""


class PausedPeer(RetryLater):
    """A PACS from which nothing is taken until a person has looked."""


class UnreadableObject(GiveUp):
    """An object breaks the structure of DICOM so that it cannot be read back."""


class AlienObject(GiveUp):
    """An object names no case of ours; its data set is discarded unread."""


class ConflictingObject(GiveUp):
    """A SOP Instance UID that we hold came again with other content."""


class UnsupportedObject(GiveUp):
    """An object of a kind that the node does not take."""


class OversizedObject(GiveUp):
    """An object larger than the node takes."""


class MismatchedObject(GiveUp):
    """What the C-STORE command says of an object is not what its data set says."""


class ScorerRefused(GiveUp):
    """The scoring service will never take this reading."""


class RefusedInput(GiveUp):
    """A file, folder or option cannot be used.

    Parameters
    ----------
    message : str
        The one-sentence summary.
    reasons : tuple of (str, str)
        For each refused file (its name) the reason.
    """

    def __init__(self, message: str, reasons: tuple[tuple[str, str], ...] = ()) -> None:
        self.reasons = reasons
        super().__init__(message)


class NotFound(GiveUp):
    """Something named by a person does not exist here."""


class BadSignature(GiveUp):
    """A passport or message was not signed by the key it should be."""
