"""The scoring server's HTTP face: signatures, limits, refusals in JSON, its own description."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from pacs_bridge.domain.errors import GiveUp, RefusedInput, RetryLater
from pacs_bridge.scoring import signing
from pacs_bridge.scoring.client import RETRIED
from pacs_bridge.scoring.payload import canonical
from pacs_bridge.scoring.server import ScorerConfig, create_app
from pacs_bridge.scoring.server.errors import http_status
from tests.errors import family
from tests.scoring_builders import a_reading
from tests.signed_client import NOW, SECRET, SignedClient, a_scoring_app, sentence


@pytest.fixture
def app(tmp_path):
    with a_scoring_app(tmp_path) as app:
        yield app


@pytest.fixture
def scorer(app):
    return SignedClient(app)


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "é", "md5=x"])
def test_a_body_with_a_wrong_signature_is_refused_unread(app, signature):
    headers = {signing.SIGNATURE: signature.encode("latin-1").decode("latin-1")}
    for method, path in (("POST", "/v1/readings"), ("PUT", "/v1/truth/PERFORMS121/1")):
        response = app.test_client().open(path, method=method, data=b"{", headers=headers)
        assert "signature" in sentence(response, 401)


def test_a_body_that_was_changed_on_its_way_is_refused(app):
    raw = canonical(a_reading().as_payload())
    headers = {signing.SIGNATURE: signing.sign(SECRET, raw)}
    changed = raw.replace(b"RECALL", b"TECH")
    response = app.test_client().post("/v1/readings", data=changed, headers=headers)
    assert sentence(response, 401)


@pytest.mark.parametrize(("late", "status"), [(0, 404), (299, 404), (-299, 404), (301, 401)])
def test_a_question_is_good_for_five_minutes(scorer, late, status):
    operation = scorer.description["paths"]["/v1/results/{reading}"]["get"]
    asked = scorer.ask("/v1/results/x", operation, at=NOW + late)
    assert asked.status_code == status
    assert scorer.ask("/v1/results/x", operation, at=NOW - late).status_code == status


def test_a_question_without_time_or_signed_for_another_is_refused(app):
    client, at = app.test_client(), str(NOW)
    signature = signing.sign(SECRET, signing.question("GET", "/v1/results/a", at))
    for path, time in (("/v1/results/b", at), ("/v1/results/a", ""), ("/v1/results/a", "٣")):
        headers = {signing.SIGNATURE: signature, signing.TIMESTAMP: time}
        headers = {key: value.encode().decode("latin-1") for key, value in headers.items()}
        assert client.get(path, headers=headers).status_code == 401


def test_a_body_that_is_too_large_is_refused_in_json(tmp_path):
    with a_scoring_app(tmp_path, largest_body=1000) as small:
        assert "too large" in sentence(SignedClient(small).post_raw(b" " * 1001), 413)


def test_wrong_addresses_and_methods_are_refused_in_json(app):
    client = app.test_client()
    assert "nothing at this address" in sentence(client.get("/v2"), 404)
    response = client.delete("/v1/openapi.json")
    assert "method" in sentence(response, 405)
    assert "GET" in response.headers["Allow"]


def test_health_and_description_need_no_signature(app, scorer):
    health = app.test_client().get("/health")
    described = scorer.description["paths"]["/health"]["get"]["responses"]["200"]
    scorer.conform(health.get_json(), described["content"])
    assert health.get_json() == {"status": "ok"}


def test_the_description_is_valid_openapi_and_names_every_route(app, scorer):
    validate(scorer.description)
    assert scorer.description["openapi"] == "3.1.0"
    served = {
        rule.rule.replace("<int:", "<")
        .replace("<set_name>", "{set}")
        .replace("<", "{")
        .replace(">", "}")
        for rule in app.url_map.iter_rules()
    }
    assert served - {"/v1/openapi.json"} == set(scorer.description["paths"])


@pytest.mark.parametrize("kind", family(RetryLater), ids=lambda kind: kind.__name__)
def test_what_may_be_sent_again_is_answered_so_that_the_client_does(kind):
    assert http_status(kind()) in RETRIED | {503}


@pytest.mark.parametrize("kind", family(GiveUp), ids=lambda kind: kind.__name__)
def test_what_will_never_be_taken_is_answered_as_a_refusal(kind):
    assert http_status(kind("why")) in {401, 404, 409, 422}


def test_a_fault_of_our_own_is_told_in_json_without_its_details(app, monkeypatch, caplog):
    monkeypatch.setattr(
        app.extensions["scoring"].store, "check", lambda: (_ for _ in ()).throw(KeyError("inside"))
    )
    response = app.test_client().get("/health")
    assert "inside" not in sentence(response, 500)
    assert "inside" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"only 15 bytes  "])
def test_without_a_usable_secret_there_is_no_server(tmp_path, content):
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(RefusedInput, match="secret"):
        create_app(ScorerConfig(tmp_path / "scorer.sqlite", secret))
