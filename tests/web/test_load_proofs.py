"""A load's page shows what was proven of it, and of its PACS."""

from __future__ import annotations

from datetime import timedelta

from pacs_bridge.db.repositories.watch import Event
from pacs_bridge.domain.intact import Change, IntactCheck
from pacs_bridge.domain.pulling import Pulled, PulledCase
from pacs_bridge.domain.withdrawal import Withdrawal
from pacs_bridge.web.event_words import tell
from tests.web.conftest import SignIn
from tests.web.seed import NOW, Scheme


def page(scheme: Scheme, sign_in: SignIn) -> str:
    number = scheme.loads["northfield"]
    return sign_in("admin").get(f"/loads/{number}").text


def test_what_was_not_tried_is_not_told(scheme: Scheme, sign_in: SignIn) -> None:
    shown = page(scheme, sign_in)
    for words in ("Fetched back", "Withdrawal", "Last rehearsal"):
        assert words not in shown


def test_amber_late_and_failed_are_told_in_words(scheme: Scheme, sign_in: SignIn) -> None:
    number = scheme.loads["northfield"]
    with scheme.begin() as uow:
        changes = {Change.LOSSY: 3}
        uow.intact.put(IntactCheck(number, 10, 20, "C-GET", NOW, changes, {}))
        promised = NOW - timedelta(days=1)
        left = {"PERFORMS121101": "4 objects still there"}
        uow.withdrawals.put(Withdrawal(number, NOW, promised, NOW, None, left))
        stages = [{"stage": "found", "works": False, "says": "It finds <nothing>."}]
        uow.proofs.put("northfield", "rehearsal", {"good": False, "stages": stages}, NOW)
    shown = page(scheme, sign_in)
    assert "compressed with loss (3 of 10)" in shown
    assert "remove it now, from PACS and archive" in shown
    assert "found: It finds &lt;nothing&gt;." in shown
    for tag in ("Amber", "Late", "Failed"):
        assert tag in shown


def test_marks_that_were_pulled_are_told_and_what_could_not_be_asked(
    scheme: Scheme, sign_in: SignIn
) -> None:
    case = PulledCase("PERFORMS121101", found=3, fetched=2, failed=1)
    lost = PulledCase("PERFORMS121102", problems=("It said <no>.",), unasked=True)
    pulled = Pulled("northfield", NOW, (case, lost))
    with scheme.begin() as uow:
        uow.proofs.put("northfield", "marks-pulled", pulled.as_json(), NOW)
    shown = page(scheme, sign_in)
    assert "3 found at northfield: 2 fetched, 0 here already, 0 not taken, 1 did not" in shown
    assert "cases not wholly asked about: 1. It said &lt;no&gt;." in shown
    assert "Not all" in shown
    event = Event(NOW, "marks-pulled", "northfield", pulled.counts)
    assert tell(event) == (
        "northfield was asked for marks: 2 objects fetched, 1 did not come, 1 case could not be "
        "asked about."
    )


def test_what_is_well_is_told_too(scheme: Scheme, sign_in: SignIn) -> None:
    number = scheme.loads["northfield"]
    with scheme.begin() as uow:
        uow.intact.put(IntactCheck(number, 20, 20, "C-GET", NOW, {}, {}))
        uow.withdrawals.put(Withdrawal(number, NOW, NOW, NOW, NOW))
        uow.proofs.put("northfield", "rehearsal", {"good": True, "stages": []}, NOW)
    shown = page(scheme, sign_in)
    for tag in ("Intact", "Gone", "Well"):
        assert tag in shown
