"""The client against everything that may stand where the scoring service should."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pacs_bridge.domain.errors import RefusedInput, ScorerRefused, ScorerUnavailable
from pacs_bridge.domain.reading import hash_payload
from pacs_bridge.scoring import signing
from pacs_bridge.scoring.client import HttpScorer
from pacs_bridge.scoring.payload import truth_as_payload
from tests.scoring_builders import a_reading, a_truth

SECRET = b"a secret of the tests, long enough"
PAYLOAD = a_reading().as_payload()
TRUTH = truth_as_payload(a_truth())
RECEIPT = {
    "reading": PAYLOAD["reading"],
    "revision": 1,
    "content_hash": hash_payload(PAYLOAD),
    "status": "scored",
}

Mode = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the test's mode says, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    mode: Mode
    asked: list[str]
    released: threading.Event

    def handle_one(self) -> None:
        self.asked.append(self.path)
        self.content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.mode()

    do_GET = do_POST = do_PUT = handle_one  # noqa: N815 - the library's names

    def answer(self, status, body=b"", kind="application/json", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def an_answer(status, body=b"", kind="application/json", **headers) -> Mode:
    return lambda handler: handler.answer(status, body, kind, **headers)


def cut_before_answer(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def cut_within_answer(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    cut_before_answer(handler)


def say_nothing(handler):
    handler.close_connection = True
    handler.released.wait(120)


def drip(handler):
    handler.close_connection = True
    handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    )
    try:
        while not handler.released.wait(0.05):
            handler.wfile.write(b" ")
    except OSError:
        pass  # the client had enough


def pour(handler):
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    try:
        while True:
            handler.wfile.write(b" " * 65536)
    except OSError:
        pass  # the client had enough


def talk_nonsense(handler):
    handler.close_connection = True
    handler.wfile.write(b"220 mail.example ESMTP\r\n")


@pytest.fixture
def misbehaving():
    """Give a scorer whose server behaves as a mode says: `misbehaving(mode)`."""
    opened = []

    def begin(mode, timeout=60.0, prefix=""):
        released = threading.Event()
        handler = type("ModeHandler", (Handler,), {"mode": mode, "asked": [], "released": released})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = False  # closing waits for them: none outlives its test
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}{prefix}"
        scorer = HttpScorer(url, SECRET, timeout=timeout)
        opened.append((scorer, released, server, thread))
        scorer.asked = handler.asked
        return scorer

    yield begin
    for scorer, released, server, thread in opened:
        released.set()
        scorer.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_receipt_that_echoes_reading_revision_and_hash_counts(misbehaving):
    receipt = misbehaving(an_answer(200, RECEIPT)).post_reading(PAYLOAD)
    assert receipt.content_hash == hash_payload(PAYLOAD)


RETRIED = {
    "a page of HTML with 200": an_answer(200, b"<html>Sign in</html>", "text/html"),
    "a receipt that calls itself HTML": an_answer(200, RECEIPT, "text/html"),
    "an empty 200": an_answer(200),
    "no content": an_answer(204),
    "JSON null": an_answer(200, b"null"),
    "JSON of another form": an_answer(200, {"ok": True}),
    "half a JSON": an_answer(200, b'{"reading": '),
    "a receipt with another hash": an_answer(200, {**RECEIPT, "content_hash": "0" * 64}),
    "a receipt with another reading": an_answer(200, {**RECEIPT, "reading": "other"}),
    "a receipt with another revision": an_answer(200, {**RECEIPT, "revision": 2}),
    "a receipt with an unknown status": an_answer(200, {**RECEIPT, "status": "maybe"}),
    "a receipt that came packed": an_answer(
        200, gzip.compress(json.dumps(RECEIPT).encode()), **{"Content-Encoding": "gzip"}
    ),
    "a redirect": an_answer(302, RECEIPT, Location="/elsewhere"),
    "a lasting redirect": an_answer(308, RECEIPT, Location="/elsewhere"),
    "not modified": an_answer(304),
    "time-out": an_answer(408),
    "truth not there": an_answer(409, {"error": "Truth is not here; send it."}),
    "too early": an_answer(425),
    "too many": an_answer(429),
    "a fault": an_answer(500, b"Traceback ...", "text/plain"),
    "a bad gateway": an_answer(502, b"<html>", "text/html"),
    "busy": an_answer(503, {"error": "Busy."}),
    "cut before the answer": cut_before_answer,
    "cut within the answer": cut_within_answer,
    "not HTTP": talk_nonsense,
}


@pytest.mark.parametrize("mode", RETRIED.values(), ids=RETRIED)
def test_whatever_is_no_receipt_is_sent_again_later(misbehaving, mode):
    scorer = misbehaving(mode)
    with pytest.raises(ScorerUnavailable) as unavailable:
        scorer.post_reading(PAYLOAD)
    assert str(unavailable.value).endswith(".")
    assert scorer.asked == ["/v1/readings"], "nothing may be followed or repeated on the quiet"


@pytest.mark.parametrize("mode", [say_nothing, drip], ids=["silence", "a drip"])
def test_an_answer_that_takes_too_long_is_given_up(misbehaving, mode):
    with pytest.raises(ScorerUnavailable):
        misbehaving(mode, timeout=0.3).post_reading(PAYLOAD)


def test_an_answer_without_end_is_given_up_for_its_size_and_not_waited_out(misbehaving):
    scorer = misbehaving(pour, timeout=600)
    begun = time.monotonic()
    with pytest.raises(ScorerUnavailable, match="too large"):
        scorer.post_reading(PAYLOAD)
    assert time.monotonic() - begun < 120


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 415, 422, 451])
def test_a_refusal_is_given_up_with_the_servers_own_sentence(misbehaving, status):
    scorer = misbehaving(an_answer(status, {"error": "Case 7 is unknown; ask."}))
    with pytest.raises(ScorerRefused, match=r"^Case 7 is unknown; ask\.$"):
        scorer.post_reading(PAYLOAD)


@pytest.mark.parametrize("body", [b"", b"<h1>No</h1>", b'{"error": 7}', b'{"error": "  "}'])
def test_a_refusal_without_a_sentence_gets_one_of_ours(misbehaving, body):
    with pytest.raises(ScorerRefused, match="HTTP 403 without a reason"):
        misbehaving(an_answer(403, body)).post_reading(PAYLOAD)


def test_a_sentence_from_the_wire_is_short_and_printable(misbehaving):
    scorer = misbehaving(an_answer(422, {"error": "a\x1b[31m\nb" + "x" * 10_000}))
    with pytest.raises(ScorerRefused) as refused:
        scorer.post_reading(PAYLOAD)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) <= 300


def test_nobody_listening_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        HttpScorer(f"http://127.0.0.1:{port}", SECRET) as scorer,
        pytest.raises(ScorerUnavailable, match="did not answer"),
    ):
        scorer.post_reading(PAYLOAD)


def test_a_name_that_nobody_knows_is_unavailable():
    with (
        HttpScorer("http://scorer.invalid", SECRET, timeout=2) as scorer,
        pytest.raises(ScorerUnavailable),
    ):
        scorer.get_result("x")


@pytest.mark.parametrize("url", ["", "localhost:80", "ftp://x", "http://", "http://a b", "file:/x"])
def test_an_address_that_is_none_is_refused_at_once(url):
    with pytest.raises(RefusedInput, match="http://host:port"):
        HttpScorer(url, SECRET)


def test_requests_carry_key_and_signature(misbehaving):
    seen = {}

    def remember(handler):
        seen.update(handler.headers.items(), body=handler.content)
        handler.answer(200, RECEIPT)

    misbehaving(remember).post_reading(PAYLOAD)
    assert seen["Idempotency-Key"] == f"{PAYLOAD['reading']}:{hash_payload(PAYLOAD)}"
    assert seen["X-Signature"] == signing.sign(SECRET, seen["body"])
    assert json.loads(seen["body"]) == PAYLOAD


def test_a_service_below_a_folder_of_a_gateway_is_found(misbehaving):
    scorer = misbehaving(an_answer(200, RECEIPT), prefix="/national/scoring/")
    scorer.post_reading(PAYLOAD)
    assert scorer.asked == ["/national/scoring/v1/readings"]


TRUTH_RECEIPT = {
    "set": "PERFORMS121",
    "version": 1,
    "content_hash": hash_payload(TRUTH),
    "status": "stored",
}


@pytest.mark.parametrize(
    "change", [{"set": "PERFORMS122"}, {"version": 2}, {"content_hash": "0" * 64}]
)
def test_truth_counts_as_known_only_with_a_receipt_that_names_it(misbehaving, change):
    misbehaving(an_answer(200, TRUTH_RECEIPT)).put_truth("PERFORMS121", 1, TRUTH)
    with pytest.raises(ScorerUnavailable, match="another truth"):
        misbehaving(an_answer(200, {**TRUTH_RECEIPT, **change})).put_truth("PERFORMS121", 1, TRUTH)


@pytest.mark.parametrize(
    "mode",
    [an_answer(200, b"<html>", "text/html"), an_answer(200, {}), an_answer(301, Location="/")],
    ids=["HTML", "another form", "a redirect"],
)
def test_a_question_believes_no_other_answer_either(misbehaving, mode):
    scorer = misbehaving(mode)
    for question in (
        lambda: scorer.get_result("r"),
        lambda: scorer.get_summary("PERFORMS121", "R1"),
    ):
        with pytest.raises(ScorerUnavailable):
            question()
