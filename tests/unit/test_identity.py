"""Whom an object names: every attribute kept, people told apart; names and codes compared."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from pydicom import Dataset

from pacs_bridge.domain.claims import Claim, Saying, owner_of
from pacs_bridge.domain.handshake import (
    VIEWS,
    Counts,
    Drawn,
    Handshake,
    count_marks,
    draw_code,
    is_part_of,
    matches,
    say_counts,
)
from pacs_bridge.domain.identity import names_nobody, normal, persons_of
from pacs_bridge.domain.marks import Mark, Observer, ReadObject
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import (
    GSPS,
    a_code,
    a_graphic,
    a_group,
    a_report,
    a_state,
    an_annotation,
    an_item,
    coordinates,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def context(code: str, value: str) -> Dataset:
    """An item of observation context: a name, log-in, number or organisation."""
    kind = "PNAME" if code == "121008" else "TEXT"
    given = {"PersonName": value} if kind == "PNAME" else {"TextValue": value}
    return an_item(kind, a_code(code), relationship="HAS OBS CONTEXT", **given)


def a_person() -> Dataset:
    """An item of an observer's type: a person."""
    return an_item("CODE", a_code("121005"), relationship="HAS OBS CONTEXT",
                   ConceptCodeSequence=a_code("121006"))  # fmt: skip


def said(ds: Dataset) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.source, each.said) for each in persons_of(read_object(ds).observer)]


def test_a_state_names_its_creator_before_its_operator_and_keeps_both() -> None:
    creator, operator = Dataset(), Dataset()
    creator.PersonIdentificationCodeSequence = a_code("R00042", "99HOSP")
    operator.PersonIdentificationCodeSequence = a_code("T7", "99HOSP")
    ds = a_state(
        an_annotation(a_graphic("POINT", 1, 2)), ContentCreatorName="Lee^Clara",
        OperatorsName="Quill^R", ContentCreatorIdentificationCodeSequence=[creator],
        OperatorIdentificationSequence=[operator], StationName="WS2", InstitutionName="North",
    )  # fmt: skip
    assert said(ds) == [("creator", ("R00042", "Lee^Clara")), ("operator", ("T7", "Quill^R"))]
    evidence = read_object(ds).observer.evidence
    assert (evidence["StationName"], evidence["InstitutionName"]) == ("WS2", "North")


def test_a_report_names_observer_author_verifier_and_participant_in_this_order() -> None:
    people = {}
    for keyword, name in (("AuthorObserverSequence", "A"), ("ParticipantSequence", "P")):
        item = Dataset()
        item.PersonName = f"{name}^One"
        people[keyword] = [item]
    verifier, second = Dataset(), Dataset()
    verifier.VerifyingObserverName, verifier.VerifyingOrganization = "V^One", "North"
    second.VerifyingObserverName = "V^Two"
    people["VerifyingObserverSequence"] = [verifier, second]
    ds = a_report(contexts=(context("121008", "O^One"), context("128774", "oone")), **people)
    assert said(ds) == [
        ("observer", ("O^One", "oone")), ("author", ("A^One",)), ("verifier", ("V^One",)),
        ("verifier", ("V^Two",)), ("participant", ("P^One",)),
    ]  # fmt: skip
    assert read_object(ds).observer.evidence["VerifyingOrganization"] == "North"


def observers(ds: Dataset) -> list[tuple[str, ...]]:
    return [names for source, names in said(ds) if source == "observer"]


def test_two_people_one_after_another_are_two() -> None:
    ds = a_report(contexts=(
        a_person(), context("121008", "Lee^Clara"), context("128774", "clee"),
        a_person(), context("121008", "Jones^Mary"), context("128774", "mjones"),
    ))  # fmt: skip
    assert observers(ds) == [("Lee^Clara", "clee"), ("Jones^Mary", "mjones")]


