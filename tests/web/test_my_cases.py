"""A reader finds from any page what to read, what has arrived, what is not read, the results."""

from __future__ import annotations

from tests.web.conftest import SignIn
from tests.web.desk import MASS, SPOT, a_save, drawn
from tests.web.seed import SET, Scheme
from tests.web.test_reading import words


def test_a_reader_sees_where_every_round_stands_and_goes_on_from_there(
    sign_in: SignIn, scheme: Scheme
) -> None:
    client = sign_in("midway")
    a_save(scheme, 120, drawn(120, 1, "POINT", SPOT, rating=4, finding=MASS))
    page = client.get("/reading").text
    said = words(page)
    assert "48 Not read yet" in said or "Not read yet 48" in said
    assert "Reached us 16 of 64" in said
    for address in (f"/reading/{SET}", f"/viewer/{SET}", f"/claims/{SET}", f"/results/{SET}"):
        assert f'href="{address}"' in page
    assert 'href="/reading"' in client.get("/").text
    assert f'href="/reading/{SET}/{SET}101"' in client.get(f"/results/{SET}").text
    assert f'href="/results/{SET}"' in client.get(f"/reading/{SET}").text


def test_who_may_not_read_yet_is_told_why_and_sees_no_counts(sign_in: SignIn) -> None:
    page = words(sign_in("fresh").get("/reading").text)
    assert "The cases are not ready" in page
    assert "Not read yet" not in page
    assert "You are not enrolled" in words(sign_in("nobody").get("/reading").text)
