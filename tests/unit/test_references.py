"""Lists of objects from the wire: read whole, or refused with a status; never anything else."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from typing import Any

import pytest
from pydicom import Dataset

from pacs_bridge.domain.commitment import (
    CommitmentReport,
    CommitmentRequest,
    Failure,
    Reference,
    RefusedRequest,
    words_of,
)
from pacs_bridge.upper_layer.references import (
    decode_availability,
    decode_report,
    decode_request,
    encode_report,
    encode_request,
)
from tests.nodes import encode
from tests.peers import ROOT

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
ONE, TWO = Reference("1.2.840.10008.5.1.4.1.1.88.33", "1.2.3"), Reference("1.2.4", "1.2.34")
REQUEST = CommitmentRequest("2.25.7", (ONE, TWO))
REPORT = CommitmentReport("2.25.7", (ONE,), (Failure(TWO, 0x0112),))


def an_item(reference: Reference, **more: Any) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item


def a_data_set(**elements: Any) -> Dataset:
    ds = Dataset()
    ds.TransactionUID = "2.25.7"
    ds.ReferencedSOPSequence = [an_item(ONE), an_item(TWO)]
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_what_we_write_is_what_pydicom_writes_and_what_we_read(syntax: str) -> None:
    implicit = syntax == IMPLICIT
    assert encode_request(REQUEST, syntax) == encode(a_data_set(), implicit=implicit)
    assert decode_request(encode_request(REQUEST, syntax), syntax) == REQUEST
    told = a_data_set(ReferencedSOPSequence=[an_item(ONE)])
    told.FailedSOPSequence = [an_item(TWO, FailureReason=0x0112)]
    assert encode_report(REPORT, syntax) == encode(told, implicit=implicit)
    assert decode_report(encode_report(REPORT, syntax), syntax) == REPORT


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_sequences_of_undefined_length_and_what_else_stands_there_are_read_over(
    syntax: str,
) -> None:
    ds = a_data_set(RetrieveAETitle="ARCHIVE", StorageMediaFileSetID="DISK")
    ds.ReferencedSOPSequence[0].RetrieveAETitle = "ARCHIVE"
    data = encode(ds, implicit=syntax == IMPLICIT, undefined=True)
    assert decode_request(data, syntax) == REQUEST


def test_a_list_that_is_empty_is_left_out_of_a_report() -> None:
    data = encode_report(CommitmentReport("2.25.7", (ONE,)), EXPLICIT)
    assert b"\x08\x00\x98\x11" not in data
    assert CommitmentReport("2.25.7", (ONE,)).event_type == 1
    assert REPORT.event_type == 2


@pytest.mark.parametrize("uid", ["../../etc", "1.2.\x00.3", "1." * 40, "<b>", "1.2.x"])
def test_a_uid_that_is_none_is_refused(uid: str) -> None:
    wrong = encode_request(CommitmentRequest("2.25.7", (Reference("1.2", uid),)), IMPLICIT)
    with pytest.raises(RefusedRequest) as refused:
        decode_request(wrong, IMPLICIT)
    assert refused.value.status == 0x0115
    assert uid not in str(refused.value)


def test_more_objects_than_ten_thousand_are_refused_at_once() -> None:
    for count, status in ((10_001, 0x0213), (25_000, 0x0110)):
        many = tuple(Reference("1.2", f"1.2.{number}") for number in range(count))
        with pytest.raises(RefusedRequest) as refused:
            decode_request(encode_request(CommitmentRequest("1.2.3", many), IMPLICIT), IMPLICIT)
        assert refused.value.status == status


def test_a_list_that_is_none_is_refused() -> None:
    for data in (b"", b"\x08", encode(a_data_set())[:-3], b"\xff" * 400):
        with pytest.raises(RefusedRequest):
            decode_request(data, EXPLICIT)
    deep = a_data_set()
    inner = deep
    for _ in range(12):
        item = Dataset()
        inner.ContentSequence = [item]
        inner = item
    with pytest.raises(RefusedRequest, match="damaged"):
        decode_request(encode(deep), EXPLICIT)


def test_a_failure_without_a_reason_is_a_failure_all_the_same() -> None:
    told = a_data_set(FailedSOPSequence=[an_item(TWO)])
    assert decode_report(encode(told), EXPLICIT).failed == (Failure(TWO, 0x0110),)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_whatever_a_peer_makes_of_a_list_is_read_or_refused(syntax: str) -> None:
    chance = random.Random(7)
    told = a_data_set(FailedSOPSequence=[an_item(TWO, FailureReason=0x0112)])
    series = Dataset()
    series.SeriesInstanceUID = "1.2.5"
    series.ReferencedSOPSequence = [an_item(ONE, InstanceAvailability="ONLINE")]
    told.StudyInstanceUID, told.ReferencedSeriesSequence = "1.2.6", [series]
    whole = encode(told, implicit=syntax == IMPLICIT)
    ended = {True: 0, False: 0}
    for _ in range(1_500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 2)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 8, 0x20, 0x7F, 0xFF, 0xFE))
        if chance.random() < 0.2:
            del data[chance.randint(len(data) // 2, len(data)) :]
        for decode in (decode_request, decode_report, decode_availability):
            try:
                decode(bytes(data), syntax)
                ended[True] += 1
            except RefusedRequest:
                ended[False] += 1
    assert min(ended.values()) > 50


def test_a_list_sent_as_unknown_is_read_and_what_is_none_is_refused() -> None:
    items = encode(a_data_set())[encode(a_data_set()).index(b"\xfe\xff\x00\xe0") :]
    implicit = encode(a_data_set(), implicit=True)
    inner = implicit[implicit.index(b"\xfe\xff\x00\xe0") :]
    head = encode(a_data_set())[:14]  # the transaction UID
    for value, is_fit in ((inner, True), (items, False), (b"\xff" * 40, False), (b"\0", False)):
        listed = struct.pack("<HH2sHI", 0x0008, 0x1199, b"UN", 0, len(value)) + value
        if is_fit:
            assert decode_request(head + listed, EXPLICIT) == REQUEST
        else:
            with pytest.raises(RefusedRequest):
                decode_request(head + listed, EXPLICIT)


def test_who_listens_needs_no_parser_of_data_sets() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _READS_BOTH, encode_request(REQUEST, EXPLICIT).hex()],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.split() == ["2", "False"]


_READS_BOTH = """
import sys
import pacs_bridge.scp.commitment, pacs_bridge.scp.availability
from pacs_bridge.upper_layer.references import decode_request
read = decode_request(bytes.fromhex(sys.argv[1]), "1.2.840.10008.1.2.1")
print(len(read.references), "pydicom" in sys.modules)
"""


def test_reasons_are_said_in_words_also_those_that_nobody_knows() -> None:
    assert words_of(0x0112) == "it has no such object"
    assert words_of(0x1234) == "failure reason 0x1234"