def test_people_of_two_groups_are_two_and_one_of_both_is_one() -> None:
    def group(login: str) -> Dataset:
        return a_group(context("128774", login), coordinates("POINT", 1, 2))

    apart = read_object(a_report(group("clee"), group("mjones")))
    assert (apart.marks, [share.observer.login for share in apart.others]) == (
        (), ["clee", "mjones"],
    )  # fmt: skip
    assert observers(a_report(group("clee"), group("clee"))) == [("clee",)]
    root = (context("121008", "Lee^Clara"), context("128774", "clee"))
    assert observers(a_report(group("clee"), contexts=root)) == [("Lee^Clara", "clee")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("JSmith", " jsmith "),
        ("Smith^John", "SMITH^JOHN^^"),
        ("Smith^John^^Dr", "smith^john"),
        ("Smith  Jones^Mary", "smith jones^mary"),
        ("M\u00fcller^A", "MU\u0308LLER^a"),
        ("Yamada^Tarou=\u5c71\u7530^\u592a\u90ce", "YAMADA^TAROU"),
    ],
)
def test_the_same_name_in_two_spellings_is_one(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jsmith", "jsmith2"),
        ("Smith^John", "Smith^Jon"),
        ("Smith^John", "John^Smith"),
        ("Smith^John", "Smith^John^A"),
        ("Smith^John^^^Jr", "Smith^John"),
        ("smith john", "Smith^John"),
    ],
)
def test_names_that_only_look_alike_are_two(one: str, other: str) -> None:
    assert normal(one) != normal(other)


@pytest.mark.parametrize(
    "name", ["", "^^", "unknown^unknown", "UNKNOWN", "Anonymous", "IDS7 User", "ws", "n/a", "--"]
)
def test_what_programs_write_for_anybody_is_nobody(name: str) -> None:
    assert names_nobody(name)


@pytest.mark.parametrize("name", ["Philips^Mary", "Doctor^Who", "jsmith", "reader-7", "Ng"])
def test_a_name_that_only_contains_such_a_word_is_somebodys(name: str) -> None:
    assert not names_nobody(name)
    assert names_nobody(name, [name.upper()])  # the workstation is called so


# Codes ---------------------------------------------------------------------------------------


def test_no_code_lies_within_another_of_the_same_time_and_there_is_room_for_twenty() -> None:
    taken: list[Counts] = []
    for _ in range(40):
        taken.append(draw_code(taken[-19:], lambda free: free[0]))
    for window in range(0, 40, 10):
        for one, other in itertools.permutations(taken[window : window + 19], 2):
            assert not is_part_of(one, other)
    open_ones: list[Counts] = []
    for _ in range(20):
        open_ones.append(draw_code(open_ones, lambda free: free[0]))
    with pytest.raises(LookupError):
        draw_code(open_ones, lambda free: free[0])


def test_a_code_asks_for_nothing_on_a_view_that_the_case_has_not() -> None:
    code = draw_code([], lambda free: free[-1], [("R", "CC"), ("R", "MLO")])
    assert (code[1], code[3]) == (0, 0)
    assert sum(code) >= 3


def test_a_code_in_words_names_each_view_once() -> None:
    assert say_counts((2, 0, 0, 1)) == "2 marks on R CC, 1 mark on L MLO, none else"
    assert say_counts((0, 0, 0, 0), whole=False) == "no marks"


def a_drawn_mark(at: int, place: int, **changes: object) -> Mark:
    side, position = VIEWS[at]
    given: dict[str, object] = {"laterality": side, "view": position} | changes
    return Mark(f"1.2.{at}", None, "POINT", ((place, 5.0),), (place, 5.0), **given)  # type: ignore[arg-type]


def test_parts_of_one_mark_count_once_and_labels_not_at_all() -> None:
    marks = [
        a_drawn_mark(0, 1, group="a"), a_drawn_mark(0, 2, group="a"), a_drawn_mark(0, 3),
        a_drawn_mark(1, 4, flags=("not-a-location",)),
        a_drawn_mark(3, 5, flags=("needs-confirmation",)),
    ]  # fmt: skip
    assert count_marks(marks) == (2, 0, 0, 1)
    assert count_marks([a_drawn_mark(0, 1, view="XCCL")]) is None


