"""The scoring server's HTTP face: signatures in, one call of the desk, JSON out."""

from __future__ import annotations

import hashlib
import json
import re
from typing import cast

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from pacs_bridge.domain.errors import BadSignature, PacsBridgeError, RefusedInput
from pacs_bridge.scoring import contract, signing
from pacs_bridge.scoring.server.config import ScorerConfig
from pacs_bridge.scoring.server.desk import Desk
from pacs_bridge.scoring.server.errors import SENTENCES, http_status
from pacs_bridge.scoring.server.openapi import describe
from pacs_bridge.scoring.server.store import Store

signed = Blueprint("signed", __name__, url_prefix="/v1")
public = Blueprint("public", __name__)


def create_app(config: ScorerConfig) -> Flask:
    """Make the scoring server's application; its store is opened, and stays open.

    Raises
    ------
    RefusedInput
        When its file cannot be opened, or there is no usable secret.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.largest_body
    secret = signing.read_secret(config.secret_file)
    app.extensions["scoring"] = Desk(Store(config.database), config)
    app.extensions["scoring_secret"] = secret
    app.register_blueprint(signed)
    app.register_blueprint(public)
    app.register_error_handler(PacsBridgeError, _refuse)
    app.register_error_handler(HTTPException, _refuse_request)
    return app


def close_app(app: Flask) -> None:
    """Close the application's store, once nothing asks it any more."""
    cast(Desk, app.extensions["scoring"]).store.close()


@signed.before_request
def check_signature() -> None:
    """Refuse what the holder of the secret did not sign: the body, or the question and its time."""
    message = request.get_data(cache=True)
    if request.method in ("GET", "HEAD"):
        message = _fresh_question()
    signature = request.headers.get(signing.SIGNATURE, "")
    if not signing.is_signed(current_app.extensions["scoring_secret"], message, signature):
        raise BadSignature("The signature is not ours; use the same scoring secret on both sides.")


@signed.put("/truth/<set_name>/<int:version>")
def put_truth(set_name: str, version: int) -> Response:
    """Take a version of a set's truth."""
    return _json(_desk().take_truth(set_name, version, request.get_data()))


@signed.post("/readings")
def post_reading() -> Response:
    """Take a revision of a reading."""
    key = request.headers.get("Idempotency-Key", "")
    return _json(_desk().take_reading(request.get_data(), key))


@signed.put("/readings/<reading>/<int:revision>/reports/<sha256>")
def put_report(reading: str, revision: int, sha256: str) -> Response:
    """Take a report that a revision of a reading named."""
    raw = request.get_data()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise RefusedInput("The report's bytes have another hash than its address; send it whole.")
    return _json(_desk().take_report(reading, revision, raw))


@signed.get("/results/<reading>")
def get_result(reading: str) -> Response:
    """Tell what a reading comes to."""
    return _json(_desk().result(reading))


@signed.get("/summaries/<set_name>/<reader>")
def get_summary(set_name: str, reader: str) -> Response:
    """Tell a reader's figures."""
    return _json(_desk().summary(set_name, reader))


@public.get("/v1/openapi.json")
def get_description() -> Response:
    """Describe this service; needs no signature."""
    return Response(json.dumps(describe()), mimetype="application/json")


@public.get("/health")
def get_health() -> Response:
    """Tell that the store answers; needs no signature."""
    _desk().store.check()
    return _json(contract.Health(status="ok"))


def _desk() -> Desk:
    return cast(Desk, current_app.extensions["scoring"])


def _json(body: BaseModel, status: int = 200) -> Response:
    response = Response(body.model_dump_json(), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _fresh_question() -> bytes:
    """The bytes a question's signature covers; refuses one asked too long ago or too early."""
    timestamp = request.headers.get(signing.TIMESTAMP, "")
    config = _desk().config
    if re.fullmatch(r"[0-9]{1,12}", timestamp) is None or (
        abs(int(timestamp) - config.now()) > config.clock_tolerance
    ):
        raise BadSignature("The question's time is missing or not now; set both clocks right.")
    return signing.question(request.method, request.path, timestamp)


def _refuse(error: PacsBridgeError) -> Response:
    response = _json(contract.Error(error=str(error)), http_status(error))
    if response.status_code == 503:
        response.headers["Retry-After"] = "5"
    return response


def _refuse_request(error: HTTPException) -> Response:
    """Say in JSON what the framework refuses; also our own faults, which it has logged."""
    status = error.code or 500
    response = _json(contract.Error(error=SENTENCES.get(status, SENTENCES[400])), status)
    if status == 405:
        response.headers.extend(
            (name, value) for name, value in error.get_headers() if name == "Allow"
        )
    return response
