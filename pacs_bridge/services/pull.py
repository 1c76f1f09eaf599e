"""Fetching the marks that a PACS does not push.

What the PACS says that it holds about the cases of a load, and what is not here, is fetched and
goes the very way of a pushed object: the same checks, rows and jobs. So nothing comes twice,
whether it is pulled, pushed or both; and what is none of ours is discarded unread.

References
----------
QUIRKS.md C7 (marks that never leave the PACS; retrieval); decision 0054.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import NotFound, PausedPeer, RefusedInput
from pacs_bridge.domain.loading import LEAVING, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.pulling import HeldMarks, MarkFinder, Pulled, PulledCase
from pacs_bridge.services.aliens import hash_alien
from pacs_bridge.services.pull_fetch import Fetched, FetchMarks
from pacs_bridge.services.pull_series import SERIES, FetchedSeries, fetch_series
from pacs_bridge.services.receive import PAUSED, PULLED_ALIEN

PULLED = "marks-pulled"
"""The kind under which what the last pull from a PACS came to is kept."""

_ALIENS = ("alien", PULLED_ALIEN)


@dataclass(frozen=True)
class _Told:
    """What is known here of the objects that a PACS holds."""

    here: frozenset[str]
    refused: frozenset[str]


def pull_marks(
    pacs_name: str,
    set_name: str = "",
    *,
    begin: Begin,
    read: Begin,
    finder: MarkFinder,
    fetch: FetchMarks,
    alien_key: bytes,
    sop_classes: frozenset[str],
    now: Clock,
) -> Pulled:
    """Ask a PACS for the marks that it holds about the cases loaded into it, and fetch what is new.

    Repeating it fetches nothing that is here, and nothing that was refused for good.

    Parameters
    ----------
    set_name : str
        Only of this set; empty for all that stand at the PACS.
    fetch : FetchMarks
        Has objects brought here.
    sop_classes : frozenset of str
        What is taken; nothing else is fetched.

    Returns
    -------
    Pulled
        What could not be asked or did not come stands in it; it is kept too.

    Raises
    ------
    NotFound
        When there is no such PACS, or none of its loads is of this set.
    RefusedInput
        When the PACS has no address to be asked at.
    PausedPeer
        When nothing is taken from the PACS for now.
    """
    moment = now()
    pacs, cases = _loaded(pacs_name, set_name, read)
    lines, series, down = [], dict[str, int](), ""
    for held in finder.find_marks(pacs, cases):
        told = _ask_ours(pacs, held, read, alien_key)
        line, down = _pull_case(pacs, held, told, sop_classes, fetch, down)
        if held.series:
            brought = fetch_series(fetch, pacs, held.series, down=down)
            line, down = _with_series(line, held, brought), brought.fetched.down
            series |= brought.whole
        lines.append(line)
    pulled = Pulled(pacs.name, moment, tuple(lines))
    _keep(pulled, begin, moment, whole=not set_name)
    _keep_series(pacs.name, series, begin, moment)
    return pulled


def _loaded(pacs_name: str, set_name: str, read: Begin) -> tuple[Pacs, list[Case]]:
    """Give a PACS as it is asked best, and the cases that stand there."""
    with read() as uow:
        pacs = uow.pacs.get(pacs_name)
        pacs = replace(pacs, profile=uow.profiles.get(pacs.name))
        loads = [
            load
            for load in uow.loads.all()
            if load.pacs == pacs.name
            and load.readiness not in (*LEAVING, Readiness.PLANNED)
            and set_name in ("", load.set_name)
        ]
        passports = [uow.case_sets.get(load.set_name, load.copy) for load in loads]
    if pacs.paused:
        raise PausedPeer(PAUSED)
    if not pacs.is_called:
        raise RefusedInput(
            f"{pacs.name} has only called us so far; say where it is with `pacs change`."
        )
    if not passports:
        what = set_name or "No case set"
        raise NotFound(f"{what} stands at {pacs.name}; `load status` shows what does.")
    return pacs, [case for passport in passports for case in passport.cases]


def _ask_ours(pacs: Pacs, held: HeldMarks, read: Begin, alien_key: bytes) -> _Told:
    """Tell which objects are here, and which were refused for good."""
    hashes = {hash_alien(each.sop_instance_uid, alien_key): each for each in held.marks}
    if not hashes:
        return _Told(frozenset(), frozenset())
    with read() as uow:
        uids = [each.sop_instance_uid for each in held.marks]
        here = set(uow.objects.known(uids)) | uow.feedback.known(uids)
        refused = uow.refusals.refused_of(pacs.name, list(hashes))
    # in a study of ours nothing is an alien: it was one before the case was known
    for_good = {
        hashes[each].sop_instance_uid
        for each, kind in refused.items()
        if hashes[each].elsewhere or kind not in _ALIENS
    }
    return _Told(frozenset(here), frozenset(for_good - here))


def _pull_case(
    pacs: Pacs,
    held: HeldMarks,
    told: _Told,
    sop_classes: frozenset[str],
    fetch: FetchMarks,
    down: str,
) -> tuple[PulledCase, str]:
    """Fetch what is new of one case, unless the PACS is down; gives that too."""
    wanted = [
        each
        for each in held.marks
        if each.sop_instance_uid not in told.here | told.refused
        and each.sop_class_uid in {"", *sop_classes}
    ]
    if down:
        fetched = Fetched({each.sop_instance_uid: "failed" for each in wanted}, down=down)
        fetched.problems += [down] if wanted else []
    else:
        fetched = fetch(pacs, wanted) if wanted else Fetched()
    counted = Counter(fetched.became.values())
    line = PulledCase(
        held.accession,
        found=len(held.marks),
        had=len(told.here) + counted["had"],
        fetched=counted["fetched"],
        refused=len(held.marks) - len(wanted) - len(told.here) + counted["refused"],
        failed=counted["failed"],
        elsewhere=sum(each.elsewhere for each in held.marks),
        problems=tuple(dict.fromkeys((*held.problems, *fetched.problems))),
        unasked=bool(held.problems),
    )
    return line, fetched.down


def _with_series(line: PulledCase, held: HeldMarks, brought: FetchedSeries) -> PulledCase:
    """Add what came of series that the PACS does not list; what came whole is asked about."""
    counted = Counter(brought.fetched.became.values())
    known = sum(brought.known.values())
    left = {each.problem for each in held.series if not brought.has(each)}
    settled = {each.problem for each in held.series} - left
    problems = [each for each in line.problems if each not in settled]
    return replace(
        line,
        found=line.found + known + sum(counted.values()) + brought.short,
        had=line.had + known + counted["had"],
        fetched=line.fetched + counted["fetched"],
        refused=line.refused + counted["refused"],
        failed=line.failed + counted["failed"] + brought.short,
        elsewhere=line.elsewhere + sum(each.elsewhere for each in held.series),
        problems=tuple(dict.fromkeys((*problems, *brought.fetched.problems))),
        unasked=any(each not in settled for each in held.problems),
    )


def _keep_series(pacs: str, series: dict[str, int], begin: Begin, moment: datetime) -> None:
    """Keep which series came whole, so that they come again only when they have grown."""
    if series:
        with begin() as uow:
            before = uow.proofs.find(pacs, SERIES)
            known = {} if before is None else dict(before.body)
            uow.proofs.put(pacs, SERIES, known | series, moment)


def _keep(pulled: Pulled, begin: Begin, moment: datetime, *, whole: bool) -> None:
    """Keep what a pull came to; tell where something came, or differs from the last time."""
    with begin() as uow:
        before = uow.proofs.find(pulled.pacs, PULLED)
        last = {} if before is None else before.body
        same = all(last.get(key, 0) == count for key, count in _lasting(pulled).items())
        if whole:  # a pull of one set says nothing about the others
            uow.proofs.put(pulled.pacs, PULLED, pulled.as_json(), moment)
        if pulled.counts["fetched"] or not same:
            uow.events.add(moment, PULLED, pulled.pacs, **pulled.counts)


def _lasting(pulled: Pulled) -> dict[str, int]:
    return {key: pulled.counts[key] for key in ("refused", "failed", "unasked")}


def pulls_due(*, begin: Begin, now: Clock) -> int:
    """Queue a pull from every PACS that is to be asked by the clock; gives how many.

    One that could not be asked is asked again the next time. Called by the clock; repeating it
    queues nothing twice.
    """
    moment, due = now(), 0
    with begin() as uow:
        for pacs in uow.pacs.all():
            minutes = pacs.pull_minutes
            if not minutes or pacs.paused or not pacs.is_called:
                continue
            last = uow.proofs.find(pacs.name, PULLED)
            if last is not None and moment - last.proven_at < timedelta(minutes=minutes):
                continue
            if not any(
                load.pacs == pacs.name and load.readiness not in (*LEAVING, Readiness.PLANNED)
                for load in uow.loads.all()
            ):
                continue
            slot = int(moment.timestamp()) // (60 * minutes)
            key = f"pull-{pacs.name}-{minutes}-{slot}"
            uow.enqueue("pull_marks", pacs.name, key=key, partition=pacs.name)
            due += 1
    return due


def last_pull(pacs_name: str, *, read: Begin) -> dict[str, Any] | None:
    """Give what the last pull from a PACS came to, as `Pulled.as_json`; None for none."""
    with read() as uow:
        kept = uow.proofs.find(pacs_name, PULLED)
    return None if kept is None else kept.body
