"""A signing client of the scoring application that holds all traffic against its OpenAPI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from pacs_bridge.domain.reading import hash_payload
from pacs_bridge.scoring import signing
from pacs_bridge.scoring.payload import canonical
from pacs_bridge.scoring.server import ScorerConfig, close_app, create_app

SECRET = b"\n a secret of the tests: every byte of it counts \n"
NOW = 1_800_000_000


@contextmanager
def a_scoring_app(folder: Path, **changes: Any) -> Iterator[Flask]:
    """A scoring application over a file in a folder, at the moment `NOW`."""
    secret = folder / "secret"
    secret.write_bytes(SECRET)
    config = ScorerConfig(folder / "scorer.sqlite", secret, now=lambda: float(NOW))
    app = create_app(replace(config, **changes))
    try:
        yield app
    finally:
        close_app(app)


def sentence(response: TestResponse, status: int) -> str:
    """The one sentence of a refusal of this status."""
    assert response.status_code == status
    said = str(response.get_json()["error"])
    assert said.endswith(".")
    return said


class SignedClient:
    """Asks a scoring application; every answer must be as its own description says."""

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()
        self.description = self._client.get("/v1/openapi.json").get_json()

    def put_truth(self, payload: dict[str, Any], path: str = "") -> TestResponse:
        path = path or f"/v1/truth/{payload['set_name']}/{payload['version']}"
        operation = self.description["paths"]["/v1/truth/{set}/{version}"]["put"]
        return self.send("PUT", path, canonical(payload), operation)

    def post_reading(self, payload: dict[str, Any], key: str | None = None) -> TestResponse:
        if key is None:
            key = f"{payload.get('reading')}:{hash_payload(payload)}"
        operation = self.description["paths"]["/v1/readings"]["post"]
        return self.send("POST", "/v1/readings", canonical(payload), operation, key)

    def post_raw(self, raw: bytes) -> TestResponse:
        operation = self.description["paths"]["/v1/readings"]["post"]
        return self.send("POST", "/v1/readings", raw, operation, "x:y")

    def result(self, reading: str) -> TestResponse:
        operation = self.description["paths"]["/v1/results/{reading}"]["get"]
        return self.ask(f"/v1/results/{reading}", operation)

    def summary(self, set_name: str, reader: str) -> TestResponse:
        operation = self.description["paths"]["/v1/summaries/{set}/{reader}"]["get"]
        return self.ask(f"/v1/summaries/{set_name}/{reader}", operation)

    def ask(self, path: str, operation: dict[str, Any], at: int = NOW) -> TestResponse:
        headers = {
            signing.TIMESTAMP: str(at),
            signing.SIGNATURE: signing.sign(SECRET, signing.question("GET", path, str(at))),
        }
        return self._checked(self._client.get(path, headers=headers), operation)

    def send(
        self, method: str, path: str, raw: bytes, operation: dict[str, Any], key: str = ""
    ) -> TestResponse:
        headers = {signing.SIGNATURE: signing.sign(SECRET, raw), "Idempotency-Key": key}
        response = self._client.open(path, method=method, data=raw, headers=headers)
        if response.status_code == 200:  # what was taken must be what is described
            self.conform(json.loads(raw), operation["requestBody"]["content"])
        return self._checked(response, operation)

    def conform(self, body: Any, content: dict[str, Any]) -> None:
        schema = content["application/json"]["schema"]
        components = {"components": self.description["components"]}
        Draft202012Validator({**schema, **components}).validate(body)

    def _checked(self, response: TestResponse, operation: dict[str, Any]) -> TestResponse:
        described = operation["responses"][str(response.status_code)]
        assert response.mimetype == "application/json"
        self.conform(response.get_json(), described["content"])
        return response
