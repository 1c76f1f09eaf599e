"""PACS that do not do as they say when we retrieve from them: what arrived is what counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.retrieving import Arriving, Asked, Limits, Progress, Retrieved
from pacs_bridge.scu.get import NOT_ASKED_FOR, TOO_LARGE, UNREADABLE
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import Command, Field, encode_command
from pacs_bridge.upper_layer.pdu_items import AnsweredContext, UserInformation
from pacs_bridge.upper_layer.requestor import ContextsRefused
from tests.failing_peers import with_timeouts
from tests.loads import MG, a_pacs
from tests.pdu_server import Line, pdu_server

SOME = Asked("1.2.3", "1.2.3.4", ("1.2.3.4.1", "1.2.3.4.2"))
STUDY = Asked("1.2.3")
KINDS = [(MG, ("1.2.840.10008.1.2.1",))]
PEER = DimsePeer()


@dataclass
class Shelf:
    """Sinks that keep in memory what arrives."""

    kept: dict[str, bytes] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    status: int = 0x0000

    def open(self, arriving: Arriving) -> Any:
        shelf, data = self, bytearray()

        class Sink:
            def write(self, part: memoryview) -> None:
                data.extend(part)

            def finish(self) -> int:
                shelf.kept[arriving.sop_instance_uid] = bytes(data)
                return shelf.status

            def abort(self) -> None:
                shelf.forgotten.append(arriving.sop_instance_uid)

        return Sink()


def data(line: Line, context: int, command: Command, *parts: bytes) -> None:
    """Say a message; its data set in so many fragments."""
    line.say(pdu.Data((pdu.Fragment(context, True, True, encode_command(command)),)))
    for place, part in enumerate(parts):
        line.say(pdu.Data((pdu.Fragment(context, False, place == len(parts) - 1, part),)))


def bring(line: Line, uid: str, *parts: bytes, sop_class: str = MG, context: int = 3) -> int | None:
    """Send an object back, and hear what it is answered."""
    store = Command(
        Field.C_STORE, 1, affected_sop_class_uid=sop_class, affected_sop_instance_uid=uid,
        message_id=9, priority=0,
    )  # fmt: skip
    data(line, context, store, *(parts or (b"\0" * 8,)))
    return line.message()[0].status


def end(line: Line, request: Command, status: int = 0x0000, **counts: int) -> None:
    line.answer(request.answer(status, **counts))
    line.end()


Behave = Callable[[Line, Command], None]


def get(behave: Behave, asked: Asked = SOME, shelf: Shelf | None = None, **how: Any) -> Retrieved:
    """Retrieve from a PACS that behaves so once it is asked."""

    def serve(line: Line) -> None:
        line.accept()
        behave(line, line.message()[0])

    seconds = how.pop("seconds", 60.0)
    with pdu_server(serve) as (port, _):
        pacs = with_timeouts(a_pacs(port), dimse=seconds)
        return PEER.get(pacs, asked, (shelf or Shelf()).open, kinds=KINDS, **how)


def failing(behave: Behave, **how: Any) -> tuple[str, str]:
    with pytest.raises(PeerUnavailable) as caught:
        get(behave, **how)
    return caught.value.phase, caught.value.detail


def test_all_is_whole_when_what_arrived_and_what_was_counted_agree():
    def tell_the_truth(line: Line, request: Command) -> None:
        for uid in SOME.sop_instance_uids:
            assert bring(line, uid, b"ab", b"cd") == 0x0000
        end(line, request, completed=2, failed=0, warning=0)

    shelf = Shelf()
    got = get(tell_the_truth, shelf=shelf)
    assert got.is_whole
    assert got.arrived == SOME.sop_instance_uids
    assert shelf.kept == dict.fromkeys(SOME.sop_instance_uids, b"abcd")


def test_counts_without_objects_are_not_believed():
    def boast(line: Line, request: Command) -> None:
        bring(line, SOME.sop_instance_uids[0])
        end(line, request, completed=2, failed=0, warning=0)

    got = get(boast)
    assert not got.is_whole
    assert (got.status, got.counted.completed) == (0x0000, 2)
    assert got.arrived == SOME.sop_instance_uids[:1]
    assert got.missing == SOME.sop_instance_uids[1:]
    assert not get(boast, STUDY).is_whole  # nothing was named, and the counts give it away


def test_an_object_that_was_not_asked_for_is_refused_and_named():
    heard: list[int | None] = []

    def bring_another(line: Line, request: Command) -> None:
        heard.append(bring(line, "1.9.9"))
        heard.extend(bring(line, uid) for uid in SOME.sop_instance_uids)
        end(line, request, 0xB000, completed=2, failed=1, warning=0)

    shelf = Shelf()
    got = get(bring_another, shelf=shelf)
    assert heard == [NOT_ASKED_FOR, 0, 0]
    assert got.refused == ("1.9.9",)
    assert "1.9.9" not in shelf.kept
    assert not got.is_whole


def test_a_path_in_a_uid_reaches_no_sink():
    heard: list[int | None] = []

    def bring_a_path(line: Line, request: Command) -> None:
        heard.append(bring(line, "../../evil"))
        end(line, request)

    shelf = Shelf()
    got = get(bring_a_path, STUDY, shelf)
    assert (heard, shelf.kept, got.refused) == ([UNREADABLE], {}, ("?",))


def test_another_sop_class_than_its_context_has_is_refused():
    heard: list[int | None] = []

    def mislabel(line: Line, request: Command) -> None:
        heard.append(bring(line, "1.2.3.4.1", sop_class="1.2.840.10008.5.1.4.1.1.7"))
        end(line, request)

    shelf = Shelf()
    got = get(mislabel, shelf=shelf)
    assert (heard, shelf.kept, got.missing) == ([0x0122], {}, SOME.sop_instance_uids)


def test_a_sink_with_memory_of_its_own_is_read_into():
    memory, landed = bytearray(60_000), []
    parts = [bytes([number]) * 20_000 for number in range(3)]

    class Roomy:
        def room(self) -> memoryview:
            return memoryview(memory)[sum(landed) :]

        def write(self, part: memoryview) -> None:
            if part.obj is not memory:
                memory[sum(landed) : sum(landed) + len(part)] = part
            landed.append(len(part))

        def finish(self) -> int:
            return 0

        def abort(self) -> None:
            pytest.fail("it was whole")

    class Open:
        def open(self, _arriving: Arriving) -> Any:
            return Roomy()

    def behave(line: Line, request: Command) -> None:
        heard.append(bring(line, "1.2.3.4.1", *parts))
        end(line, request)

    heard: list[int | None] = []
    got = get(behave, STUDY, cast(Shelf, Open()))
    assert (heard, got.arrived) == ([0], ("1.2.3.4.1",))
    assert bytes(memory) == b"".join(parts)


def test_what_a_sink_does_not_keep_has_not_arrived():
    def behave(line: Line, request: Command) -> None:
        assert bring(line, "1.2.3.4.1") == 0xA700
        end(line, request, 0xA702, completed=0, failed=1, warning=0)

    got = get(behave, STUDY, Shelf(status=0xA700))
    assert (got.arrived, got.refused, got.is_whole) == ((), ("1.2.3.4.1",), False)


def test_an_object_too_large_is_refused_and_the_rest_goes_on():
    heard: list[int | None] = []

    def behave(line: Line, request: Command) -> None:
        heard.append(bring(line, "1.2.3.4.1", *[b"\0" * 100] * 20))
        heard.append(bring(line, "1.2.3.4.2"))
        end(line, request, 0xB000, completed=1, failed=1, warning=0)

    shelf = Shelf()
    got = get(behave, shelf=shelf, limits=Limits(object_bytes=1000))
    assert heard == [TOO_LARGE, 0]
    assert (shelf.forgotten, list(shelf.kept)) == (["1.2.3.4.1"], ["1.2.3.4.2"])
    assert got.refused == ("1.2.3.4.1",)


def flood(line: Line, _request: Command) -> None:
    """Bring objects until we are left."""
    try:
        for number in range(10_000):
            bring(line, f"1.2.3.4.{number + 1}", b"\0" * 1000)
    except (OSError, AssertionError):
        return
    pytest.fail("all was taken")


@pytest.mark.parametrize(
    ("asked", "limits"),
    [(SOME, Limits()), (STUDY, Limits(objects=5)), (STUDY, Limits(total_bytes=5_000))],
)
def test_a_pacs_that_sends_more_than_is_taken_is_cut_off(asked, limits):
    shelf = Shelf()
    phase, detail = failing(flood, asked=asked, limits=limits, shelf=shelf)
    assert phase == "data"
    assert detail.startswith("it sends more")
    assert 0 < len(shelf.kept) <= 5
    # what had begun to arrive when the limit was reached is not left half
    assert len(shelf.forgotten) <= 1


def test_a_pacs_that_breaks_off_midway_is_told_from_one_that_has_nothing():
    shelf = Shelf()

    def abort(line: Line, request: Command) -> None:
        bring(line, "1.2.3.4.1")
        store = Command(Field.C_STORE, 1, affected_sop_class_uid=MG, message_id=9,
                        affected_sop_instance_uid="1.2.3.4.2", priority=0)  # fmt: skip
        line.say(pdu.Data((pdu.Fragment(3, True, True, encode_command(store)),)))
        line.say(pdu.Data((pdu.Fragment(3, False, False, b"half"),)))
        line.say(pdu.Abort(0, 0))

    assert failing(abort, shelf=shelf) == ("answer", "it broke off")
    assert (list(shelf.kept), shelf.forgotten) == (["1.2.3.4.1"], ["1.2.3.4.2"])


def test_a_pacs_that_releases_midway_has_its_reply_and_has_not_answered():
    shelf, heard = Shelf(), list[pdu.Pdu]()

    def release(line: Line, request: Command) -> None:
        bring(line, "1.2.3.4.1")
        line.say(pdu.ReleaseRequest())
        heard.append(line.read())

    said = ("answer", "it released the association before it had answered")
    assert failing(release, shelf=shelf) == said
    assert (heard, list(shelf.kept)) == ([pdu.ReleaseReply()], ["1.2.3.4.1"])


def test_a_last_answer_that_never_comes_is_not_waited_for():
    def fall_silent(line: Line, request: Command) -> None:
        bring(line, "1.2.3.4.1")
        assert isinstance(line.read(), pdu.Abort)

    shelf = Shelf()
    phase, detail = failing(fall_silent, shelf=shelf, seconds=4.0)
    assert (phase, detail) == ("answer", "it gave no answer within 4 s")
    assert list(shelf.kept) == ["1.2.3.4.1"]


def test_progress_without_end_comes_to_an_end():
    def go_on(line: Line, request: Command) -> None:
        try:
            while True:
                line.answer(request.answer(0xFF00, remaining=1, completed=1, failed=0, warning=0))
        except OSError:
            return

    phase, detail = failing(go_on, limits=Limits(seconds=0.2))
    assert (phase, detail) == ("answer", "it came to no end within 0 s")


def move(behave: Behave, asked: Asked = STUDY, **how: Any) -> Retrieved:
    def serve(line: Line) -> None:
        line.accept()
        behave(line, line.message()[0])

    with pdu_server(serve) as (port, _):
        pacs = replace(a_pacs(port), our_ae_title="MOVEHERE")
        return PEER.move(pacs, asked, **how)


def test_a_move_goes_to_our_own_title_and_tells_how_far_it_came():
    destinations: list[str | None] = []

    def behave(line: Line, request: Command) -> None:
        destinations.append(request.move_destination)
        for done in range(3):
            counts = {"remaining": 2 - done, "completed": done, "failed": 0, "warning": 0}
            line.answer(request.answer(0xFF00, **counts))
        end(line, request)  # the last answer need not repeat the counts

    told: list[Progress] = []
    got = move(behave, progress=told.append)
    assert destinations == ["MOVEHERE"]
    assert [each.remaining for each in told] == [2, 1, 0]
    assert (got.status, got.counted.completed, got.counted.failed) == (0, 2, 0)


def failed_list(uids: str) -> bytes:
    value = uids.encode() + b"\0" * (len(uids) % 2)
    return b"\x08\0\x58\0UI" + len(value).to_bytes(2, "little") + value


def test_a_failed_list_is_read_as_far_as_it_holds_uids():
    def behave(line: Line, request: Command) -> None:
        answer = request.answer(0xB000, data_set_type=1, completed=1, failed=2, warning=0)
        data(line, 1, answer, failed_list("1.2.3.4.1\\../evil\\1.2.3.4.2 "))
        line.end()

    got = move(behave)
    assert (got.failed, got.counted.failed) == (("1.2.3.4.1", "1.2.3.4.2"), 2)
    assert not got.is_whole


def test_a_refused_move_says_why():
    def behave(line: Line, request: Command) -> None:
        line.answer(request.answer(0xA801, error_comment="Unknown Move Destination"))
        line.end()

    got = move(behave)
    assert (got.status, got.comment) == (0xA801, "Unknown Move Destination")


def test_an_object_on_the_association_of_a_move_ends_it():
    def behave(line: Line, request: Command) -> None:
        store = Command(Field.C_STORE, 1, affected_sop_class_uid=MG, message_id=9,
                        affected_sop_instance_uid="1.2.3", priority=0)  # fmt: skip
        data(line, 1, store, b"\0" * 8)

    with pytest.raises(PeerUnavailable, match="an answer came to nothing"):
        move(behave)


def test_a_cancel_goes_out_while_the_pacs_says_nothing():
    asked_for = threading.Event()

    def behave(line: Line, request: Command) -> None:
        asked_for.set()
        cancel, _ = line.message()
        assert cancel.field == Field.C_CANCEL
        assert cancel.message_id_responded_to == request.message_id
        end(line, request, 0xFE00, remaining=2, completed=0, failed=0, warning=0)

    for ask in (get, move):
        asked_for.clear()
        got = ask(behave, STUDY, cancelled=asked_for.is_set)
        assert (got.status, got.counted.remaining) == (0xFE00, 2)


@pytest.mark.parametrize("offered", [(), (1,), (3,)])
def test_a_pacs_that_offers_no_c_get_or_none_of_the_objects_says_so(offered):
    def serve(line: Line) -> None:
        request = line.read()
        assert isinstance(request, pdu.AssociateRequest)
        refuse(line, request, frozenset(offered))
        if offered:
            assert isinstance(line.read(), (pdu.Abort, pdu.ReleaseRequest))

    with pdu_server(serve) as (port, _), pytest.raises(ContextsRefused) as caught:
        PEER.get(a_pacs(port), SOME, Shelf().open, kinds=KINDS)
    assert caught.value.phase == "association"


def refuse(line: Line, request: pdu.AssociateRequest, offered: frozenset[int]) -> None:
    contexts = tuple(
        AnsweredContext(
            each.context_id, 0 if each.context_id in offered else 3, each.transfer_syntaxes[0]
        )
        for each in request.contexts
    )
    user = UserInformation(maximum_length=16384, implementation_class_uid="1.2.3")
    line.say(pdu.AssociateAccept(request.called_ae_title, request.calling_ae_title, contexts, user))
    [role] = request.user.roles
    assert (role.sop_class_uid, role.scu, role.scp) == (MG, False, True)


def test_a_question_that_no_pacs_can_answer_is_not_asked():
    with pytest.raises(ValueError, match="every level above"):
        Asked("1.2.3", sop_instance_uids=("1.2.3.4",))
    with pytest.raises(ValueError, match="at most"):
        Asked("1.2.3", "1.2.3.4", tuple(f"1.2.{number}" for number in range(1000)))
    with pytest.raises(ValueError, match="kinds"):
        PEER.get(a_pacs(104), STUDY, Shelf().open, kinds=[])
    with pytest.raises(ValueError, match="once"):
        PEER.get(a_pacs(104), STUDY, Shelf().open, kinds=[*KINDS, *KINDS])
