"""An audit message is what the standard's schema says, and one line of syslog carries it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.domain.audit import (
    AuditEvent,
    AuditMessage,
    AuditType,
    Outcome,
    Participant,
    Role,
    Subject,
    Thing,
    audit_xml,
    octet_counted,
    syslog_line,
)
from tests.audit_schema import check_message

WHEN = datetime(2026, 11, 22, 13, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1)))
HOSPITAL = Participant("HOSPITAL", Role.SOURCE, requested=True, address="10.0.0.7")
NODE = Participant("PACSBRIDGE", Role.DESTINATION, requested=False)
STUDY = Subject(
    Thing.STUDY, "1.2.101.1", "PERFORMS121101", (("Note", "as read"),), "PERFORMS121101",
    (("1.2.840.10008.5.1.4.1.1.11.1", 3),),
)  # fmt: skip


def a_message(**changes: Any) -> AuditMessage:
    """HOSPITAL sent an object about case PERFORMS121101."""
    told = {
        "event": AuditEvent.TRANSFERRED, "action": "C", "at": WHEN, "outcome": Outcome.SUCCESS,
        "source": "PACSBRIDGE", "participants": (HOSPITAL, NODE), "subjects": (STUDY,), **changes,
    }  # fmt: skip
    return AuditMessage(**told)


@pytest.mark.parametrize("event", AuditEvent)
@pytest.mark.parametrize("kind", [None, AuditType.START])
def test_every_kind_of_message_has_the_elements_of_the_schema_in_their_order(
    event: AuditEvent, kind: AuditType | None
) -> None:
    root = check_message(audit_xml(a_message(event=event, kind=kind, said="3 objects")))
    assert [child.tag for child in root] == [
        "EventIdentification", "ActiveParticipant", "ActiveParticipant",
        "AuditSourceIdentification", "ParticipantObjectIdentification",
    ]  # fmt: skip


def test_what_happened_when_and_to_which_case_is_said() -> None:
    root = Xml.fromstring(audit_xml(a_message()))
    event = root.find("EventIdentification")
    assert event is not None
    assert event.attrib == {
        "EventActionCode": "C",
        "EventDateTime": "2026-11-22T12:00:00.250Z",
        "EventOutcomeIndicator": "0",
    }
    code = event.find("EventID")
    assert code is not None
    assert (code.get("csd-code"), code.get("codeSystemName")) == ("110104", "DCM")
    study = root.find("ParticipantObjectIdentification")
    assert study is not None
    assert study.get("ParticipantObjectID") == "1.2.101.1"
    accession = study.find("ParticipantObjectDescription/Accession")
    assert accession is not None
    assert accession.attrib == {"Number": "PERFORMS121101"}
    counted = study.find("ParticipantObjectDescription/SOPClass")
    assert counted is not None
    assert counted.attrib == {"UID": "1.2.840.10008.5.1.4.1.1.11.1", "NumberOfInstances": "3"}
    detail = study.find("ParticipantObjectDetail")
    assert detail is not None
    assert detail.attrib == {"type": "Note", "value": "YXMgcmVhZA=="}


def test_who_took_part_is_said_with_role_and_address() -> None:
    first, second = Xml.fromstring(audit_xml(a_message())).findall("ActiveParticipant")
    assert first.attrib == {
        "UserID": "HOSPITAL", "UserIsRequestor": "true",
        "NetworkAccessPointID": "10.0.0.7", "NetworkAccessPointTypeCode": "2",
    }  # fmt: skip
    assert second.attrib == {"UserID": "PACSBRIDGE", "UserIsRequestor": "false"}


@given(st.text(st.characters(), max_size=40))
def test_no_text_breaks_the_message_or_the_line(text: str) -> None:
    told = a_message(
        participants=(Participant(text, Role.SOURCE, requested=True, address=text),),
        subjects=(Subject(Thing.STUDY, text, text, ((text, text),), text),),
        source=text,
        said=text,
    )
    line = syslog_line(told, host=text, process=7)
    head, _, body = line.partition(b"\xef\xbb\xbf")
    assert Xml.fromstring(body).tag == "AuditMessage"
    assert re.fullmatch(rb"<\d+>1 \S+ [!-~]+ pacs_bridge 7 DICOM\+RFC3881 - ", head)


def test_a_failure_is_said_in_the_message_and_in_the_severity() -> None:
    line = syslog_line(a_message(outcome=Outcome.SERIOUS_FAILURE), host="node", process=1)
    assert line.startswith(b"<84>1 2026-11-22T12:00:00.250Z node pacs_bridge 1 DICOM+RFC3881 - ")
    assert b'EventOutcomeIndicator="8"' in line
    assert syslog_line(a_message(), host="node", process=1).startswith(b"<85>1 ")


def test_a_frame_for_tcp_counts_its_octets() -> None:
    line = syslog_line(a_message(), host="node", process=1)
    count, _, rest = octet_counted(line).partition(b" ")
    assert int(count) == len(rest)
    assert rest == line


@pytest.mark.parametrize(
    "changes",
    [{"participants": ()}, {"at": datetime(2026, 11, 22, tzinfo=UTC).replace(tzinfo=None)}],
)
def test_a_message_that_says_too_little_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="without"):
        audit_xml(a_message(**changes))


def test_a_message_has_the_same_number_each_time_it_is_sent() -> None:
    lines = {syslog_line(a_message(), host="node", process=1, number=7) for _ in range(2)}
    assert len(lines) == 1
    assert b' DICOM+RFC3881 [meta sequenceId="7"] \xef\xbb\xbf<?xml' in lines.pop()
    later = syslog_line(a_message(), host="node", process=1, number=2_147_483_648)
    assert b'sequenceId="1"' in later  # RFC 5424 7.3.1
