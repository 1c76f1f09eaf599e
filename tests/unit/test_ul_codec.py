"""What the upper layer writes is what it reads, and what pynetdicom reads and writes too."""

from __future__ import annotations

import io
import os
import socket
import ssl
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom import pdu as oracle
from pynetdicom.dimse_messages import C_FIND_RSP, C_STORE_RQ
from pynetdicom.dimse_primitives import C_FIND, C_STORE

from pacs_bridge.upper_layer import pdu, pdu_items, wire
from pacs_bridge.upper_layer.command import Command, Field, decode_command, encode_command
from pacs_bridge.upper_layer.pdu_items import Malformed

CLASSES = {
    pdu.ASSOCIATE_RQ: oracle.A_ASSOCIATE_RQ, pdu.ASSOCIATE_AC: oracle.A_ASSOCIATE_AC,
    pdu.ASSOCIATE_RJ: oracle.A_ASSOCIATE_RJ, pdu.P_DATA_TF: oracle.P_DATA_TF,
    pdu.RELEASE_RQ: oracle.A_RELEASE_RQ, pdu.RELEASE_RP: oracle.A_RELEASE_RP,
    pdu.ABORT: oracle.A_ABORT_RQ,
}  # fmt: skip

byte = st.integers(0, 255)
short = st.integers(0, 0xFFFF)
uids = st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=6).map(
    lambda parts: ".".join(map(str, parts))
)
titles = st.text("ABCXYZ019_- ", min_size=1, max_size=16).map(str.strip).filter(bool)
context_ids = st.integers(0, 127).map(lambda number: 2 * number + 1)


def secrets() -> st.SearchStrategy[bytes]:
    return st.binary(max_size=50)


users = st.builds(
    pdu_items.UserInformation,
    maximum_length=st.integers(0, 0xFFFFFFFF),
    implementation_class_uid=uids,
    implementation_version_name=titles,
    operations_window=st.none() | st.tuples(short, short),
    roles=st.lists(
        st.builds(pdu_items.RoleSelection, uids, st.booleans(), st.booleans()),
        max_size=3, unique_by=lambda role: role.sop_class_uid,
    ).map(tuple),
    extended=st.lists(
        st.builds(pdu_items.ExtendedNegotiation, uids, secrets()), max_size=3
    ).map(tuple),
    common_extended=st.lists(
        st.builds(
            pdu_items.CommonExtendedNegotiation, uids, uids, st.lists(uids, max_size=3).map(tuple)
        ),
        max_size=3,
    ).map(tuple),
    identity=st.none()
    | st.builds(
        pdu_items.UserIdentity, st.integers(1, 5), st.booleans(),
        st.binary(min_size=1, max_size=50),  # pynetdicom takes what follows an empty one for it
        secrets(),
    ),
)  # fmt: skip


def contexts(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(each, max_size=8, unique_by=lambda one: one.context_id).map(tuple)


requests = st.builds(
    pdu.AssociateRequest, titles, titles,
    contexts(
        st.builds(
            pdu_items.ProposedContext, context_ids, uids,
            st.lists(uids, min_size=1, max_size=4).map(tuple),
        )
    ),
    users,
)  # fmt: skip
accepts = st.builds(
    pdu.AssociateAccept, titles, titles,
    contexts(st.builds(pdu_items.AnsweredContext, context_ids, st.just(0), uids)),
    st.builds(
        pdu_items.UserInformation,
        maximum_length=st.integers(0, 0xFFFFFFFF), implementation_class_uid=uids,
        identity_answer=st.none() | secrets(),
    ),
)  # fmt: skip
fragments = st.builds(pdu.Fragment, byte, st.booleans(), st.booleans(), st.binary(max_size=100))
pdus = st.one_of(
    requests,
    accepts,
    st.builds(pdu.AssociateReject, byte, byte, byte),
    st.builds(pdu.Data, st.lists(fragments, min_size=1, max_size=5).map(tuple)),
    st.just(pdu.ReleaseRequest()),
    st.just(pdu.ReleaseReply()),
    st.builds(pdu.Abort, byte, byte),
)
commands = st.builds(
    Command,
    field=short,
    data_set_type=short,
    affected_sop_class_uid=st.none() | uids,
    message_id=st.none() | short,
    message_id_responded_to=st.none() | short,
    move_destination=st.none() | titles,
    priority=st.none() | short,
    status=st.none() | short,
    offending_elements=st.none()
    | st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=4).map(tuple),
    error_comment=st.none() | titles,
    affected_sop_instance_uid=st.none() | uids,
    remaining=st.none() | short,
    failed=st.none() | short,
)


@settings(deadline=None)
@given(pdus)
def test_what_is_written_is_what_is_read(value: pdu.Pdu) -> None:
    read, rest = pdu.split(pdu.encode(value))
    assert read == value
    assert len(rest) == 0


