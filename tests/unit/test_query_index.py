"""The index of a set: the same answers as looking at every row, and elements that others read."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pacs_bridge.db.repositories.query import VisibleSet
from pacs_bridge.domain import query
from pacs_bridge.domain.matching import condition_of
from pacs_bridge.domain.query import ATTRIBUTES, Level
from pacs_bridge.services.query_index import QueryIndex, SetIndex, index_of
from pacs_bridge.services.query_tables import Table, encode_element
from tests.builders import a_case, a_passport
from tests.queries import data_set


def an_index() -> SetIndex:
    days = ("20250101", "20260101", "20260102", "")
    cases = []
    for place, number in enumerate(range(101, 141)):
        case = a_case(number)
        [study] = case.studies
        cases.append(replace(case, studies=(replace(study, study_date=days[place % len(days)]),)))
    return index_of(replace(a_passport(), cases=tuple(cases)))


_KEYS = {
    query.ACCESSION: ("PERFORMS121*", "PERFORMS12110?", "*5", "PERFORMS121105", "Q*", "P*3*"),
    query.PATIENT_ID: ("PERFORMS12111*", "", "PERFORMS121120"),
    query.PATIENT_NAME: ("performs121^*", "*^11?", ""),
    query.STUDY_DATE: ("20260101", "20250101-20260101", "20260102-", "-20251231", "-", ""),
    query.STUDY_UID: ("1.2.101.1\\1.2.139.1\\1.9", "1.2.120.1", ""),
    query.MODALITIES: ("MG", "CT", "M*"),
    query.STUDY_INSTANCES: ("4", "04", "5", ""),
}  # fmt: skip


def test_what_the_index_finds_is_what_looking_at_every_row_finds() -> None:
    table = an_index().tables[Level.STUDY]
    chance = random.Random(20261122)
    hits = 0
    for _ in range(400):
        tags = chance.sample(list(_KEYS), chance.randint(1, 4))
        made = [condition_of(ATTRIBUTES[tag], chance.choice(_KEYS[tag])) for tag in tags]
        conditions = [each for each in made if each is not None]
        expected = [
            row
            for row in range(table.size)
            if all(each.test(table.values(each.tag)[row]) for each in conditions)
        ]
        assert list(table.matching(conditions)) == expected
        hits += bool(expected)
    assert hits > 50


def test_a_row_has_what_stands_above_it() -> None:
    tables = an_index().tables
    assert [tables[level].size for level in Level] == [40, 40, 40, 160]
    images = tables[Level.IMAGE]
    assert images.values(query.PATIENT_ID)[4] == "PERFORMS121102"
    assert images.values(query.SERIES_UID)[159] == "1.2.140.2"
    assert an_index().images[4].sop_instance_uid == images.values(query.INSTANCE_UID)[4]
    with pytest.raises(KeyError):
        tables[Level.STUDY].values(query.MODALITY)


def test_a_set_without_an_image_is_answered_as_far_as_it_goes() -> None:
    index = index_of(replace(a_passport(), cases=(replace(a_case(), studies=()),)))
    assert set(index.tables) == {Level.PATIENT}
    assert index.images == ()


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "implicit"])
def test_every_kind_of_element_is_read_back_by_others(explicit: bool) -> None:
    table: Table = an_index().tables[Level.IMAGE]
    tags = sorted(tag for tag in ATTRIBUTES if tag not in (query.STUDY_TIME, query.REFERRER))
    encoded = b"".join(table.encoded(tag, explicit=explicit)[0] for tag in tags)
    ds = data_set(encoded, implicit=not explicit)
    assert [int(element.tag) for element in ds] == tags
    for tag in tags:
        value = ds[tag].value
        text = "\\".join(map(str, value)) if ds[tag].VM > 1 else str(value)
        assert text == table.values(tag)[0]


def test_a_list_of_uids_too_long_for_its_vr_still_goes_out() -> None:
    uids = [f"1.2.826.0.1.3680043.10.99.{n:038d}" for n in range(2000)]
    encoded = encode_element(query.INSTANCE_UID, "UI", "\\".join(uids), explicit=True)
    assert encoded[4:6] == b"UN"
    assert encoded[12:].rstrip(b"\0").decode().split("\\") == uids
    assert int(data_set(encoded)[query.INSTANCE_UID].tag) == query.INSTANCE_UID


class _Database:
    """Sets as a unit of work tells of them: all that an index asks for."""

    def __init__(self, passports):
        self.passports = passports
        self.visible = self

    def sets(self, pacs):
        return [VisibleSet(number, "d") for number in self.passports] if pacs == "ours" else []

    def passport(self, each):
        return self.passports[each.case_set_id]


def test_all_that_a_pacs_may_see_is_found_at_once_and_in_the_order_of_its_sets() -> None:
    whole = a_passport()
    numbers = (range(101, 111), range(111, 113), range(113, 131))
    sets = [replace(whole, cases=tuple(a_case(n) for n in some)) for some in numbers]
    index, database = QueryIndex(), _Database(dict(enumerate(sets)))
    view = index.view(database, "ours")
    together = index_of(replace(whole, cases=tuple(case for each in sets for case in each.cases)))
    assert view.images == together.images
    for level in Level:
        joined, table = view.tables[level], together.tables[level]
        assert joined.size == table.size > 0
        for tag, texts in _KEYS.items():
            if ATTRIBUTES[tag].level <= level:
                assert joined.values(tag) == table.values(tag)
                assert joined.encoded(tag, explicit=True) == table.encoded(tag, explicit=True)
                for condition in (condition_of(ATTRIBUTES[tag], text) for text in texts):
                    if condition is not None:
                        found = joined.matching([condition])
                        assert list(found) == list(table.matching([condition]))
    assert index.view(database, "ours") is view
    assert index.view(database, "another").tables == {}


def test_a_set_that_is_taken_away_is_seen_no_more_and_a_new_one_at_once() -> None:
    whole = a_passport()
    one, two = (replace(whole, cases=(a_case(number),)) for number in (101, 102))
    index, database = QueryIndex(), _Database({1: one, 2: two})
    seen = []
    for passports in ({1: one, 2: two}, {1: one}, {}, {2: two, 1: one}):
        database.passports = passports
        view = index.view(database, "ours")
        seen.append([each.sop_instance_uid for each in view.images])
    first, second = ([each.sop_instance_uid for each in index_of(p).images] for p in (one, two))
    assert seen == [first + second, first, [], second + first]
