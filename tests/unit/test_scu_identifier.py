"""Identifiers of our queries are what the standard says, and a peer's never raise."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.filereader import read_dataset

from pacs_bridge.scu.association import EXPLICIT, IMPLICIT
from pacs_bridge.scu.identifier import decode, encode

QUERY = {
    "StudyInstanceUID": "1.2.3",
    "SpecificCharacterSet": "",
    "QueryRetrieveLevel": "IMAGE",
    "Rows": "",
    "AccessionNumber": "PERFORMS12110",
    "PatientName": "",
}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_query_is_read_back_by_others_in_the_order_of_its_tags(syntax):
    encoded = encode(QUERY, syntax)
    found = read_dataset(BytesIO(encoded), is_implicit_VR=syntax == IMPLICIT, is_little_endian=True)
    assert {e.keyword: "" if e.value is None else str(e.value) for e in found} == QUERY
    assert [e.tag for e in found] == sorted(e.tag for e in found)
    assert len(encoded) % 2 == 0


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_whatever_a_peer_sends_for_an_identifier_nothing_raises(syntax):
    encoded = encode(QUERY, syntax)
    for cut in range(len(encoded)):
        decode(encoded[:cut], syntax)
        decode(encoded[:cut] + b"\xff" * 9, syntax)
    assert decode(b"", syntax) is None
