"""The scoring service described in OpenAPI 3.1, from the models that check its traffic."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pacs_bridge import __version__
from pacs_bridge.scoring import contract, signing

_BODIES: tuple[type[BaseModel], ...] = (
    contract.Reading,
    contract.ReadingReceipt,
    contract.ReportReceipt,
    contract.Truth,
    contract.TruthReceipt,
    contract.Result,
    contract.Summary,
    contract.Health,
    contract.Error,
)

_ABOUT = """\
Takes readings of a breast-screening self-assessment round and the truth of its case sets, and
answers with results and figures of merit. A reading or truth is safe once, and only once, its
receipt echoes the content hash that the sender made. Everything may be sent again: the same
content under the same key changes nothing.
"""

_REFUSALS = {
    401: "The signature, or the time of the question, is not right.",
    404: "No such reading is here.",
    409: "Another truth is needed, or is here already; see the sentence.",
    413: "The body is too large.",
    422: "This will never be taken; the sentence says why.",
    503: "Not now; the same request may be sent again.",
}


@cache
def describe() -> dict[str, Any]:
    """Give the OpenAPI document."""
    _, schemas = models_json_schema(
        [(body, "validation") for body in _BODIES], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Scoring service", "version": __version__, "description": _ABOUT},
        "paths": _paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": signing.SIGNATURE,
                    "description": "sha256= and, in hexadecimal, HMAC-SHA256 under the shared "
                    "secret: of the body as sent; for GET of the method, the path and "
                    f"{signing.TIMESTAMP}, joined by line feeds.",
                }
            },
        },
    }


def _paths() -> dict[str, Any]:
    set_name = _parameter("path", "set", "Name of the case set.")
    key = _parameter(
        "header", "Idempotency-Key", "The reading's name, a colon and the body's content hash."
    )
    timestamp = _parameter(
        "header",
        signing.TIMESTAMP,
        "When the question is asked: whole seconds since 1970 (UTC), at most five minutes off.",
        {"type": "string", "pattern": "^[0-9]{1,12}$"},
    )
    version = _parameter(
        "path", "version", "Version of the truth.", {"type": "integer", "minimum": 1}
    )
    reading = _parameter("path", "reading", "The reading's name.")
    reader = _parameter("path", "reader", "The reader's scheme code.")
    return {
        "/v1/readings": {
            "post": _operation(
                "postReading",
                "Hand over a revision of a reading; the highest revision counts",
                [key],
                contract.ReadingReceipt,
                (401, 409, 413, 422, 503),
                body=contract.Reading,
            )
        },
        "/v1/readings/{reading}/{revision}/reports/{sha256}": {
            "put": {
                **_operation(
                    "putReport",
                    "Hand over a report (DICOM file, TID 1500) that this revision names",
                    [
                        reading,
                        _parameter("path", "revision", "Its revision.", {"type": "integer"}),
                        _parameter("path", "sha256", "Of the file's bytes, hexadecimal."),
                    ],
                    contract.ReportReceipt,
                    (401, 413, 422, 503),
                ),
                "requestBody": {
                    "required": True,
                    "content": {"application/dicom": {}},
                },
            }
        },
        "/v1/truth/{set}/{version}": {
            "put": _operation(
                "putTruth",
                "Make a version of a set's truth known; the highest version counts, for all",
                [set_name, version],
                contract.TruthReceipt,
                (401, 409, 413, 422, 503),
                body=contract.Truth,
            )
        },
        "/v1/results/{reading}": {
            "get": _operation(
                "getResult",
                "What the current revision of a reading comes to",
                [reading, timestamp],
                contract.Result,
                (401, 404, 503),
            )
        },
        "/v1/summaries/{set}/{reader}": {
            "get": _operation(
                "getSummary",
                "All figures of one reader over one set",
                [set_name, reader, timestamp],
                contract.Summary,
                (401, 422, 503),
            )
        },
        "/health": {
            "get": _operation(
                "getHealth", "Whether the service reaches its store", [], contract.Health, (503,)
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    parameters: list[dict[str, Any]],
    answer: type[BaseModel],
    refusals: tuple[int, ...],
    body: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """Describe one operation; one that may be refused for its signature needs a signature."""
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": _content(answer)},
            **{
                str(status): {"description": _REFUSALS[status], "content": _content(contract.Error)}
                for status in refusals
            },
        },
        "security": [{"signature": []}] if 401 in refusals else [],
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _content(body)}
    return operation


def _parameter(
    where: str, name: str, about: str, schema: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": True,
        "description": about,
        "schema": schema or {"type": "string"},
    }


def _content(body: type[BaseModel]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"application/json": {"schema": reference}}
