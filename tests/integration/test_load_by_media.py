"""A load that somebody imports from media, and the watch over what was proven once."""

from __future__ import annotations

from datetime import timedelta

from pacs_bridge.domain.loading import Completeness, Load, Readiness, Way
from pacs_bridge.domain.people import Site
from pacs_bridge.services.plan import LoadStatus, load_status, start_load
from pacs_bridge.services.release import release_due
from pacs_bridge.services.watch import watch_due
from pacs_bridge.services.workstation import check_workstation
from tests.load_desk import PACS, SET, Desk, archive, desk, house, people, released

__all__ = ["archive", "desk", "house"]  # fixtures


def start(desk: Desk, way: Way | None = Way.MEDIA) -> Load:
    return start_load(SET, PACS, begin=desk.house.begin, now=desk.house.now, way=way)


def status(desk: Desk) -> LoadStatus:
    return load_status(1, begin=desk.house.begin)


def watch(desk: Desk) -> int:
    return watch_due(begin=desk.house.begin, now=desk.house.now)


def ready(desk: Desk) -> None:
    """A load over the network, proven."""
    desk.start()
    desk.send_all()
    assert desk.verify().readiness is Readiness.READY


# Media


def test_a_load_by_media_sends_nothing_and_says_what_the_contact_does(desk: Desk) -> None:
    assert start(desk).readiness is Readiness.AWAITING
    assert [job for job, *_ in desk.house.queued.jobs] == ["verify"]
    sweep = desk.verify()
    assert (sweep.readiness, sweep.missing, desk.peer.sent) == (Readiness.AWAITING, (), [])
    for case in status(desk).cases:
        assert case.complete is Completeness.WAITING
        assert case.instruction.startswith("Import the media into your PACS")


def test_an_imported_set_is_proven_by_uid_and_releases_its_readers(desk: Desk) -> None:
    people(desk)
    start(desk)
    desk.verify()
    desk.peer.has.update(desk.uids())
    assert desk.verify().readiness is Readiness.READY
    assert released(desk)
    counts = status(desk).instances
    assert (counts.confirmed, counts.failed) == (8, 0)
    assert status(desk).as_dict()["by"] == "media"


def test_a_case_of_which_a_part_was_imported_is_partial_and_says_import_again(desk: Desk) -> None:
    start(desk)
    desk.peer.has.update(desk.uids()[:6])
    assert desk.verify().readiness is Readiness.AWAITING
    whole, part = status(desk).cases
    assert (whole.complete, part.complete) == (Completeness.PROVEN, Completeness.PARTIAL)
    assert "Import the media again" in part.instruction
    assert desk.states() == ["stored"] * 4 + ["pending"] * 4


def test_a_load_can_change_from_media_to_the_network(desk: Desk) -> None:
    start(desk)
    assert start(desk, Way.NETWORK).readiness is Readiness.PLANNED
    desk.send_all()
    assert len(desk.peer.sent) == 8
    assert desk.verify().readiness is Readiness.READY


def test_starting_again_without_saying_how_keeps_the_way(desk: Desk) -> None:
    start(desk)
    assert start(desk, None).way is Way.MEDIA


# The watch


def test_an_awaited_load_is_asked_for_again_after_a_quarter_of_an_hour(desk: Desk) -> None:
    start(desk)
    desk.verify()
    assert watch(desk) == 0
    desk.house.pass_time(timedelta(minutes=15).total_seconds())
    assert (watch(desk), watch(desk)) == (1, 1)
    keys = [key for job, _, key, _ in desk.house.queued.jobs if job == "verify"]
    assert len(keys[1:]) == 2
    assert len(set(keys[1:])) == 1


def test_a_ready_load_is_proven_anew_every_night(desk: Desk) -> None:
    ready(desk)
    desk.house.pass_time(timedelta(hours=23).total_seconds())
    assert watch(desk) == 0
    desk.house.pass_time(timedelta(hours=1).total_seconds())
    assert watch(desk) == 1


def test_a_ready_load_is_proven_anew_before_its_round_opens(desk: Desk) -> None:
    people(desk, opens=10 * 3600)
    ready(desk)
    desk.house.pass_time(timedelta(hours=7, minutes=59).total_seconds())
    assert watch(desk) == 0
    desk.house.pass_time(timedelta(minutes=2).total_seconds())
    assert watch(desk) == 1
    desk.verify()
    assert watch(desk) == 0


def test_what_one_sweep_missed_is_asked_for_again_in_minutes_and_then_falls_back(
    desk: Desk,
) -> None:
    ready(desk)
    desk.peer.has.clear()
    desk.verify()
    assert desk.load().readiness is Readiness.READY
    desk.house.pass_time(timedelta(minutes=5).total_seconds())
    assert watch(desk) == 1
    desk.verify()
    assert desk.load().readiness is Readiness.INCOMPLETE


def test_a_load_whose_round_is_over_is_left_alone(desk: Desk) -> None:
    people(desk)
    ready(desk)
    desk.house.pass_time(timedelta(days=31).total_seconds())
    assert watch(desk) == 0


# The last metre


def test_a_site_that_wants_its_workstations_checked_waits_for_that(desk: Desk) -> None:
    people(desk)
    with desk.house.begin() as uow:
        uow.sites.put(Site("unit", PACS, requires_check=True))
    ready(desk)
    assert not released(desk)
    done = check_workstation(
        1, "unit", "Room 1", typed="", hung=True, begin=desk.house.begin, now=desk.house.now
    )
    assert done.passed
    assert release_due(begin=desk.house.begin, now=desk.house.now) == 1
    assert released(desk)
