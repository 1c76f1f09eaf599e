"""C-GET towards a PACS: objects come back over the association that asks for them.

What arrives is believed, not what is said of it: an object counts when the sink has kept it.
One that was not asked for is refused, and a PACS that sends too much is cut off.

References
----------
PS3.4 C.4.3 (C-GET), table C.4-3 (statuses), C.5.3 (role selection); table B.2-1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.retrieving import (
    LIMITS,
    Arriving,
    Asked,
    Kind,
    Limits,
    ObjectSink,
    Progress,
    Retrieved,
    never,
    tell_nobody,
)
from pacs_bridge.scu.association import associate
from pacs_bridge.scu.retrieval import Models, Request, refuses_level
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.requested import RequestedAssociation
from pacs_bridge.upper_layer.requestor import ContextsRefused, SecureCall

STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
_MODELS = Models(STUDY_ROOT_GET, PATIENT_ROOT_GET)

NOT_ASKED_FOR, TOO_LARGE, UNREADABLE = 0x0124, 0xA700, 0xC000
_MOST_KINDS = 126  # contexts, beside the two that ask (PS3.8 9.3.2.2)

OpenSink = Callable[[Arriving], ObjectSink]


def get(
    pacs: Pacs,
    asked: Asked,
    open_sink: OpenSink,
    *,
    kinds: Sequence[Kind],
    secure: SecureCall | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[Progress], None] = tell_nobody,
    cancelled: Callable[[], bool] = never,
) -> Retrieved:
    """Have a PACS send objects over the association that asks for them.

    It is asked in the Study Root model, else in Patient Root, and where it refuses to send single
    objects, for their whole series; then what else that holds is refused as it comes.

    Parameters
    ----------
    open_sink : callable
        Gives what takes an object, as it begins to arrive. Neither it nor a sink may raise.
    kinds : sequence of (str, sequence of str)
        What may arrive; a context each, at most 126.
    progress, cancelled : callable
        As for a move.

    Raises
    ------
    PeerUnavailable
        Naming the phase: the conversation failed, or the PACS sent more than `limits` allows.
        Objects that a sink has kept before are kept.
    ContextsRefused
        When it offers no C-GET, or none of `kinds`.
    ValueError
        When there are more kinds than contexts, or two may be agreed on alike.
    """
    if not 0 < len(kinds) <= _MOST_KINDS:
        raise ValueError(f"a C-GET names 1 to {_MOST_KINDS} kinds of objects")
    pairs = [(sop_class, syntax) for sop_class, syntaxes in kinds for syntax in syntaxes]
    if len(set(pairs)) != len(pairs):
        raise ValueError("a C-GET names each transfer syntax of a SOP class once")
    offers = [*_MODELS.offers(asked), *kinds]
    roles = tuple(dict.fromkeys(sop_class for sop_class, _ in kinds))
    endpoint = pacs.endpoint("retrieve")
    with associate(pacs, endpoint, offers, secure, roles) as association:
        chosen = _context(association, pacs, frozenset(roles))
        desk = _Desk(association, asked, open_sink, limits)
        request = Request(Field.C_GET, _MODELS, limits, progress, cancelled, open_store=desk.open)
        for level in (asked, asked.whole_series):
            said = request.ask(association, chosen, level)
            if (
                level.level != "IMAGE"
                or not refuses_level(said.status, unable=True)
                or desk.has_seen_any
            ):
                break
            desk.expect_series()
    return Retrieved(
        said.status,
        said.comment,
        said.counted,
        said.failed,
        tuple(desk.arrived),
        tuple(desk.refused),
        tuple(uid for uid in asked.sop_instance_uids if uid not in desk.arrived),
    )


def _context(
    association: RequestedAssociation, pacs: Pacs, roles: frozenset[str]
) -> tuple[str, str, int]:
    """Give how to ask; something must be able to come back."""
    chosen = _MODELS.choose(association)
    if chosen is None:
        raise ContextsRefused(pacs.name, "association", "it offers no C-GET; try C-MOVE")
    if not any(uid in roles for uid, _ in association.accepted):
        detail = "it would send back no kind of object that is asked for; try C-MOVE"
        raise ContextsRefused(pacs.name, "association", detail)
    return chosen


class _Desk:
    """Takes in what comes, within the limits, and remembers what became of it."""

    def __init__(
        self,
        association: RequestedAssociation,
        asked: Asked,
        open_sink: OpenSink,
        limits: Limits,
    ) -> None:
        self.arrived: dict[str, None] = {}
        self.refused: list[str] = []
        self._association, self._open_sink, self._limits = association, open_sink, limits
        self._wanted = frozenset(asked.sop_instance_uids)
        self._most = min(limits.objects, 2 * len(self._wanted) or limits.objects)
        self._objects, self._bytes = 0, 0

    def open(
        self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
    ) -> ObjectSink:
        """Begin to take an object, or to refuse it."""
        self._objects += 1
        if self._objects > self._most:
            raise self._association.unavailable("data", "it sends more objects than were asked for")
        try:
            uid = str(parse_uid(sop_instance_uid))
        except UnreadableObject:
            return _Entry(self, "?", None, UNREADABLE)
        if self._wanted and uid not in self._wanted:
            return _Entry(self, uid, None, NOT_ASKED_FOR)
        arriving = Arriving(sop_class_uid, uid, transfer_syntax_uid)
        return _Entry(self, uid, self._open_sink(arriving), 0)

    @property
    def has_seen_any(self) -> bool:
        """Whether anything has come by now."""
        return self._objects > 0

    def expect_series(self) -> None:
        """Let a whole series come: of what was not asked for nothing is kept."""
        self._most = self._limits.objects

    def count(self, size: int) -> None:
        """Count bytes of all objects."""
        self._bytes += size
        if self._bytes > self._limits.total_bytes:
            raise self._association.unavailable("data", "it sends more bytes than are taken")

    def is_too_large(self, size: int) -> bool:
        """Whether an object is longer than is taken."""
        return size > self._limits.object_bytes

    def note(self, uid: str, *, kept: bool) -> None:
        """Remember what became of an object."""
        if kept:
            self.arrived[uid] = None
        else:
            self.refused.append(uid)


class _Entry:
    """One object on its way to a sink, or to nowhere."""

    def __init__(self, desk: _Desk, uid: str, sink: ObjectSink | None, status: int) -> None:
        self._desk, self._uid, self._sink, self._status = desk, uid, sink, status
        self._size = 0
        self._room: Callable[[], memoryview | None] | None = getattr(sink, "room", None)

    def room(self) -> memoryview | None:
        if self._sink is None or self._room is None:
            return None
        return self._room()

    def write(self, data: memoryview) -> None:
        self._size += len(data)
        self._desk.count(len(data))
        if self._sink is not None and self._desk.is_too_large(self._size):
            self.abort()
            self._status = TOO_LARGE
        if self._sink is not None:
            self._sink.write(data)

    def finish(self) -> int:
        sink, self._sink = self._sink, None
        if sink is not None:
            self._status = sink.finish()
        is_kept = sink is not None and self._status in (0x0000, 0xB000, 0xB006, 0xB007)
        self._desk.note(self._uid, kept=is_kept)
        return self._status

    def abort(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.abort()
