"""A reader is told what to search for where the PACS files a case under another number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pacs_bridge.domain.loading import Findable, Readiness
from tests.web.conftest import SignIn
from tests.web.seed import NOW, Scheme

CASE = "PERFORMS121101"


def rename(scheme: Scheme, accepted: str, found: str) -> None:
    number = scheme.loads["northfield"]
    with scheme.begin() as uow:
        verdicts = [
            replace(each, findable=Findable.BY_OTHER_NAME, search_for=found)
            if each.accession == CASE
            else each
            for each in uow.loads.verdicts(number)
        ]
        uow.loads.keep_sweep(number, verdicts, Readiness.READY, 0, NOW)
        uow.search_notes.accept(number, CASE, accepted, NOW)


@pytest.mark.parametrize("page", ["/", "/results"])
def test_a_reader_sees_what_was_accepted_and_nobody_of_another_pacs_does(
    scheme: Scheme, sign_in: SignIn, page: str
) -> None:
    assert "search for" not in sign_in("midway").get(page).text
    rename(scheme, "RVX<1>", "RVX<1>")
    shown = sign_in("midway").get(page).text
    assert "1 case of PERFORMS121 stands under another number" in shown
    assert f"{CASE}: search for" in shown
    assert "RVX&lt;1&gt;" in shown
    assert "search for" not in sign_in("fresh").get(page).text


def test_a_name_that_the_pacs_has_changed_again_is_not_shown(
    scheme: Scheme, sign_in: SignIn
) -> None:
    rename(scheme, "RVX1", "RVX2")
    assert "search for" not in sign_in("midway").get("/").text
