"""When, how fast and how much a PACS is sent to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.sending import (
    Confirmed,
    Priority,
    Sending,
    check_sending,
    pace_of,
    sending_of,
)
from pacs_bridge.scu.pacing import Bucket, Buckets
from tests.loads import a_pacs

NIGHTS = Sending(window="Mon-Fri 19:00-06:00,Sat-Sun")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2025-01-08T18:59", "2025-01-08T19:00"),  # a Wednesday in winter
        ("2025-01-08T19:00", None),
        ("2025-01-09T05:59", None),  # the night belongs to the day it began on
        ("2025-01-09T06:00", "2025-01-09T19:00"),
        ("2025-01-11T05:00", None),
        ("2025-01-11T12:00", None),  # Saturday
        ("2025-01-13T00:00", "2025-01-13T19:00"),  # Monday: Sunday has no night of its own
        ("2025-07-09T17:59", "2025-07-09T18:00"),  # summer time in London
        ("2025-07-09T18:00", None),
        ("2025-03-29T23:00", None),
    ],
)
def test_a_window_opens_by_the_clocks_of_the_site(moment, opening):
    assert NIGHTS.opens_at(at(moment)) == (at(opening) if opening else None)


def test_a_window_may_run_over_the_end_of_the_week():
    sunday = Sending(window="Sun 22:00-04:00", time_zone="UTC")
    assert sunday.opens_at(at("2025-01-13T03:59")) is None
    assert sunday.opens_at(at("2025-01-13T04:00")) == at("2025-01-19T22:00")


def test_without_a_window_it_is_always_open():
    assert Sending().opens_at(at("2025-01-08T12:00")) is None
    assert Sending(window="20:00-22:00", time_zone="UTC").opens_at(at("2025-01-08T12:00")) == at(
        "2025-01-08T20:00"
    )


@pytest.mark.parametrize(
    "sending",
    [
        Sending(parallel=0),
        Sending(parallel=5),
        Sending(megabits=0.1),
        Sending(window="at night"),
        Sending(window="Mon-Fre 19:00-06:00"),
        Sending(window="Mon 19:61-06:00"),
        Sending(window="Mon 25:00-06:00"),
        Sending(time_zone="Narnia/Cair_Paravel"),
    ],
)
def test_settings_that_mean_nothing_are_refused_with_what_to_write(sending):
    with pytest.raises(RefusedInput, match=r"\.$"):
        check_sending(sending)


def test_settings_come_back_as_they_were_kept():
    sending = Sending(4, 20.0, "Sat-Sun", "Europe/Berlin", Priority.LOW)
    assert sending_of(sending.as_dict()) == sending
    assert sending_of(None) == Sending()
    assert [Priority(each).code for each in ("medium", "high", "low")] == [0, 1, 2]


def test_a_bucket_lets_through_what_its_rate_allows_and_no_more():
    moment, waited = [0.0], list[float]()

    def wait(seconds: float) -> None:
        waited.append(seconds)
        moment[0] += seconds

    bucket = Bucket(1000.0, clock=lambda: moment[0], wait=wait)
    for _ in range(10):
        bucket.take(1000)
    assert 8.5 <= sum(waited) <= 9.0  # the last thousand goes out when the first nine are paid
    moment[0] += 3600  # what was not used for an hour is no credit for the next
    waited.clear()
    for _ in range(10):
        bucket.take(1000)
    assert sum(waited) >= 8.5


def test_all_associations_of_a_pacs_share_one_bucket():
    buckets = Buckets()
    slow = a_pacs(104, sending=Sending(megabits=8.0))
    assert buckets.of(slow) is buckets.of(slow)
    assert buckets.of(slow).rate == 1e6
    assert buckets.of(a_pacs(104)) is None
    faster = a_pacs(104, sending=Sending(megabits=80.0))
    assert buckets.of(faster).rate == 1e7


def test_the_estimate_follows_what_was_confirmed_last():
    now = at("2025-01-08T12:00")
    confirmed = [Confirmed(now - timedelta(seconds=10 - n), 1_000_000) for n in range(10)]
    pace = pace_of(confirmed, 30_000_000, is_sending=True, now=now)
    assert (pace.sent, pace.size) == (10_000_000, 30_000_000)
    assert pace.rate == pytest.approx(900_000)
    assert pace.left == pytest.approx(20 / 0.9)
    assert pace.words == "0.9 MB/s, about 22 s left"
    assert pace_of(confirmed, 30_000_000, is_sending=False, now=now).words == ""
    later = now + timedelta(hours=1)
    assert pace_of(confirmed, 30_000_000, is_sending=True, now=later).rate is None
    waits = pace_of(confirmed, 30_000_000, is_sending=True, now=now, waits="Monday 19:00")
    assert waits.words == "waits until Monday 19:00"
