"""Audit messages as the standard writes them, and the syslog line that carries one.

Pure: an event goes in, XML and bytes come out. Cases are named by accession number and
readers by code; no name of a person, woman or reader, has a place here.

References
----------
PS3.15 A.5 (audit trail message format, schema with ``csd-code``), PS3.16 CID 400 to 404;
RFC 5424 (syslog), RFC 6587 3.4.1 (octet counting over TCP).
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from xml.etree import ElementTree as Xml  # only writes, parses nothing

_BOM = b"\xef\xbb\xbf"  # RFC 5424 6.4: what follows is UTF-8
_SECURITY = 10  # facility "security/authorization", RFC 5424 table 1
_NOTICE, _WARNING = 5, 4  # severities, RFC 5424 table 2
_MOST_SEQUENCE = 2_147_483_647  # RFC 5424 7.3.1; begins anew at 1
MESSAGE_ID = "DICOM+RFC3881"


class AuditEvent(Enum):
    """What happened: code and meaning (CID 400)."""

    APPLICATION_ACTIVITY = ("110100", "Application Activity")
    LOG_USED = ("110101", "Audit Log Used")
    BEGIN_TRANSFER = ("110102", "Begin Transferring DICOM Instances")
    ACCESSED = ("110103", "DICOM Instances Accessed")
    TRANSFERRED = ("110104", "DICOM Instances Transferred")
    EXPORT = ("110106", "Export")
    IMPORT = ("110107", "Import")
    NETWORK_ENTRY = ("110108", "Network Entry")
    QUERY = ("110112", "Query")
    SECURITY_ALERT = ("110113", "Security Alert")
    USER_AUTHENTICATION = ("110114", "User Authentication")


class AuditType(Enum):
    """Which kind of it: code and meaning (CID 401)."""

    START = ("110120", "Application Start")
    STOP = ("110121", "Application Stop")
    LOGIN = ("110122", "Login")
    LOGOUT = ("110123", "Logout")
    NODE_AUTHENTICATION = ("110126", "Node Authentication")
    NETWORK_CONFIGURATION = ("110128", "Network Configuration")
    RESTRICTED_FUNCTION = ("110132", "Use of Restricted Function")
    RECORDING_STOPPED = ("110133", "Audit Recording Stopped")
    USER_ATTRIBUTES = ("110137", "User Security Attributes Changed")


class Role(Enum):
    """What a participant did: code and meaning (CID 402)."""

    APPLICATION = ("110150", "Application")
    DESTINATION = ("110152", "Destination Role ID")
    SOURCE = ("110153", "Source Role ID")


class Outcome(IntEnum):
    """EventOutcomeIndicator (PS3.15 table A.5.2-1)."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8
    MAJOR_FAILURE = 12


@dataclass(frozen=True)
class Participant:
    """Who took part.

    Parameters
    ----------
    user_id : str
        An AE title, or a reader's or account's code.
    address : str
        Network address; empty for none.
    requested : bool
        Whether it began what happened.
    """

    user_id: str
    role: Role
    requested: bool
    address: str = ""


class Thing(Enum):
    """What kind of thing a message is about: type, role, and the code of its identifier.

    References
    ----------
    PS3.15 A.5.1.2.2 (roles) and A.5.1.2.4 (types of identifiers), PS3.16 CID 404.
    """

    STUDY = ("2", "3", ("110180", "DCM", "Study Instance UID"))
    SOP_CLASS = ("2", "3", ("110181", "DCM", "SOP Class UID"))
    NODE = ("2", "13", ("110182", "DCM", "Node ID"))
    ACCOUNT = ("1", "6", ("11", "RFC-3881", "User Identifier"))
    LOG = ("2", "13", ("12", "RFC-3881", "URI"))


@dataclass(frozen=True)
class Subject:
    """One thing that a message is about.

    Parameters
    ----------
    identifier : str
        A UID of ours, a SOP class, an AE title, an account's number; never a person's name.
    details : tuple of (str, str)
        What is told of it, each with its name; written in base64, as the schema wants it.
    accession : str
        Accession number of the case; empty for none.
    sop_classes : tuple of (str, int)
        How many objects of each SOP class.
    """

    thing: Thing
    identifier: str
    name: str
    details: tuple[tuple[str, str], ...] = ()
    accession: str = ""
    sop_classes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class AuditMessage:
    """One message.

    Parameters
    ----------
    action : str
        C(reate), R(ead), U(pdate), D(elete) or E(xecute).
    source : str
        Who sends the message: our AE title.
    said : str
        How it came out, in words; empty for none.
    """

    event: AuditEvent
    action: str
    at: datetime
    outcome: Outcome
    source: str
    participants: tuple[Participant, ...]
    kind: AuditType | None = None
    subjects: tuple[Subject, ...] = ()
    said: str = ""


