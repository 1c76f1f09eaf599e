"""The schema of audit messages, as a check that a test calls (PS3.15 A.5.1, in our own words)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as Xml

MANY, ONCE, MAYBE, SOME = (0, None), (1, 1), (0, 1), (1, None)


@dataclass(frozen=True)
class Kind:
    """What an element may have: children in order with how often, attributes (True: needed)."""

    children: tuple[tuple[str, tuple[int, int | None]], ...] = ()
    attributes: dict[str, tuple[bool, str]] | None = None
    text: str = ""


ANY = r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*"
CODE = {"csd-code": (True, r"\S+"), "codeSystemName": (True, r".+"),
        "displayName": (False, ANY), "originalText": (True, r".+")}  # fmt: skip
UID = r"[0-2](\.(0|[1-9]\d*))*|unknown"
CODED = Kind(attributes=CODE)
KINDS = {
    "AuditMessage": Kind(
        (("EventIdentification", ONCE), ("ActiveParticipant", SOME),
         ("AuditSourceIdentification", ONCE), ("ParticipantObjectIdentification", MANY)), {},
    ),
    "EventIdentification": Kind(
        (("EventID", ONCE), ("EventTypeCode", MANY), ("EventOutcomeDescription", MAYBE)),
        {"EventActionCode": (False, "[CRUDE]"), "EventOutcomeIndicator": (True, "0|4|8|12"),
         "EventDateTime": (True, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")},
    ),
    "EventOutcomeDescription": Kind((), {}, ANY),
    "ActiveParticipant": Kind(
        (("RoleIDCode", MANY),),
        {"UserID": (True, ANY), "AlternativeUserID": (False, ANY), "UserName": (False, ANY),
         "UserIsRequestor": (True, "true|false"), "NetworkAccessPointID": (False, ANY),
         "NetworkAccessPointTypeCode": (False, "[1-5]")},
    ),
    "AuditSourceIdentification": Kind(
        (), {"AuditSourceID": (True, ANY), "AuditEnterpriseSiteID": (False, ANY)}
    ),
    "ParticipantObjectIdentification": Kind(
        (("ParticipantObjectIDTypeCode", ONCE), ("ParticipantObjectName", ONCE),
         ("ParticipantObjectDetail", MANY), ("ParticipantObjectDescription", MANY)),
        {"ParticipantObjectID": (True, ANY), "ParticipantObjectTypeCode": (False, "[1-4]"),
         "ParticipantObjectTypeCodeRole": (False, r"[1-9]|1\d|2[0-6]")},
    ),
    "ParticipantObjectName": Kind((), {}, ANY),
    "ParticipantObjectDetail": Kind((), {"type": (True, ANY), "value": (True, ANY)}),
    "ParticipantObjectDescription": Kind((("Accession", MANY), ("SOPClass", MANY)), {}),
    "Accession": Kind((), {"Number": (True, ".+")}),
    "SOPClass": Kind((), {"UID": (False, UID), "NumberOfInstances": (True, r"\d+")}),
    "EventID": CODED, "EventTypeCode": CODED, "RoleIDCode": CODED,
    "ParticipantObjectIDTypeCode": CODED,
}  # fmt: skip


def check_message(document: bytes) -> Xml.Element:
    """Hold a message to the schema; gives its root."""
    root = Xml.fromstring(document)
    assert root.tag == "AuditMessage"
    _check(root)
    moment = root[0].attrib["EventDateTime"]
    assert datetime.fromisoformat(moment).tzinfo is not None
    for detail in root.iter("ParticipantObjectDetail"):
        base64.b64decode(detail.attrib["value"], validate=True)
    return root


def _check(element: Xml.Element) -> None:
    kind = KINDS[element.tag]
    allowed = kind.attributes or {}
    assert set(element.attrib) <= set(allowed), element.tag
    for name, (needed, form) in allowed.items():
        value = element.get(name)
        assert value is not None or not needed, f"{element.tag} lacks {name}"
        assert value is None or re.fullmatch(form, value), f"{element.tag} {name} is {value!r}"
    names = [name for name, _ in kind.children]
    places = [names.index(child.tag) for child in element]
    assert places == sorted(places), f"order in {element.tag}"
    for place, (name, (least, most)) in enumerate(kind.children):
        count = places.count(place)
        assert count >= least, f"{element.tag} lacks {name}"
        assert most is None or count <= most, f"{element.tag} has {count} of {name}"
    assert re.fullmatch(kind.text, (element.text or "").strip()), element.tag
    for child in element:
        _check(child)
