"""Audit messages as the standard writes them, and the syslog line that carries one.

Pure: an event goes in, XML and bytes come out. Cases are named by accession number and
readers by code; no name of a person, woman or reader, has a place here.

References
----------
PS3.15 A.5 (audit trail message format, schema with ``csd-code``), PS3.16 CID 400 to 404;
RFC 5424 (syslog), RFC 6587 3.4.1 (octet counting over TCP).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from xml.etree import ElementTree as Xml  # only writes, parses nothing

_BOM = b"\xef\xbb\xbf"  # RFC 5424 6.4: what follows is UTF-8
_SECURITY = 10  # facility "security/authorization", RFC 5424 table 1
_NOTICE, _WARNING = 5, 4  # severities, RFC 5424 table 2
MESSAGE_ID = "DICOM+RFC3881"


class AuditEvent(Enum):
    """What happened: code and meaning (CID 400)."""

    APPLICATION_ACTIVITY = ("110100", "Application Activity")
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


@dataclass(frozen=True)
class AuditMessage:
    """One message.

    Parameters
    ----------
    action : str
        C(reate), R(ead), U(pdate), D(elete) or E(xecute).
    source : str
        Who sends the message: our AE title.
    studies : tuple of str
        Study Instance UIDs it was about.
    accession : str
        Accession number of the case; empty for none.
    """

    event: AuditEvent
    action: str
    at: datetime
    outcome: Outcome
    source: str
    participants: tuple[Participant, ...]
    kind: AuditType | None = None
    studies: tuple[str, ...] = ()
    accession: str = ""


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
    for participant in message.participants:
        _participant(root, participant)
    Xml.SubElement(root, "AuditSourceIdentification", AuditSourceID=_clean(message.source))
    for study in message.studies:
        _study(root, study, message.accession)
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


def _study(root: Xml.Element, study: str, accession: str) -> None:
    element = Xml.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_clean(study),
        ParticipantObjectTypeCode="2",  # system object
        ParticipantObjectTypeCodeRole="3",  # report
    )
    _code(element, "ParticipantObjectIDTypeCode", ("110180", "Study Instance UID"))
    Xml.SubElement(element, "ParticipantObjectName").text = _clean(accession or study)
    if accession:
        description = Xml.SubElement(element, "ParticipantObjectDescription")
        Xml.SubElement(description, "Accession", Number=_clean(accession))


def _code(parent: Xml.Element, name: str, code: tuple[str, str]) -> None:
    value, meaning = code
    told = {"csd-code": value, "codeSystemName": "DCM", "originalText": meaning}
    Xml.SubElement(parent, name, told)


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a moment without time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(text: str) -> str:
    """Leave out what XML cannot hold: control characters and lone surrogates."""
    return "".join(c for c in text if c.isprintable())


def syslog_line(message: AuditMessage, *, host: str, process: int) -> bytes:
    """Wrap a message as RFC 5424 wants it: header, no structured data, UTF-8 XML.

    Parameters
    ----------
    host : str
        Our machine's name; anything but printable ASCII becomes ``-``.
    process : int
        Number of the process that speaks.
    """
    severity = _NOTICE if message.outcome is Outcome.SUCCESS else _WARNING
    name = host if host.isascii() and host.isprintable() and " " not in host else "-"
    head = (
        f"<{_SECURITY * 8 + severity}>1 {_moment(message.at)} {name[:255] or '-'} "
        f"pacs_bridge {process} {MESSAGE_ID} - "
    )
    return head.encode("ascii") + _BOM + audit_xml(message)


def octet_counted(line: bytes) -> bytes:
    """Frame a line for TCP and TLS (RFC 5425 4.3, RFC 6587 3.4.1)."""
    return f"{len(line)} ".encode("ascii") + line
