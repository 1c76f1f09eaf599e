"""Whose each part of a report or state is, where more than one person had a hand in it.

A report names its observer at its root; below, a group may name another one, whose words are
all that stands there. Nothing that a group's own observer says is ever the root's.

References
----------
PS3.16 TID 1001 to 1004 (observation context, and that it is inherited until it is replaced);
STANDARDS.md 1.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pacs_bridge.domain.identity import MOST_PERSONS, normal
from pacs_bridge.domain.marks import BreastDecision, Mark, Observer, Share
from pacs_bridge.sr import codes, decided, elements
from pacs_bridge.sr.observers import observer_of_report, of_one_person, persons_in
from pacs_bridge.sr.tree import Node, Tree
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from pydicom import Dataset

Path = tuple[int, ...]
Person = dict[str, str]
_Said = TypeVar("_Said", Mark, BreastDecision)
_CONTEXT = "HAS OBS CONTEXT"


class Speakers:
    """The observers of a report: of the whole, and of the parts that name another one.

    Attributes
    ----------
    observer : Observer
        Of the whole; where nobody but one person is named anywhere, that one.
    others : list of Observer
        Further ones, in the order in which they are named.
    """

    def __init__(self, ds: Dataset, tree: Tree, *, machine: bool) -> None:
        self.others: list[Observer] = []
        self._persons: list[list[Person]] = []
        self._places: dict[Path, int] = {}
        contexts = _contexts(tree)
        homes = {} if machine else _homes(tree)
        if homes:
            self._tell_apart(ds, homes)
        if self.others:
            contexts = [node for node in contexts if _home(node) == tree.root.path]
        self.observer = observer_of_report(ds, contexts, machine=machine)

    def of(self, *paths: Path) -> int:
        """Tell who says what stands at the first of these paths that names somebody: 0 the whole's.

        Otherwise a place in `others`, from 1.
        """
        for path in paths if self._places else ():
            for length in range(len(path), 1, -1):
                if path[:length] in self._places:
                    return self._places[path[:length]]
        return 0

    def _tell_apart(self, ds: Dataset, homes: dict[Path, list[Node]]) -> None:
        by_root = persons_in(homes.pop((1,), []))
        named = {path: persons_in(nodes) for path, nodes in homes.items()}
        everybody: list[Person] = list(by_root)
        for persons in named.values():
            if len(everybody) > MOST_PERSONS:
                break  # a crowd already
            everybody += [each for each in persons if not _is_among(each, everybody)]
        devices = {path for path, nodes in homes.items() if not named[path] and _is_device(nodes)}
        if len(everybody) + len(devices) < 2 or (len(everybody) < 2 and not devices):
            return
        for path, persons in named.items():
            if persons:
                is_roots = len(by_root) == len(persons) == 1 and of_one_person(
                    by_root[0], persons[0]
                )
                self._places[path] = 0 if is_roots else self._place(ds, homes[path], persons)
            elif path in devices:
                self._places[path] = self._place(ds, homes[path], [])

    def _place(self, ds: Dataset, nodes: Sequence[Node], persons: list[Person]) -> int:
        for place, known in enumerate(self._persons, 1):
            if known == persons or (
                len(known) == len(persons) == 1 and of_one_person(known[0], persons[0])
            ):
                return place
        if len(self.others) > MOST_PERSONS:  # a crowd: what it says is nobody's
            return len(self.others)
        crowd = len(self.others) == MOST_PERSONS
        self._persons.append([] if crowd else persons)
        observer = observer_of_report(ds, () if crowd else nodes, alone=True)
        self.others.append(observer)
        return len(self.others)


def _contexts(tree: Tree) -> list[Node]:
    """Observation context of the report, then of its groups."""
    nodes = [node for node in tree.root.walk() if node.relationship == _CONTEXT or _is_made(node)]
    return sorted(nodes, key=lambda node: len(node.path))


def _is_made(node: Node) -> bool:
    """Whether a group says by which algorithm it was made (TID 4019): a program observed it."""
    return (
        node.name == codes.ALGORITHM_NAME
        and (above := node.parent) is not None
        and above.name == codes.MEASUREMENT_GROUP
    )


def _homes(tree: Tree) -> dict[Path, list[Node]]:
    """Observation contexts by the item that they are of; none where the root's are all."""
    homes: dict[Path, list[Node]] = {}
    for node in _contexts(tree):
        homes.setdefault(_home(node), []).append(node)
    return homes if homes.keys() - {tree.root.path} else {}


