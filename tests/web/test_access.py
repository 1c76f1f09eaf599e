"""Every kind of person asks for every page, by every method."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask

from pacs_bridge.web.access import ACCESS, protect, safe_next
from tests.web.conftest import SignIn
from tests.web.seed import PEOPLE, SET, Scheme

EVERYBODY = {"-", *PEOPLE}
SIGNED_IN = set(PEOPLE)
READERS = {"done", "midway", "fresh", "nobody"}
ENROLLED = READERS - {"nobody"}
RELEASED = {"done", "midway"}

# Who gets in where, as the docs say it (docs/pages.md). Loads and results are asked for as
# northfield's: whoever has the role but not that hospital or round is told there is no page.
MAY = {
    "static": (EVERYBODY, set()),
    "health.show": (EVERYBODY, set()),
    "sign_in.show": (EVERYBODY, set()),
    "sign_in.create": (EVERYBODY, set()),
    "sign_in.left": (EVERYBODY, set()),
    "sign_in.unlock": (EVERYBODY, set()),
    "sign_in.other": (EVERYBODY, set()),
    "sign_in.stay": (SIGNED_IN, set()),
    "sign_in.end": (SIGNED_IN, set()),
    "home.show": (SIGNED_IN, set()),
    "account.show": (SIGNED_IN, set()),
    "account.change_password": (SIGNED_IN, set()),
    "loads.index": ({"admin", "contact", "contact2"}, set()),
    "loads.show": ({"admin", "contact"}, {"contact2"}),
    "loads.progress": ({"admin", "contact"}, {"contact2"}),
    "loads.start": ({"admin", "contact"}, {"contact2"}),
    "loads.verify": ({"admin", "contact"}, {"contact2"}),
    "loads.accept": ({"admin", "contact"}, {"contact2"}),
    "workstation.show": ({"admin", "contact"}, {"contact2"}),
    "workstation.check": ({"admin", "contact"}, {"contact2"}),
    "isolation.show": ({"admin", "contact"}, {"contact2"}),
    "isolation.ask": ({"admin", "contact"}, {"contact2"}),
    "isolation.seen": ({"admin", "contact"}, {"contact2"}),
    "isolation.take_back": ({"admin", "contact"}, {"contact2"}),
    "isolation.hand_on": ({"admin", "contact"}, {"contact2"}),
    "isolation.lift": ({"admin"}, set()),
    "isolation.finish": (ENROLLED, {"nobody"}),
    "feedback.ask": (ENROLLED, {"nobody"}),
    "feedback.take_away": (ENROLLED, {"nobody"}),
    "feedback.ask_for_load": ({"admin", "contact"}, {"contact2"}),
    "feedback.take_away_from_load": ({"admin", "contact"}, {"contact2"}),
    "feedback.what_goes": ({"admin", "contact"}, {"contact2"}),
    "reader_copies.index": ({"admin", "contact", "contact2"}, set()),
    "reader_copies.show": ({"admin", "contact"}, {"contact2"}),
    "reader_copies.agree": ({"admin", "contact"}, {"contact2"}),
    "pack.show": ({"admin", "contact"}, {"contact2"}),
    "pack.orders": ({"admin", "contact"}, {"contact2"}),
    "results.index": (READERS, set()),
    "results.show": (READERS - {"nobody"}, {"nobody"}),
    "results.plot": ({"done"}, READERS - {"done"}),  # the others' figures are not due yet
    "saving.show": ({"admin", "contact"}, {"contact2"}),
    "saving.image": (set(), {"admin", "contact", "contact2"}),  # there is none yet
    "saving.words": ({"admin", "contact"}, {"contact2"}),
    "saving.upload": ({"admin", "contact"}, {"contact2"}),
    "saving.remove": ({"admin", "contact"}, {"contact2"}),
    "reading.rounds": (READERS, set()),
    "reading.index": (ENROLLED, {"nobody"}),
    "reading.look": (RELEASED, READERS - RELEASED),
    "reading.show": (ENROLLED, {"nobody"}),
    "reading.look_case": (RELEASED, READERS - RELEASED),
    "reading.picture": (RELEASED, READERS - RELEASED),
    "fine.part": (set(), RELEASED | (READERS - RELEASED)),  # no part of it was asked for
    "reading.rest": (RELEASED, READERS - RELEASED),
    "reading.answer": (RELEASED, READERS - RELEASED),
    "reading.place": (RELEASED, READERS - RELEASED),
    "reading.link": (RELEASED, READERS - RELEASED),
    "reading.decide": (RELEASED, READERS - RELEASED),
    "reading.normal": (RELEASED, READERS - RELEASED),
    "viewer.show": (ENROLLED, {"nobody"}),
    "viewer.saving": (set(), READERS),  # there is no picture yet
    "viewer.drawing": (ENROLLED, {"nobody"}),
    "viewer.draw": (ENROLLED, {"nobody"}),
    "viewer.stop": (ENROLLED, {"nobody"}),
    "viewer.begin": (ENROLLED, {"nobody"}),
    "viewer.end": (ENROLLED, {"nobody"}),
    "viewer.finish": (ENROLLED, {"nobody"}),
    "claims.show": (ENROLLED, {"nobody"}),
    "claims.claim": (ENROLLED, {"nobody"}),
    "claims.refuse": (ENROLLED, {"nobody"}),
    "claims.dispute": (ENROLLED, {"nobody"}),
    "claims.own": (RELEASED, READERS - RELEASED),
    "associations.index": ({"admin"}, set()),
    "associations.lines": ({"admin"}, set()),
    "associations.callers": ({"admin"}, set()),
    "associations.stream": ({"admin"}, set()),
    "associations.adopt": ({"admin"}, set()),
    "associations.forget": ({"admin"}, set()),
    "watch.index": ({"admin"}, set()),
}
VALUES = {"form": "csv", "filename": "pages.css", "set_name": SET} | {
    "accession": f"{SET}101",
    "number": "1",
    "pacs": "northfield",
    "frame": "1",
}


def test_every_route_has_its_row_in_the_rule_and_in_this_test(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints == set(ACCESS) == set(MAY)


def test_an_application_with_a_route_without_rule_does_not_start() -> None:
    app = Flask("unruly")
    stray = Blueprint("stray", "stray")
    stray.add_url_rule("/stray", "show", lambda: "anybody")
    app.register_blueprint(stray)
    with pytest.raises(RuntimeError, match=r"stray\.show"):
        protect(app)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_each_page_lets_in_whom_it_should_and_nobody_else(
    who: str, app: Flask, scheme: Scheme, sign_in: SignIn
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False  # here it is about who, not from where
    client = app.test_client() if who == "-" else sign_in(who)
    values = VALUES | {"load_id": str(scheme.loads["northfield"])}
    wrong = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: r.endpoint == "sign_in.end"):
        url = rule.build({name: values[name] for name in rule.arguments})
        assert url is not None
        for method in sorted((rule.methods or set()) & {"GET", "POST", "HEAD"}):
            answer = client.open(url[1], method=method)
            answer.close()
            let_in, hidden = MAY[rule.endpoint]
            if who in let_in:
                fits = answer.status_code in (200, 303, 422)
                fits = fits and not (answer.location or "").startswith("/sign-in?")
            elif who in hidden:
                fits = answer.status_code == 404
            elif who == "-":
                fits = answer.status_code == 401 or (answer.location or "").startswith("/sign-in")
            else:
                fits = answer.status_code == 403
            if not fits:
                wrong.append((method, url[1], answer.status_code))
    assert wrong == []


def test_asking_by_a_method_that_a_page_has_not_changes_nothing(sign_in: SignIn) -> None:
    client = sign_in("admin")
    assert client.get("/sign-in/end").status_code == 405
    assert client.delete("/loads").status_code == 405
    assert client.get("/").status_code == 200


def test_a_refused_page_says_nothing_of_what_it_holds(sign_in: SignIn, scheme: Scheme) -> None:
    southmere = scheme.loads["southmere"]
    assert "southmere" not in sign_in("contact").get(f"/loads/{southmere}").text
    assert sign_in("contact").get(f"/loads/{southmere}").status_code == 404
    assert "OTHERPACS" not in sign_in("contact").get("/associations").text


def test_a_refusal_is_kept_for_the_audit_trail(sign_in: SignIn, scheme: Scheme) -> None:
    sign_in("contact").get("/watch")
    with scheme.begin() as uow:
        newest = uow.events.newest(1)[0]
    assert (newest.kind, newest.detail) == ("access-refused", {"page": "watch.index"})


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "evil",
        "javascript:x",
        "/\nx",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(elsewhere: str, app: Flask) -> None:
    with app.test_request_context():
        assert safe_next(elsewhere) == "/"
        assert safe_next("/loads/1") == "/loads/1"
