"""The outbox to the scorer: truth first, then readings; kept until the scorer's receipt."""

from __future__ import annotations

from collections.abc import Callable

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import ScorerRefused, ScorerUnavailable
from pacs_bridge.domain.objects import OutboxItem
from pacs_bridge.domain.ports import Archive, Clock, Scorer, ScorerReceipt
from pacs_bridge.domain.reports import KeptReport, ReportState


def deliver_truth(set_name: str, version: int, *, begin: Begin, scorer: Scorer, now: Clock) -> None:
    """Give the scorer one version of a set's truth, then queue what waited for it.

    Raises
    ------
    ScorerUnavailable
        When it gave no answer that counts; the same call later is safe.
    """
    with begin() as uow:
        truth = uow.truths.get(set_name, version)
    if truth is None:
        return
    if truth.delivered_at is None:
        scorer.put_truth(set_name, version, truth.payload)
    with begin() as uow:
        uow.truths.set_delivered(set_name, version, now())
        for item in uow.outbox.in_state("waiting"):
            if item.set_name == set_name:
                key = f"forward-{item.outbox_id}-truth-{version}"
                uow.enqueue("forward", item.outbox_id, key=key)
        for item in uow.outbox.in_state("settled"):
            if item.set_name == set_name and version > 1:
                key = f"forward-{item.outbox_id}-truth-{version}"
                uow.enqueue("forward", item.outbox_id, key=key)


def forward_reading(
    outbox_id: int,
    *,
    begin: Begin,
    scorer: Scorer,
    now: Clock,
    archive: Archive | None = None,
    keep: Callable[[int], None] = lambda _outbox_id: None,
    look: Begin | None = None,
) -> str:
    """Hand one reading to the scorer and keep its result and the reader's new figures.

    Only a receipt that echoes the content hash counts. A reading whose set has no truth yet
    waits; `deliver_truth` queues it again. A settled one only has its result fetched anew.
    Reports that the scorer wants follow their reading, and never hold it up.

    Parameters
    ----------
    archive : Archive, optional
        Where the reports lie; without it none is handed over.
    keep : callable
        Writes the reading's reports before it goes out (`services.reports.Keeper.keep`).
    look : callable, optional
        Opens what only asks, so that it waits for nobody who writes; `begin` unless given.

    Returns
    -------
    str
        ``settled``, ``waiting`` or ``parked``.

    Raises
    ------
    ScorerUnavailable
        When the scorer gave no receipt that counts; the same call later is safe, because
        the scorer takes one reading with one content hash once.
    """
    keep(outbox_id)
    with (look or begin)() as uow:
        item = uow.outbox.get(outbox_id)
        truth = uow.truths.latest(item.set_name)
        untaken = _in_state(uow.reports.of(item.reading_uid, item.revision), ReportState.UNTAKEN)
    reader = str(item.payload["reader"])
    if item.state == "parked":
        return "parked"
    if truth is None or truth.delivered_at is None:
        return "waiting"
    try:
        if item.state == "waiting" or untaken:
            _note_receipt(item, scorer.post_reading(item.payload), begin, now)
        late = None if archive is None else _hand_over(item, begin, scorer, archive, now)
        with begin() as uow:
            number = uow.summaries.ask(item.set_name, reader)
        result = scorer.get_result(item.reading_uid)
        summary = scorer.get_summary(item.set_name, reader)
    except ScorerRefused as error:
        with begin() as uow:
            uow.outbox.park(outbox_id, str(error))
            uow.readings.set_state(item.reading_uid, "parked")
            uow.events.add(now(), "reading-parked", item.reading_uid, reason=str(error))
        return "parked"
    except ScorerUnavailable as error:
        with begin() as uow:
            uow.outbox.retry(outbox_id, str(error))
        raise
    with begin() as uow:
        uow.outbox.settle(outbox_id, now())
        uow.readings.set_scored(item.reading_uid, item.revision, result, now())
        uow.summaries.put(item.set_name, reader, number, summary, now())
    if late is not None:
        raise late
    return "settled"


def _in_state(reports: list[KeptReport], state: ReportState) -> list[KeptReport]:
    return [each for each in reports if each.state is state]


def _note_receipt(item: OutboxItem, receipt: ScorerReceipt, begin: Begin, now: Clock) -> None:
    """Keep the receipt, and which of the reports it names the scorer wants."""
    with begin() as uow:
        body: dict[str, object] = {
            "reading": receipt.reading,
            "revision": receipt.revision,
            "content_hash": receipt.content_hash,
            "wanted": list(receipt.reports),
            "reports": [],
        }
        uow.outbox.receive(item.outbox_id, body)
        if "reports" not in item.payload:
            return
        for report in uow.reports.of(item.reading_uid, item.revision):
            wanted = report.content_hash in receipt.reports
            if report.state in (ReportState.KEPT, ReportState.UNTAKEN):
                state = ReportState.ASKED if wanted else ReportState.UNTAKEN
                uow.reports.settle(report, state, now())


def _hand_over(
    item: OutboxItem, begin: Begin, scorer: Scorer, archive: Archive, now: Clock
) -> ScorerUnavailable | None:
    """Give the scorer the reports that it wants; gives what stops it from taking one now."""
    with begin() as uow:
        wanted = _in_state(uow.reports.of(item.reading_uid, item.revision), ReportState.ASKED)
    for report in wanted:
        with archive.open(report.content_hash) as file:
            content = file.read()
        try:
            digest = scorer.put_report(item.reading_uid, item.revision, content)
        except ScorerUnavailable as error:
            return error
        except ScorerRefused as error:
            with begin() as uow:
                uow.reports.settle(report, ReportState.REFUSED, now(), str(error))
                uow.events.add(now(), "report-refused", item.reading_uid, why=str(error))
            continue
        with begin() as uow:
            uow.reports.settle(report, ReportState.DELIVERED, now())
            receipt = dict(uow.outbox.get(item.outbox_id).receipt or {})
            kept = list(receipt.get("reports") or [])  # type: ignore[call-overload]
            receipt["reports"] = list(dict.fromkeys([*kept, digest]))
            uow.outbox.receive(item.outbox_id, receipt)
            uow.events.add(
                now(), "report-delivered", item.reading_uid, revision=item.revision, sha256=digest
            )
    return None