def audit_xml(message: AuditMessage) -> bytes:
    """Write a message as XML in UTF-8, elements in the order of the schema.

    Raises
    ------
    ValueError
        For a moment without time zone, and where nobody took part.
    """
    if not message.participants:
        raise ValueError("an audit message without a participant")
    root = Xml.Element("AuditMessage")
    event = Xml.SubElement(
        root,
        "EventIdentification",
        EventActionCode=message.action,
        EventDateTime=_moment(message.at),
        EventOutcomeIndicator=str(int(message.outcome)),
    )
    _code(event, "EventID", message.event.value)
    if message.kind is not None:
        _code(event, "EventTypeCode", message.kind.value)
    if message.said:
        Xml.SubElement(event, "EventOutcomeDescription").text = _clean(message.said)
    for participant in message.participants:
        _participant(root, participant)
    Xml.SubElement(root, "AuditSourceIdentification", AuditSourceID=_clean(message.source))
    for subject in message.subjects:
        _subject(root, subject)
    return Xml.tostring(root, encoding="UTF-8", xml_declaration=True)


def _participant(root: Xml.Element, participant: Participant) -> None:
    told = {
        "UserID": _clean(participant.user_id),
        "UserIsRequestor": "true" if participant.requested else "false",
    }
    if participant.address:
        told |= {
            "NetworkAccessPointID": _clean(participant.address),
            "NetworkAccessPointTypeCode": "2",  # an IP address
        }
    element = Xml.SubElement(root, "ActiveParticipant", told)
    _code(element, "RoleIDCode", participant.role.value)


def _subject(root: Xml.Element, subject: Subject) -> None:
    kind, role, (code, scheme, meaning) = subject.thing.value
    element = Xml.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_clean(subject.identifier),
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    _code(element, "ParticipantObjectIDTypeCode", (code, meaning), scheme)
    Xml.SubElement(element, "ParticipantObjectName").text = _clean(subject.name)
    for name, value in subject.details:
        told = b64encode(value.encode(errors="replace")).decode("ascii")
        Xml.SubElement(element, "ParticipantObjectDetail", type=_clean(name), value=told)
    if not (subject.accession or subject.sop_classes):
        return
    description = Xml.SubElement(element, "ParticipantObjectDescription")
    if subject.accession:
        Xml.SubElement(description, "Accession", Number=_clean(subject.accession))
    for uid, count in subject.sop_classes:
        Xml.SubElement(description, "SOPClass", UID=_clean(uid), NumberOfInstances=str(count))


def _code(parent: Xml.Element, name: str, code: tuple[str, str], scheme: str = "DCM") -> None:
    value, meaning = code
    told = {"csd-code": value, "codeSystemName": scheme, "originalText": meaning}
    Xml.SubElement(parent, name, told)


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a moment without time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(text: str) -> str:
    """Leave out what XML cannot hold: control characters and lone surrogates."""
    return "".join(c for c in text if c.isprintable())


def syslog_line(message: AuditMessage, *, host: str, process: int, number: int = 0) -> bytes:
    """Wrap a message as RFC 5424 wants it: header, its number, UTF-8 XML.

    Parameters
    ----------
    host : str
        Our machine's name; anything but printable ASCII becomes ``-``.
    process : int
        Number of the process that speaks.
    number : int
        The message's own, from 1 on and the same each time it is sent; 0 for none. It is the
        ``sequenceId`` of RFC 5424 7.3.1, so that a gap or a repetition can be seen.
    """
    severity = _NOTICE if message.outcome is Outcome.SUCCESS else _WARNING
    name = host if host.isascii() and host.isprintable() and " " not in host else "-"
    data = f'[meta sequenceId="{(number - 1) % _MOST_SEQUENCE + 1}"]' if number else "-"
    head = (
        f"<{_SECURITY * 8 + severity}>1 {_moment(message.at)} {name[:255] or '-'} "
        f"pacs_bridge {process} {MESSAGE_ID} {data} "
    )
    return head.encode("ascii") + _BOM + audit_xml(message)


def octet_counted(line: bytes) -> bytes:
    """Frame a line for TCP and TLS (RFC 5425 4.3, RFC 6587 3.4.1)."""
    return f"{len(line)} ".encode("ascii") + line