@settings(deadline=None)
@given(pdus)
def test_pynetdicom_reads_what_we_write_and_writes_what_we_read(value: pdu.Pdu) -> None:
    encoded = pdu.encode(value)
    theirs = CLASSES[encoded[0]]()
    theirs.decode(encoded)
    assert pdu.split(theirs.encode())[0] == value


@settings(deadline=None, max_examples=300)
@given(pdus, st.data())
def test_changed_bytes_are_a_value_or_malformed(value: pdu.Pdu, data: st.DataObject) -> None:
    changed = bytearray(pdu.encode(value))
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(byte)
    cut = data.draw(st.integers(0, len(changed)))
    for some in (changed, changed[:cut]):
        try:
            read, _ = pdu.split(some)
        except Malformed:
            continue
        assert type(read).__module__ == pdu.__name__


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 9), st.binary(max_size=300))
def test_any_bytes_are_a_value_or_malformed(kind: int, body: bytes) -> None:
    try:
        value: object = pdu.decode(kind, body)
    except Malformed as error:
        value = error.reason
    assert value is not None


@settings(deadline=None)
@given(commands)
def test_a_command_that_is_written_is_read(command: Command) -> None:
    assert decode_command(encode_command(command)) == command


@settings(deadline=None, max_examples=300)
@given(commands, st.data())
def test_a_changed_command_is_a_value_or_malformed(command: Command, data: st.DataObject) -> None:
    changed = bytearray(encode_command(command))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(byte)
    try:
        said: object = decode_command(changed)
    except Malformed as error:
        said = str(error)
    assert isinstance(said, Command | str)


def test_pynetdicom_and_we_write_a_store_request_alike() -> None:
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 7, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = "1.2.840.1", "1.2.3"
    primitive.MoveOriginatorApplicationEntityTitle = "MOVER"
    primitive.MoveOriginatorMessageID = 9
    primitive.DataSet = io.BytesIO(b"\0\0")
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    (command, _data_set) = message.encode_msg(1, 16_384)
    theirs = command.presentation_data_value_list[0][1][1:]
    ours = Command(
        Field.C_STORE, 0x0001, affected_sop_class_uid="1.2.840.1",
        affected_sop_instance_uid="1.2.3", message_id=7, priority=2,
        move_originator_ae_title="MOVER", move_originator_message_id=9,
    )  # fmt: skip
    assert decode_command(theirs) == ours
    assert len(encode_command(ours)) == len(theirs)


def test_pynetdicom_reads_our_answer() -> None:
    asked = Command(Field.C_FIND, 1, affected_sop_class_uid="1.2.3", message_id=5)
    ours = encode_command(asked.answer(0xA700, error_comment="Try later."))
    message, theirs = C_FIND_RSP(), oracle.P_DATA_TF()
    theirs.decode(pdu.data_header(1, len(ours), is_command=True, is_last=True) + ours)
    assert message.decode_msg(theirs.to_primitive())
    primitive = message.message_to_primitive()
    assert isinstance(primitive, C_FIND)
    assert (primitive.MessageIDBeingRespondedTo, primitive.Status) == (5, 0xA700)
    assert primitive.ErrorComment == "Try later."


@pytest.mark.parametrize("change", [{"message_id": 70_000}, {"affected_sop_class_uid": "1" * 65}])
def test_what_does_not_fit_a_command_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"fit|longer"):
        encode_command(Command(Field.C_ECHO, **change))


def test_a_user_identity_never_shows_its_secret() -> None:
    shown = repr(pdu_items.UserIdentity(2, True, b"name", b"secret"))
    assert "secret" not in shown
    assert "name" not in shown


def test_two_contexts_with_one_number_are_malformed() -> None:
    context = pdu_items.ProposedContext(1, "1.2", ("1.3",))
    encoded = pdu.encode(pdu.AssociateRequest("A", "B", (context, context)))
    with pytest.raises(Malformed, match="one identifier"):
        pdu.split(encoded)


@pytest.mark.parametrize("gather", [True, False])
def test_both_ways_of_sending_and_writing_send_and_write_all(
    gather: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(wire, "CAN_GATHER", gather and wire.CAN_GATHER)
    buffers = [os.urandom(size) for size in (1, 0, 70_000, 3, *[7] * 2_000)]
    one, two = socket.socketpair()
    with one, two:
        got = bytearray(sum(map(len, buffers)))
        wire.send(one, buffers[:2], wire.Deadline(5))
        two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        wire.send(one, buffers[2:], wire.Deadline(5))
        view = memoryview(got)
        while len(view):
            view = view[two.recv_into(view) :]
    assert got == b"".join(buffers)
    with (tmp_path / "file").open("wb") as file:
        wire.write(file.fileno(), buffers)
    assert (tmp_path / "file").read_bytes() == b"".join(buffers)


def test_a_peer_that_takes_nothing_is_given_up_in_time() -> None:
    one, two = socket.socketpair()
    with one, two, pytest.raises(TimeoutError):
        wire.send(one, [bytes(64 << 20)], wire.Deadline(0.2))
    assert not isinstance(one, ssl.SSLSocket)
