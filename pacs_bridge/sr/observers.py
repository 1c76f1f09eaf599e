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

from pacs_bridge.domain.identity import MOST_PERSONS, normal, numbered
from pacs_bridge.domain.marks import Observer
from pacs_bridge.sr import codes, elements, sop_classes
from pacs_bridge.sr.tree import Node, read_tree

if TYPE_CHECKING:
    from pydicom import Dataset


def observer_of(ds: Dataset) -> Observer:
    """Tell who made a state or report by its head alone, without reading what it says."""
    if elements.text(ds, "SOPClassUID") in sop_classes.STATES:
        return observer_of_state(ds)
    tree = read_tree(ds, deepest=3)
    contexts = (each for each in tree.root.walk() if each.relationship == "HAS OBS CONTEXT")
    return observer_of_report(ds, contexts)


def observer_of_state(ds: Dataset) -> Observer:
    """Who made a presentation state.

    A creator's name of a single word is taken as a log-in name too: that is what
    workstations put there that know no person's name.
    """
    evidence: dict[str, str] = {}
    names: list[str] = []
    identities: list[str] = []
    for sequence, keyword in (
        ("ContentCreatorIdentificationCodeSequence", "ContentCreatorName"),
        ("OperatorIdentificationSequence", "OperatorsName"),
    ):
        for number, item in enumerate(elements.items(ds, sequence)[:MOST_PERSONS], 1):
            code = elements.code(item, "PersonIdentificationCodeSequence")
            if code is not None:
                evidence[numbered(sequence, number)] = code.value or code.meaning
                identities.append(code.value or code.meaning)
        value = elements.person(ds, keyword)
        if value:
            evidence[keyword] = value
            names.append(value)
    _add_station(ds, evidence)
    name = next(iter(names), "")
    login = name if name and "^" not in name and " " not in name else ""
    identity = next(iter(identities), "")
    return Observer(name or None, login or None, identity or None, evidence=evidence)


def observer_of_report(
    ds: Dataset, nodes: Iterable[Node], *, machine: bool = False, alone: bool = False
) -> Observer:
    """Who made a structured report, or one part of it.

    Parameters
    ----------
    nodes : iterable of Node
        The content items in which an observer may be named: the root's observation
        context first, then those of groups.
    machine : bool
        Whether an object of this kind comes from a machine unless a person is named.
    alone : bool
        Whether these items alone say who: authors and verifiers of the whole do not count.

    References
    ----------
    PS3.16 TID 1001 to 1004; PS3.3 C.17.2 (author, participant, verifying observer).
    """
    evidence: dict[str, str] = {}
    device = False
    persons: list[dict[str, str]] = []
    for node in nodes:
        name, said = codes.key(node.concept), node.said()
        spoken = f"{name[0]} {name[1]}"
        if name == codes.OBSERVER_TYPE:
            device = device or codes.key(node.value_code) == codes.DEVICE
        elif name in codes.DEVICE_FACTS or name == codes.ALGORITHM_NAME:
            device = True
            evidence.setdefault(spoken, said)
        elif name in _PERSON_FACTS and said:
            _note_person(persons, (node.path[:-1], node.path[-1]), spoken, said)
    for number, person in enumerate(_apart(persons)[:MOST_PERSONS], 1):
        evidence |= {numbered(key, number): said for key, said in person.items()}
    if not alone:
        _add_attributes(ds, evidence)
    _add_station(ds, evidence)
    who = {what: _first(evidence, keys) for what, keys in _SPOKEN_BY.items()}
    return Observer(
        who["name"],
        who["login"],
        who["id"],
        (device or machine) and not any(who.values()),
        evidence,
    )


def persons_in(nodes: Iterable[Node]) -> list[dict[str, str]]:
    """Tell apart the persons whom observation contexts name, an organisation alone being none."""
    persons: list[dict[str, str]] = []
    for node in nodes:
        said = node.said()
        if node.name in _PERSON_FACTS and said:
            spoken = f"{node.name[0]} {node.name[1]}"
            _note_person(persons, (node.path[:-1], node.path[-1]), spoken, said)
    return [person for person in _apart(persons) if person.keys() & _NAMES]


def of_one_person(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether two persons share a name, a log-in or a number, and differ in none."""
    shared = _NAMES & one.keys() & other.keys()
    return bool(shared) and all(normal(one[key]) == normal(other[key]) for key in shared)


_PERSON_FACTS = frozenset(
    {codes.PERSON_NAME, codes.PERSON_LOGIN, codes.AIM_LOGIN, codes.PERSON_ID, codes.ORGANISATION}
)
_NAMES = frozenset(f"{value} {scheme}" for value, scheme in _PERSON_FACTS - {codes.ORGANISATION})
_AUTHORS = ("AuthorObserverSequence", "VerifyingObserverSequence", "ParticipantSequence")
_SPOKEN_BY = {
    "name": ("121008 DCM", *_AUTHORS),
    "login": ("128774 DCM", "zzz026 99NCIAIM"),
    "id": ("128775 DCM", *(f"{each} code" for each in _AUTHORS)),
}
_PLACE = "at"


def _note_person(
    persons: list[dict[str, str]], place: tuple[tuple[int, ...], int], key: str, said: str
) -> None:
    """Add a fact to the person of the same parent, or begin another one.

    A report may name several persons one after another under one parent (TID 1001): a fact
    that was said already, and otherwise, is the next one's.
    """
    parent = ".".join(map(str, place[0]))
    last = next((each for each in reversed(persons) if each[_PLACE] == parent), None)
    if last is None or last.get(key, said) != said:
        last = {_PLACE: parent}
        persons.append(last)
    last[key] = said


def _apart(persons: list[dict[str, str]]) -> list[dict[str, str]]:
    """Unite what is said of one person in several places; keep different persons apart."""
    kept: list[dict[str, str]] = []
    for person in persons:
        facts = {key: said for key, said in person.items() if key != _PLACE}
        for known in kept:
            shared = [key for key in facts if key in known]
            if shared and all(known[key] == facts[key] for key in shared):
                known |= facts
                break
        else:
            kept.append(facts)
    return kept


def _first(evidence: dict[str, str], keys: tuple[str, ...]) -> str | None:
    """Give the first of these attributes that is not empty, of whichever person."""
    spoken = (evidence.get(numbered(key, n)) for key in keys for n in range(1, MOST_PERSONS + 1))
    return next(filter(None, spoken), None)


def _add_attributes(ds: Dataset, evidence: dict[str, str]) -> None:
    for sequence, keyword, codes_at in (
        ("AuthorObserverSequence", "PersonName", "PersonIdentificationCodeSequence"),
        (
            "VerifyingObserverSequence",
            "VerifyingObserverName",
            "VerifyingObserverIdentificationCodeSequence",
        ),
        ("ParticipantSequence", "PersonName", "PersonIdentificationCodeSequence"),
    ):
        for number, item in enumerate(elements.items(ds, sequence)[:MOST_PERSONS], 1):
            name, code = elements.person(item, keyword), elements.code(item, codes_at)
            organisation = elements.text(item, "VerifyingOrganization")[:64]
            if name:
                evidence[numbered(sequence, number)] = name
            if code is not None:
                evidence[numbered(f"{sequence} code", number)] = code.value or code.meaning
            if organisation:
                evidence[numbered("VerifyingOrganization", number)] = organisation


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
