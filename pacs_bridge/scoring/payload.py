"""Between JSON bytes and the scheme's nouns, on either side of the scoring contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Code, Mark
from pacs_bridge.domain.truth_file import truth_as_payload, truth_from_payload
from pacs_bridge.scoring.contract import Reading, ReadingBreast, ReadingMark

__all__ = [
    "canonical",
    "parse_body",
    "reading_breasts",
    "reading_marks",
    "stored_form",
    "truth_as_payload",
    "truth_from_payload",
]

Body = TypeVar("Body", bound=BaseModel)


def canonical(payload: dict[str, Any]) -> bytes:
    """Write JSON in the form that content hashes are made over (see `hash_payload`)."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def parse_body(raw: bytes, body: type[Body]) -> tuple[dict[str, Any], Body]:
    """Read and check a JSON body from the wire.

    Returns
    -------
    tuple
        The value as it came, for its content hash, and the checked body.

    Raises
    ------
    RefusedInput
        When it is not JSON as the contract has it: one sentence that names the first place.
    """
    try:
        value = json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_number)
        canonical(value)  # a lone surrogate passes JSON, but not UTF-8
        return value, body.model_validate_json(raw)
    except ValidationError as error:
        raise RefusedInput(_sentence(error, body.__name__.lower())) from None
    except (ValueError, RecursionError):
        raise RefusedInput(
            "The body is not JSON (UTF-8, no key twice, no NaN or infinity); send it so."
        ) from None


def reading_marks(marks: Sequence[ReadingMark]) -> tuple[Mark, ...]:
    """Give a reading's marks as the domain has them."""
    return tuple(
        Mark(
            image=mark.image,
            frame=mark.frame,
            shape=mark.shape,
            points=tuple(mark.points),
            centre=mark.centre,
            finding=Code(mark.finding.value, mark.finding.scheme) if mark.finding else None,
            rating=mark.rating,
            laterality=mark.laterality,
            view=mark.view,
            group=mark.group,
            flags=tuple(mark.flags),
            tracking_uid=mark.tracking_uid,
            link=mark.link,
        )
        for mark in marks
    )


def reading_breasts(breasts: Sequence[ReadingBreast]) -> tuple[BreastDecision, ...]:
    """Give a reading's decisions as the domain has them."""
    return tuple(
        BreastDecision(breast.laterality, breast.decision, breast.rating, breast.density)
        for breast in breasts
    )


def stored_form(reading: Reading) -> str:
    """Give what is kept of a reading: the keys of the contract and nothing else."""
    return reading.model_dump_json()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a key twice: two readers could take it for two things."""
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key stands twice")
    return row


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _sentence(error: ValidationError, what: str) -> str:
    """Say in one sentence what is wrong first, and where; nothing of the input is repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    where = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in found[0]["loc"])
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    reason = found[0]["msg"][:1].lower() + found[0]["msg"][1:].rstrip(".")
    return f"The {what} is not as agreed: {where.lstrip('.') or 'body'}: {reason}{more}; mend it."