def _home(node: Node) -> Path:
    """The item whose observer a context names."""
    for each in node.ancestors():
        if each.relationship != _CONTEXT:
            return each.path
    return node.path[:-1]


def _is_among(person: Person, others: Iterable[Person]) -> bool:
    return any(of_one_person(person, each) for each in others)


def _is_device(nodes: Iterable[Node]) -> bool:
    return any(
        node.name == codes.ALGORITHM_NAME
        or (node.name == codes.OBSERVER_TYPE and codes.key(node.value_code) == codes.DEVICE)
        for node in nodes
    )


class Layers:
    """Graphic layers of a presentation state that are described by a person's name.

    A state names one creator. Viewers in which several people draw give each of them a layer
    (PS3.3 C.10.7); a description with the form of a person name says whose it is.

    Attributes
    ----------
    others : list of Observer
        One a person, apart from the creator.
    """

    def __init__(self, ds: Dataset) -> None:
        self.others: list[Observer] = []
        self._layers: dict[str, int] = {}
        creator, names = normal(elements.person(ds, "ContentCreatorName")), dict[str, int]()
        nobodys = 0
        for item in elements.items(ds, "GraphicLayerSequence"):
            said = elements.text(item, "GraphicLayerDescription")[:64]
            name = normal(said)
            if "^" not in name or name == creator:
                continue
            if name not in names and len(self.others) <= MOST_PERSONS:
                crowd = len(self.others) == MOST_PERSONS  # what more of them say is nobody's
                evidence = {} if crowd else {"GraphicLayerDescription": said}
                self.others.append(Observer(None if crowd else said, evidence=evidence))
                names[name] = len(self.others)
            place = names.get(name, len(self.others))
            layer = elements.text(item, "GraphicLayer")[:16]
            if self._layers.setdefault(layer, place) not in (place, nobodys):
                if not nobodys:  # a layer of two persons
                    self.others.append(Observer())
                    nobodys = len(self.others)
                self._layers[layer] = nobodys

    def who(self, mark: Mark) -> int:
        """Tell who drew or wrote a mark: 0 the creator, else a place in `others`."""
        _, _, place = mark.item.partition(" on layer ")
        return self._layers.get(place.rpartition(", ")[0], 0)


def shares_of(
    observers: Sequence[Observer],
    marks: Iterable[tuple[int, Mark]],
    breasts: Iterable[tuple[int, BreastDecision]],
    unread: Unread,
) -> tuple[Share, ...]:
    """Deal out what is said in an object: the first share is that of the whole's observer.

    Parameters
    ----------
    observers : sequence of Observer
        The whole's, then the others'.
    unread : Unread
        What could not be read of the object, which each of them has to know; the first one's
        conflicting decisions are added to it.
    """
    drawn, decisions = list(marks), list(breasts)
    common = tuple(unread.flags)
    shares = []
    for place, observer in enumerate(observers):
        own = unread if place == 0 else Unread(dict.fromkeys(common))
        united = decided.unite(_of(decisions, place), own)
        shares.append(
            Share(
                observer,
                tuple(replace(m, flags=(*m.flags, *own.flags)) for m in _of(drawn, place)),
                united,
            )
        )
    return tuple(shares)


def _of(said: Iterable[tuple[int, _Said]], place: int) -> Iterator[_Said]:
    return (each for who, each in said if who == place)
