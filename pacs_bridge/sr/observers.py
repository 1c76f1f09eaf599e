"""Who made an object, and when, as far as it says.

References
----------
STANDARDS.md 1.5: the order of attributes, of which the first that is not empty wins and
all are kept as evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import Observer
from pacs_bridge.sr import codes, elements, sop_classes
from pacs_bridge.sr.tree import Node, read_tree

if TYPE_CHECKING:
    from pydicom import Dataset


def observer_of(ds: Dataset) -> Observer:
    """Tell who made a state or report by its head alone, without reading what it says."""
    if elements.text(ds, "SOPClassUID") in sop_classes.PLANE_STATES | sop_classes.RENDERED_STATES:
        return observer_of_state(ds)
    head = read_tree(ds, deepest=3).root.walk()
    return observer_of_report(ds, (n for n in head if n.relationship == "HAS OBS CONTEXT"))


def observer_of_state(ds: Dataset) -> Observer:
    """Who made a presentation state.

    A creator's name of a single word is taken as a log-in name too: that is what
    workstations put there that know no person's name.
    """
    evidence: dict[str, str] = {}
    identity = ""
    for keyword in ("ContentCreatorIdentificationCodeSequence", "OperatorIdentificationSequence"):
        for item in elements.items(ds, keyword)[:1]:
            code = elements.code(item, "PersonIdentificationCodeSequence")
            if code is not None:
                evidence[keyword] = code.value or code.meaning
                identity = identity or evidence[keyword]
    name = ""
    for keyword in ("ContentCreatorName", "OperatorsName"):
        value = elements.person(ds, keyword)
        if value:
            evidence[keyword] = value
            name = name or value
    _add_station(ds, evidence)
    login = name if name and "^" not in name and " " not in name else ""
    return Observer(name or None, login or None, identity or None, evidence=evidence)


def observer_of_report(ds: Dataset, nodes: Iterable[Node], *, machine: bool = False) -> Observer:
    """Who made a structured report.

    Parameters
    ----------
    nodes : iterable of Node
        The content items in which an observer may be named: the root's observation
        context first, then those of groups.
    machine : bool
        Whether an object of this kind comes from a machine unless a person is named.

    References
    ----------
    PS3.16 TID 1001 to 1004; PS3.3 C.17.2 (author, participant, verifying observer).
    """
    evidence: dict[str, str] = {}
    found: dict[str, str] = {}
    device = False
    for node in nodes:
        name = codes.key(node.concept)
        if name == codes.OBSERVER_TYPE:
            device = device or codes.key(node.value_code) == codes.DEVICE
        elif name in codes.DEVICE_FACTS or name == codes.ALGORITHM_NAME:
            device = True
            evidence.setdefault(f"{name[0]} {name[1]}", node.said())
        for concept, what in (
            (codes.PERSON_NAME, "name"),
            (codes.PERSON_LOGIN, "login"),
            (codes.AIM_LOGIN, "login"),
            (codes.PERSON_ID, "id"),
        ):
            said = node.said()
            if name == concept and said:
                evidence.setdefault(f"{concept[0]} {concept[1]}", said)
                found.setdefault(what, said)
    _add_attributes(ds, evidence, found)
    _add_station(ds, evidence)
    person = any(found.values())
    return Observer(
        found.get("name") or None,
        found.get("login") or None,
        found.get("id") or None,
        (device or machine) and not person,
        evidence,
    )


def _add_attributes(ds: Dataset, evidence: dict[str, str], found: dict[str, str]) -> None:
    for sequence, keyword, codes_at in (
        ("AuthorObserverSequence", "PersonName", "PersonIdentificationCodeSequence"),
        (
            "VerifyingObserverSequence",
            "VerifyingObserverName",
            "VerifyingObserverIdentificationCodeSequence",
        ),
        ("ParticipantSequence", "PersonName", "PersonIdentificationCodeSequence"),
    ):
        for item in elements.items(ds, sequence)[:1]:
            name, code = elements.person(item, keyword), elements.code(item, codes_at)
            if name:
                evidence[sequence] = name
                found.setdefault("name", name)
            if code is not None:
                evidence[f"{sequence} code"] = code.value or code.meaning
                found.setdefault("id", code.value or code.meaning)


def _add_station(ds: Dataset, evidence: dict[str, str]) -> None:
    for keyword in ("InstitutionName", "StationName"):
        value = elements.text(ds, keyword)[:64]
        if value:
            evidence[keyword] = value


def made_at(ds: Dataset) -> datetime | None:
    """When the object's content was made; without time zone where the object gives none."""
    for date, time in (
        ("PresentationCreationDate", "PresentationCreationTime"),
        ("ContentDate", "ContentTime"),
        ("InstanceCreationDate", "InstanceCreationTime"),
    ):
        when = elements.moment(ds, date, time)
        if when is not None:
            return when
    return None
