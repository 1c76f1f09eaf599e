"""Names of sets and cases, UIDs, AE titles: only their parsers make them."""

import pytest

from pacs_bridge.domain.errors import RefusedInput, UnreadableObject
from pacs_bridge.domain.identifiers import (
    PERFORMS,
    CaseName,
    Naming,
    SetName,
    parse_ae_title,
    parse_name,
    parse_uid,
)


@pytest.mark.parametrize(
    ("text", "round_", "part", "number", "copy"),
    [
        ("PERFORMS121101", 12, 1, 101, 0),
        ("PERFORMS121001", 12, 1, 1, 0),
        ("PERFORMS12110107", 12, 1, 101, 7),
        ("PERFORMS992160", 99, 2, 160, 0),
        ("PERFORMS071004", 7, 1, 4, 0),
    ],
)
def test_a_case_name_is_read_generically(text, round_, part, number, copy):
    name = CaseName.parse(text)
    assert (name.set_name.round, name.set_name.part, name.number, name.copy) == (
        round_, part, number, copy,
    )  # fmt: skip
    assert str(name) == text


@pytest.mark.parametrize(
    "text",
    ["PERFORMS12110", "PERFORMS1211010", "PERFORMS121005", "PERFORMS121100", "PERFORMS121161",
     "XPERFORMS121101", "performs121101", "PERFORMS121101 7", "1211010101", "",
     "PERFORMS121１０１"],
)  # fmt: skip
def test_what_only_resembles_a_case_name_is_refused(text):
    with pytest.raises(RefusedInput):
        CaseName.parse(text)


def test_a_case_name_never_passes_for_an_nhs_number():
    names = [CaseName(SetName(12, 1), n, c) for n in PERFORMS.numbers() for c in (0, 7)]
    assert not any(str(name).isdigit() or len(str(name)) == 10 for name in names)
    assert max(len(str(name)) for name in names) == 16


def test_a_full_set_has_four_practice_and_sixty_test_cases():
    kinds = [PERFORMS.kind_of(n) for n in PERFORMS.numbers()]
    assert (kinds.count("practice"), kinds.count("test")) == (4, 60)


def test_another_scheme_is_data_and_not_code():
    other = Naming("PERFECTS", practice=(1, 2), test=(10, 19))
    assert CaseName.parse("PERFECTS031015", other).number == 15


@pytest.mark.parametrize("text", ["1.2.840.10008.1.1", "2.25.0", "1.02.3", "1.2.3\0"])
def test_a_uid_passes(text):
    assert parse_uid(text) == text.rstrip("\0")


@pytest.mark.parametrize(
    "text", ["../../evil", "", "1..2", "1.2.", ".1", "1.2\n", "1.2;rm", "1" * 65, "１.2"]
)
def test_what_could_do_harm_is_no_uid(text):
    with pytest.raises(UnreadableObject):
        parse_uid(text)


@pytest.mark.parametrize("text", ["PACS", "STORE_SCP", "A B", "x-ray.1", "A" * 16])
def test_an_ae_title_passes(text):
    assert parse_ae_title(text) == text


@pytest.mark.parametrize(
    "text", ["", " ", "A" * 17, "<script>", "A\nB", "A\\B", "É", "';DROP TABLE"]
)
def test_an_ae_title_that_could_do_harm_is_refused(text):
    with pytest.raises(RefusedInput):
        parse_ae_title(text)


def test_a_name_is_kept_in_lower_case():
    assert parse_name(" St-Marys ") == "st-marys"
    with pytest.raises(RefusedInput):
        parse_name("../x")
