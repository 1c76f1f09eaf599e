"""The root command."""

from __future__ import annotations

import importlib
from types import ModuleType

import typer

from pacs_bridge.cli.endings import end_in_words

GROUPS = {
    "case-set": ("pacs_bridge.cli.case_set", "Case sets: import, list, show, check."),
    "pacs": ("pacs_bridge.cli.pacs", "Hospital PACS: add, change, show, list, echo, adopt, probe."),
    "certs": ("pacs_bridge.cli.certs", "Certificates for TLS: make-ca, issue, list."),
    "load": ("pacs_bridge.cli.load", "Loads: start, status, verify, check, withdraw."),
    "marks": ("pacs_bridge.cli.marks", "Marks: read files, list what arrived."),
    "truth": ("pacs_bridge.cli.truth", "Truth of a case set: import."),
    "account": ("pacs_bridge.cli.account", "People: accounts, readers, rounds, enrolments."),
    "audit": ("pacs_bridge.cli.audit", "The audit trail: list, status, verify."),
    "results": ("pacs_bridge.cli.results", "Results: export for study."),
    "sandbox": ("pacs_bridge.cli.sandbox", "A simulated hospital: images, PACS, readers."),
}
SINGLE = ("init", "roles", "demo", "doctor", "rehearse", "statement")
"""Modules whose commands stand at the root; each has ``register(app)``."""


def build() -> typer.Typer:
    """Put all commands under one root."""
    app = typer.Typer(
        name="pacs-bridge",
        help="Case sets to hospital PACS, readers' marks back, results to readers.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for module in SINGLE:
        _import(f"pacs_bridge.cli.{module}").register(app)
    for name, (module, text) in GROUPS.items():
        app.add_typer(_import(module).app, name=name, help=text, no_args_is_help=True)
    return app


def _import(module: str) -> ModuleType:
    return importlib.import_module(module)


def main() -> None:
    """Run a command; exit 0 done, 1 refused or failed with one clear line, 2 usage."""
    end_in_words(lambda: build()())
