"""What a demo round says at its end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pacs_bridge.cli.terminal import console

if TYPE_CHECKING:
    from pacs_bridge.cli.demo.outcome import Outcome
    from pacs_bridge.cli.demo.processes import ReaderAtViewer
    from pacs_bridge.wiring.installation import Installation

PRODUCT = {"orthanc": "Orthanc", "sandbox": "the sandbox's PACS"}
FIGURES = (
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("correct_recall", "Correct recall"),
    ("correct_return", "Correct return"),
    ("auc", "ROC AUC"),
    ("lesions_localised", "Lesions localised"),
)


def gather(
    installation: Installation,
    kind: str,
    readers: list[ReaderAtViewer],
    set_name: str,
    pacs: str,
    expected: int,
    *,
    mails: int,
) -> Outcome:
    """Read out of the database what became of the round."""
    from pacs_bridge.cli.demo.outcome import Outcome, ReaderOutcome
    from pacs_bridge.domain.loading import InstanceState, Readiness

    outcome = Outcome(kind, readings_expected=expected, mails=mails)
    with installation.read() as uow:
        load = uow.loads.find(set_name, pacs)
        assert load is not None
        ledger = uow.loads.ledger(load.load_id)
        unsent = {r.accession for r in ledger if r.state is InstanceState.PENDING}
        accessions = {r.accession for r in ledger}
        outcome.cases, outcome.cases_sent = len(accessions), len(accessions - unsent)
        outcome.cases_proven = sum(v.complete == "proven" for v in uow.loads.verdicts(load.load_id))
        outcome.ready = load.readiness is Readiness.READY
        objects = uow.objects.list_newest(100_000)
        outcome.objects_received = len(objects)
        outcome.objects_parked = sum(each.state == "parked" for each in objects)
        marks = uow.marks.counts_by_reader()
        outcome.marks_captured = sum(marks.values())
        counts = uow.readings.counts(set_name)
        outcome.readings_exposed = len(uow.exposures.of_set(set_name))
        for reader in readers:
            summary = uow.summaries.find(set_name, reader.code)
            scored = counts.get((reader.code, "scored"), 0)
            outcome.readings_scored += scored
            outcome.readers.append(
                ReaderOutcome(
                    reader.code,
                    reader.kind,
                    reader.skill,
                    dict(Counter(o.kind for o in objects if o.reader == reader.code)),
                    {kind: n for (code, kind), n in marks.items() if code == reader.code},
                    scored,
                    dict(summary[0]["figures"]) if summary else {},
                )
            )
    return outcome


def _apart(outcome: Outcome) -> str:
    if not outcome.readers_apart:
        return "not proven"
    exposed = f", {outcome.readings_exposed} readings exposed" * bool(outcome.readings_exposed)
    return f"proven by two readers at the viewer{exposed}"


def print_table(outcome: Outcome, *, kept: bool) -> None:
    """Print the round so that a newcomer understands it.

    Parameters
    ----------
    kept : bool
        Whether it stays running, and so needs no hint at how to keep it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    out = console()
    out.print()
    out.print(f"[bold]The round, against {PRODUCT[outcome.pacs]}[/bold]")
    facts = Table(box=None, show_header=False, pad_edge=False)
    ready = "ready; contact and readers told" if outcome.ready else "not ready"
    for name, value in (
        ("Cases sent / proven there", f"{outcome.cases_sent} / {outcome.cases_proven}"),
        ("Load", f"{ready} by {outcome.mails} mails"),
        ("Objects received from the PACS", f"{outcome.objects_received}"),
        ("Marks captured", f"{outcome.marks_captured}"),
        ("Readers kept apart", _apart(outcome)),
        ("Test readings scored", f"{outcome.readings_scored} of {outcome.readings_expected}"),
        ("Time", f"{outcome.seconds:.0f} s"),
    ):
        facts.add_row(name, value)
    if outcome.objects_parked:
        facts.add_row("Objects waiting for a person", str(outcome.objects_parked))
    out.print(facts)
    out.print()
    out.print("[bold]The readers[/bold]")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for reader in outcome.readers:
        table.add_column(f"{reader.reader} ({reader.skill})")
    table.add_row("Saved marks as", *(_SAVED[r.saved_as] for r in outcome.readers))
    table.add_row("Marks captured", *(_by_kind(r.marks) for r in outcome.readers))
    table.add_row("Readings scored", *(str(r.readings_scored) for r in outcome.readers))
    for name, title in FIGURES:
        table.add_row(title, *(_figure(r.figures.get(name)) for r in outcome.readers))
    out.print(table)
    out.print("What each figure means and how it is worked out: docs/scoring.md")
    if not kept:
        out.print(
            "Open next: [bold]make demo ARGS=--keep[/bold] leaves everything running and prints\n"
            "the web address and log-ins."
        )


_SAVED = {
    "gsps": "presentation states",
    "sr": "structured reports",
    "both": "both",
}
_KIND = {
    "presentation-state": "states",
    "measurement-report": "reports",
}


def _by_kind(marks: dict[str, int]) -> str:
    return "\n".join(f"{n} in {_KIND.get(kind, kind)}" for kind, n in sorted(marks.items()))


def _figure(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "–"
    if figure["value"] is None:
        return "not computable"
    if figure["unit"].startswith("pair"):
        return f"{figure['value']:.2f} (n = {figure['denominator']:,})"
    return f"{figure['value']:.0%} ({figure['numerator']:g} of {figure['denominator']})"


def print_addresses(addresses: dict[str, Any], *, to_stderr: bool) -> None:
    """Say where everything is while it is kept running."""
    out = console(stderr=to_stderr)
    out.print()
    out.print(f"[bold]Open next: {addresses['web']}[/bold]  (runs until you press Ctrl-C)")
    for email, password in addresses["logins"].items():
        out.print(f"  {email:<26} {password}")
    out.print(f"PACS: {addresses['pacs']}   node: {addresses['node']}")
    out.print(f"Commands: export PACS_BRIDGE_HOME={addresses['home']}", soft_wrap=True)
