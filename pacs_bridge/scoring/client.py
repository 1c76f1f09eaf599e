"""The way to a scoring service: sends, and believes nothing but a receipt.

Between us and the service stand gateways and log-in pages that answer 200 with something else.
So an answer counts only where it is 2xx, JSON, of the agreed form, and names what was asked;
a receipt also has to echo the content hash. Redirects are not followed.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from pacs_bridge.domain.errors import RefusedInput, ScorerRefused, ScorerUnavailable
from pacs_bridge.domain.ports import ScorerReceipt
from pacs_bridge.domain.reading import hash_payload
from pacs_bridge.scoring import contract, signing
from pacs_bridge.scoring.payload import canonical

RETRIED = frozenset({408, 409, 425, 429})
"""Refusals (4xx) that the same request may overcome later: time-outs, truth not there yet."""

LARGEST_ANSWER = 8 * 2**20
LONGEST_SENTENCE = 300

Body = TypeVar("Body", bound=BaseModel)


class HttpScorer:
    """A scoring service over HTTP; implements `pacs_bridge.domain.ports.Scorer`.

    May be used by several threads. Every method raises `ScorerUnavailable` where the same call
    may succeed later and `ScorerRefused`, with the service's own sentence, where it never will.

    Parameters
    ----------
    url : str
        Address of the service, before ``/v1``.
    secret : bytes
        Shared with the service (`signing.read_secret`).
    timeout : float
        Seconds to wait for a connection, and for the whole of an answer once it has begun.
    now : callable
        Seconds since 1970 (UTC).

    Raises
    ------
    RefusedInput
        When the address is none.
    """

    def __init__(
        self,
        url: str,
        secret: bytes,
        timeout: float = 10.0,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        if re.fullmatch(r"https?://[^/\s?#]+[^\s?#]*", url) is None:
            raise RefusedInput(
                "The scoring service's address is not of the form http://host:port; correct it."
            )
        self._base = url.rstrip("/")
        self._secret, self._timeout, self._now = secret, timeout, now
        # The environment's proxies and log-ins are not for us: configuration is one value.
        self._client = httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Let go of kept connections."""
        self._client.close()

    def __enter__(self) -> HttpScorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put_truth(self, set_name: str, version: int, truth: dict[str, Any]) -> None:
        """Make a version of a set's truth known; doing it again changes nothing.

        A version that the service holds with other content is refused for good.
        """
        answer = self._send(
            "PUT", f"/v1/truth/{set_name}/{version}", truth, retried=RETRIED - {409}
        )
        receipt = _parsed(answer, contract.TruthReceipt)
        wanted = (set_name, version, hash_payload(truth))
        if (receipt.set, receipt.version, receipt.content_hash) != wanted:
            raise ScorerUnavailable("The scoring service's receipt is of another truth.")

    def post_reading(self, payload: dict[str, Any]) -> ScorerReceipt:
        """Hand over one reading; doing it again changes nothing."""
        content_hash = hash_payload(payload)
        key = f"{payload['reading']}:{content_hash}"
        answer = self._send("POST", "/v1/readings", payload, {"Idempotency-Key": key})
        receipt = _parsed(answer, contract.ReadingReceipt)
        wanted = (payload["reading"], payload["revision"], content_hash)
        if (receipt.reading, receipt.revision, receipt.content_hash) != wanted:
            raise ScorerUnavailable("The scoring service's receipt is of another reading.")
        named = {str(each["sha256"]) for each in payload.get("reports", ())}
        wants = tuple(each for each in receipt.reports if each in named)
        return ScorerReceipt(receipt.reading, receipt.revision, receipt.content_hash, wants)

    def put_report(self, reading: str, revision: int, content: bytes) -> str:
        """Hand over a report that a reading named; doing it again changes nothing.

        Returns
        -------
        str
            Its SHA-256 as the service's receipt says it.
        """
        digest = hashlib.sha256(content).hexdigest()
        sent = {
            "Content-Type": "application/dicom",
            signing.SIGNATURE: signing.sign(self._secret, content),
        }
        path = f"/v1/readings/{reading}/{revision}/reports/{digest}"
        answer = self._exchange("PUT", path, sent, content, RETRIED)
        receipt = _parsed(answer, contract.ReportReceipt)
        if (receipt.reading, receipt.revision, receipt.sha256) != (reading, revision, digest):
            raise ScorerUnavailable("The scoring service's receipt is of another report.")
        return receipt.sha256

    def get_result(self, reading_uid: str) -> dict[str, Any]:
        """Ask what the service made of one reading; see `contract.Result`."""
        result = _parsed(self._ask(f"/v1/results/{reading_uid}"), contract.Result)
        if result.reading != reading_uid:
            raise ScorerUnavailable("The scoring service answered about another reading.")
        return result.model_dump(mode="json")

    def get_summary(self, set_name: str, reader: str) -> dict[str, Any]:
        """Ask for a reader's figures over a set; see `contract.Summary`."""
        answer = self._ask(f"/v1/summaries/{set_name}/{reader}")
        summary = _parsed(answer, contract.Summary)
        if (summary.set, summary.reader) != (set_name, reader):
            raise ScorerUnavailable("The scoring service answered about another reader or set.")
        return summary.model_dump(mode="json")

    def _send(
        self,
        method: str,
        path: str,
        payload: dict[str, Any],
        headers: dict[str, str] | None = None,
        retried: frozenset[int] = RETRIED,
    ) -> bytes:
        body = canonical(payload)
        sent = {
            "Content-Type": "application/json",
            signing.SIGNATURE: signing.sign(self._secret, body),
            **(headers or {}),
        }
        return self._exchange(method, path, sent, body, retried)

    def _ask(self, path: str) -> bytes:
        timestamp = str(int(self._now()))
        question = signing.question("GET", path, timestamp)
        sent = {
            signing.TIMESTAMP: timestamp,
            signing.SIGNATURE: signing.sign(self._secret, question),
        }
        return self._exchange("GET", path, sent, None, RETRIED)

    def _exchange(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        retried: frozenset[int],
    ) -> bytes:
        """Send one request and give the body of its 2xx JSON answer."""
        url = self._base + quote(path)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        try:
            with self._client.stream(method, url, content=body, headers=headers) as response:
                content = self._read(response)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise ScorerUnavailable(
                f"The scoring service did not answer ({type(error).__name__}); it is asked again."
            ) from error
        return _judged(response, content, retried)

    def _read(self, response: httpx.Response) -> bytes:
        """Read an answer within the limits of size and time, which a dripping one exceeds."""
        deadline = time.monotonic() + self._timeout
        content = bytearray()
        for chunk in response.iter_raw():  # not unpacked: a packed answer was not asked for
            content += chunk
            if len(content) > LARGEST_ANSWER or time.monotonic() > deadline:
                raise ScorerUnavailable(
                    "The scoring service's answer is too large or too slow; it is asked again."
                )
        return bytes(content)


def _judged(response: httpx.Response, content: bytes, retried: frozenset[int]) -> bytes:
    """Tell an answer from a refusal and from everything else."""
    status = response.status_code
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if 400 <= status < 500 and status not in retried:
        raise ScorerRefused(_sentence_of(content, status))
    if 400 <= status < 600:
        raise ScorerUnavailable(_sentence_of(content, status))
    if not response.is_success or kind != "application/json":
        raise ScorerUnavailable(
            f"Something other than the scoring service answered (HTTP {status}); check its address."
        )
    return content


def _sentence_of(content: bytes, status: int) -> str:
    """The service's own sentence, fit for a log line and a page; else one of ours."""
    try:
        said = contract.Error.model_validate_json(content).error
    except ValidationError:
        said = ""
    shown = "".join(c if c.isprintable() else " " for c in said[:LONGEST_SENTENCE]).strip()
    return shown or f"The scoring service answered HTTP {status} without a reason; check its log."


def _parsed(content: bytes, body: type[Body]) -> Body:
    try:
        return body.model_validate_json(content)
    except ValidationError:
        raise ScorerUnavailable(
            "The scoring service's answer is not of the agreed form; check its address."
        ) from None
