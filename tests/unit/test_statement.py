"""The conformance statement says what the code does, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pacs_bridge.domain.errors import (
    AlienObject,
    ConflictingObject,
    GiveUp,
    MismatchedObject,
    PacsBridgeError,
    PeerUnavailable,
    RefusedInput,
    StorageFull,
    UnreadableObject,
)
from pacs_bridge.scp.commitment import MEANINGS as COMMITTING
from pacs_bridge.scp.commitment import REPORTED_REASONS
from pacs_bridge.scp.contexts import (
    COMMITMENT,
    EVIDENCE,
    EVIDENCE_SYNTAXES,
    GIVEN,
    GIVEN_SYNTAXES,
    IMAGE_SYNTAXES,
    QUERIED,
    REPORTED,
    STORED,
    STREAMED,
    SUPPORTED,
    TRANSFER_SYNTAXES,
    VERIFICATION,
)
from pacs_bridge.scp.statement import Running, write_statement
from pacs_bridge.scp.status import MEANINGS, STORE_STATUS, store_status
from pacs_bridge.upper_layer.contract import Bounds
from tests.errors import family
from tests.peers import ROOT

STATEMENT = ROOT / "conformance" / "STATEMENT.md"


def make(error: type[PacsBridgeError]) -> PacsBridgeError:
    needs_nothing = (PeerUnavailable,)
    return error() if error in needs_nothing else error("a sentence.")


@pytest.mark.parametrize("error", family(PacsBridgeError), ids=lambda e: e.__name__)
def test_every_error_is_a_failure_that_the_statement_explains(
    error: type[PacsBridgeError],
) -> None:
    status = store_status(make(error))
    assert status != 0x0000
    assert status & 0xF000 not in (0xB000, 0xF000)  # neither a warning nor "more to come"
    assert status in MEANINGS


def test_the_statuses_that_senders_act_on() -> None:
    told = {
        StorageFull: 0xA700, MismatchedObject: 0xA900, UnreadableObject: 0xC000,
        ConflictingObject: 0xC001, AlienObject: 0x0124, RefusedInput: 0xC000, GiveUp: 0xC000,
    }  # fmt: skip
    assert {error: store_status(make(error)) for error in told} == told


def test_no_status_is_explained_that_is_never_given() -> None:
    assert set(MEANINGS) == set(STORE_STATUS.values()) | {0x0000}


def test_the_statement_lists_every_sop_class_and_no_other() -> None:
    listed = re.findall(r"`(1\.2\.840\.10008\.[\d.]+)`", STATEMENT.read_text())
    assert len(listed) == len(set(listed))
    assert set(listed) == {context.sop_class_uid for context in SUPPORTED}
    assert set(listed) == STORED | STREAMED | {VERIFICATION} | set(QUERIED) | set(REPORTED)
    assert set(GIVEN) | set(EVIDENCE) == STREAMED
    assert not STORED & STREAMED  # whatever is taken in goes one way


def test_the_statement_lists_every_status_with_its_meaning() -> None:
    section = STATEMENT.read_text().split("#### C-STORE responses given")[1].split("####")[0]
    listed = dict(re.findall(r"^\| ([0-9A-F]{4}) \| (.+) \|$", section, re.MULTILINE))
    assert {int(code, 16): text for code, text in listed.items()} == MEANINGS


def test_the_statement_lists_every_status_and_reason_of_commitment() -> None:
    text = STATEMENT.read_text()
    for heading, told in (
        ("#### N-ACTION, N-EVENT-REPORT and N-CREATE responses given", COMMITTING),
        ("### N.5.6 Storage commitment", REPORTED_REASONS),
    ):
        section = text.split(heading)[1].split("\n## ")[0].split("####")[0]
        listed = dict(re.findall(r"^\| ([0-9A-F]{4}) \| (.+) \|$", section, re.MULTILINE))
        assert {int(code, 16): text for code, text in listed.items()} == told


def test_every_offered_syntax_is_in_the_statement_and_none_that_is_not() -> None:
    text = STATEMENT.read_text()
    for syntax in TRANSFER_SYNTAXES:
        assert f"({syntax})" in text
    assert set(TRANSFER_SYNTAXES) == {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}
    for context in SUPPORTED:
        is_given, is_evidence = (context.sop_class_uid in kind for kind in (GIVEN, EVIDENCE))
        may_be_scp = is_given or context.sop_class_uid == COMMITMENT
        assert context.requestor_may_be_scp is may_be_scp
        compressed = GIVEN_SYNTAXES if is_given else EVIDENCE_SYNTAXES
        wanted = compressed if is_given or is_evidence else TRANSFER_SYNTAXES
        assert context.transfer_syntaxes == wanted
        assert context.taken_in == (IMAGE_SYNTAXES if is_given else ())
    assert set(IMAGE_SYNTAXES) == set(GIVEN_SYNTAXES)
    assert not {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"} & set(EVIDENCE_SYNTAXES)


def test_the_file_is_what_the_command_prints() -> None:
    written = STATEMENT.read_text()
    assert written == write_statement(Running()).rstrip() + "\n", (
        "write it anew: pacs-bridge statement > conformance/STATEMENT.md"
    )


def test_a_statement_shows_the_settings_that_run() -> None:
    text = write_statement(Running("NORTHERN", 10400, Bounds(associations=7, object_bytes=9 << 20)))
    assert "| Node | `NORTHERN` | 10400 |" in text
    assert "| Associations accepted at the same time | 7 |" in text
    assert "| Largest report, presentation state or key object selection | 9 MB |" in text


def test_the_sections_stand_in_the_order_of_the_template() -> None:
    numbers = re.findall(r"^## N\.(\d+) ", STATEMENT.read_text(), re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, 12))


def test_the_package_carries_the_text_it_needs() -> None:
    assert '"scp/*.md"' in (ROOT / "pyproject.toml").read_text()
    assert Path(ROOT / "pacs_bridge" / "scp" / "statement.md").is_file()