def a_handshake(code: Counts) -> Handshake:
    return Handshake(1, "PERFORMS121", "R001", "north", "PERFORMS121001", code, NOON,
                     NOON + timedelta(minutes=20))  # fmt: skip


def drawn(*marks: Mark, minutes: float = 1.0, named: bool = True) -> Drawn:
    read = ReadObject(GSPS, f"1.2.3.{minutes}", "presentation-state", Observer(), marks=marks)
    return Drawn(read, ("x",), named, NOON + timedelta(minutes=minutes))


def test_one_mark_too_many_is_no_match_even_beside_the_right_ones() -> None:
    right = drawn(a_drawn_mark(0, 1), a_drawn_mark(3, 2))
    more = drawn(a_drawn_mark(0, 1), a_drawn_mark(3, 2), a_drawn_mark(2, 3), minutes=2)
    asked = a_handshake((1, 0, 0, 1))
    assert matches(asked, [right], []) == (right,)
    assert matches(asked, [more], []) == ()


def test_the_same_mark_saved_twice_is_one_mark() -> None:
    first = drawn(a_drawn_mark(0, 1))
    both = drawn(a_drawn_mark(0, 1), minutes=2)
    rest = drawn(a_drawn_mark(3, 2), minutes=3)
    assert matches(a_handshake((1, 0, 0, 1)), [first, both, rest], []) == (first, both, rest)


def test_an_old_drawing_that_is_saved_again_proves_nothing() -> None:
    old = drawn(a_drawn_mark(0, 1), a_drawn_mark(3, 2), minutes=-5)
    again = drawn(a_drawn_mark(0, 1), a_drawn_mark(3, 2))
    proven = Drawn(again.read, again.key, again.named, again.received_at, used=True)
    asked = a_handshake((1, 0, 0, 1))
    assert matches(asked, [old, again], []) == ()
    assert matches(asked, [proven, again], []) == ()
    more = drawn(a_drawn_mark(0, 1), a_drawn_mark(3, 3), minutes=2)
    assert matches(asked, [drawn(a_drawn_mark(0, 1), minutes=-5), more], []) == (more,)


def test_unnamed_pieces_that_may_be_anothers_prove_nothing_and_named_ones_do() -> None:
    asked, other = a_handshake((1, 0, 0, 1)), a_handshake((1, 2, 0, 0))
    for named, found in ((False, 0), (True, 2)):
        first = drawn(a_drawn_mark(0, 1), named=named)
        pieces = [first, drawn(a_drawn_mark(3, 2), minutes=2, named=named)]
        assert len(matches(asked, pieces, [other])) == found


# Claims --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sayings", "owner", "disputed"),
    [
        ([], None, False),
        ([("claim", "R1")], "R1", False),
        ([("not-mine", "R1")], None, False),
        ([("claim", "R1"), ("claim", "R2")], "R1", False),
        ([("claim", "R1"), ("dispute", "R2")], None, True),
        ([("claim", "R1"), ("dispute", "R1")], "R1", False),
        ([("claim", "R1"), ("dispute", "R2"), ("claim", "R2")], None, True),
        ([("claim", "R1"), ("dispute", "R2"), ("decide", "R2")], "R2", False),
        ([("decide", "R1"), ("dispute", "R2")], "R1", False),
        ([("claim", "R1"), ("undo", None), ("claim", "R2")], "R2", False),
        ([("dispute", "R2")], None, False),
    ],
    ids=str,
)
def test_whose_it_is_follows_from_what_was_said_in_its_order(
    sayings: list[tuple[str, str | None]], owner: str | None, disputed: bool
) -> None:
    said_of_it = [Claim("1.2", Saying(saying), who, "", NOON) for saying, who in sayings]
    standing = owner_of(said_of_it)
    assert (standing.owner, standing.disputed) == (owner, disputed)
