"""The scoring server over real HTTP, asked by the real client."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest

from pacs_bridge.domain.errors import ScorerRefused, ScorerUnavailable
from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.ports import Scorer, ScorerReceipt
from pacs_bridge.scoring.client import HttpScorer
from pacs_bridge.scoring.payload import truth_as_payload
from pacs_bridge.scoring.server import ScorerConfig, close_app, create_app, serve
from tests.scoring_builders import a_case, a_mark, a_reading, a_truth

SECRET = b"a secret of the tests, long enough"
UID = "PERFORMS121101-R1"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    return ScorerConfig(tmp_path / "scorer.sqlite", tmp_path / "secret", largest_body=100_000)


@pytest.fixture
def server(config):
    with serve(create_app(config)) as server:
        yield server


@pytest.fixture
def scorer(server):
    with HttpScorer(server.url, SECRET, timeout=180) as scorer:
        yield scorer


def give_truth(scorer, version=1, **changes):
    scorer.put_truth(
        "PERFORMS121", version, truth_as_payload(a_truth(a_case(**changes), version=version))
    )


def test_a_reading_goes_there_and_its_result_and_figures_come_back(scorer):
    port: Scorer = scorer
    give_truth(port)
    receipt = port.post_reading(a_reading().as_payload())
    assert receipt == ScorerReceipt(UID, 1, a_reading().content_hash())
    result = port.get_result(UID)
    assert [breast["outcome"] for breast in result["breasts"]] == [
        "true-positive",
        "true-negative",
    ]
    assert result["lesions"][0]["localised"] is True
    summary = port.get_summary("PERFORMS121", "R1")
    assert summary["figures"]["sensitivity"]["value"] == 1.0
    assert summary["figures"]["auc"]["denominator"] == 1


def test_sending_everything_again_changes_nothing(scorer):
    for _ in range(3):
        give_truth(scorer)
        scorer.post_reading(a_reading().as_payload())
    assert scorer.get_summary("PERFORMS121", "R1")["counts"]["readings"] == 1


def test_a_reading_survives_a_restart_of_the_server(config):
    with serve(create_app(config)) as first, HttpScorer(first.url, SECRET) as scorer:
        give_truth(scorer)
        scorer.post_reading(a_reading().as_payload())
    with serve(create_app(config)) as second, HttpScorer(second.url, SECRET) as scorer:
        assert scorer.get_result(UID)["revision"] == 1


def test_truth_that_has_not_come_is_waited_for_and_then_scores(scorer):
    with pytest.raises(ScorerUnavailable, match="truth of PERFORMS121101 is not here"):
        scorer.post_reading(a_reading().as_payload())
    give_truth(scorer)
    assert scorer.post_reading(a_reading().as_payload()).revision == 1


def test_changed_truth_under_an_old_version_is_refused_for_good(scorer):
    give_truth(scorer)
    with pytest.raises(ScorerRefused, match="next version"):
        give_truth(scorer, lesions=())
    give_truth(scorer, version=2, lesions=())


def test_a_practice_case_is_refused_for_good_in_the_servers_words(scorer):
    practice = a_reading(reading_uid="p", accession="PERFORMS121001").as_payload()
    with pytest.raises(ScorerRefused, match="practice case, which is never scored"):
        scorer.post_reading(practice)


def test_a_wrong_secret_is_refused_for_good_whatever_is_asked(server):
    with HttpScorer(server.url, b"another secret altogether") as stranger:
        for attempt in (
            lambda: stranger.post_reading(a_reading().as_payload()),
            lambda: give_truth(stranger),
            lambda: stranger.get_result(UID),
            lambda: stranger.get_summary("PERFORMS121", "R1"),
        ):
            with pytest.raises(ScorerRefused, match="signature"):
                attempt()


def test_a_question_from_a_clock_that_is_wrong_is_refused_saying_so(server):
    with (
        HttpScorer(server.url, SECRET, now=lambda: 1_000_000_000.0) as late,
        pytest.raises(ScorerRefused, match="clocks"),
    ):
        late.get_result(UID)


def test_an_unknown_reading_is_refused_in_the_servers_words(scorer):
    with pytest.raises(ScorerRefused, match="No such reading is here"):
        scorer.get_result("nobody")


@pytest.mark.parametrize("reader", ["R 1", "R%2F1", "ä", "R?x=1#y", "R\n"])
def test_an_odd_name_is_signed_as_it_is_and_refused_as_no_name(scorer, reader):
    with pytest.raises(ScorerRefused, match="no reader's code"):
        scorer.get_summary("PERFORMS121", reader)


@pytest.mark.parametrize(("size", "kind"), [(100_001, "json"), (1_000_000, "text")])
def test_a_body_that_is_too_large_is_refused_for_good(scorer, size, kind):
    payload = {**a_reading().as_payload(), "padding": "x" * size}
    with pytest.raises(ScorerRefused, match="too large" if kind == "json" else "413"):
        scorer.post_reading(payload)


def test_many_senders_at_once_have_each_reading_scored_once(scorer):
    cases = [a_case(accession=f"PERFORMS121{n}", lesions=()) for n in range(101, 121)]
    scorer.put_truth("PERFORMS121", 1, truth_as_payload(a_truth(*cases)))
    payloads = [
        a_reading(reading_uid=f"{case.accession}-R1", accession=case.accession).as_payload()
        for case in cases
    ]
    receipts = []

    def deliver(order):
        receipts.extend(scorer.post_reading(payload) for payload in order)

    threads = [
        threading.Thread(target=deliver, args=(order,)) for order in (payloads, payloads[::-1]) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 80
    summary = scorer.get_summary("PERFORMS121", "R1")
    assert (summary["counts"]["readings"], summary["counts"]["breasts"]) == (20, 40)


def test_a_later_reading_of_three_readers_is_told_apart(scorer):
    give_truth(scorer)
    for reader, decision in (("R1", "RECALL"), ("R2", "RTS"), ("R3", "TECH")):
        breasts = (BreastDecision("R", decision), BreastDecision("L", "RTS"))
        scorer.post_reading(
            a_reading(
                reading_uid=f"PERFORMS121101-{reader}",
                reader=reader,
                breasts=breasts,
                marks=(a_mark(),),
            ).as_payload()
        )
    values = [
        scorer.get_summary("PERFORMS121", reader)["figures"]["sensitivity"]["value"]
        for reader in ("R1", "R2", "R3")
    ]
    assert values == [1.0, 0.0, None]


def test_port_and_store_are_free_after_close(config):
    server = serve(create_app(config))
    assert httpx.get(server.url + "/health").json() == {"status": "ok"}
    server.close()
    server.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "/health")
    again = serve(create_app(config), port=server.port)
    assert again.port == server.port
    again.close()


def test_a_taken_port_is_an_error_and_not_another_port(config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        app = create_app(config)
        with pytest.raises(OSError, match="in use"):
            serve(app, port=taken.getsockname()[1])
        close_app(app)


def test_half_a_request_holds_nobody_up(server, scorer):
    with socket.create_connection((server.host, server.port)) as half:
        half.sendall(b"POST /v1/readings HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        give_truth(scorer)
        assert scorer.post_reading(a_reading().as_payload()).reading == UID
