"""Every peer and service, one row each; `MATRIX.md` is written from what this saw."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from conformance import (  # noqa: F401  each enters its checks
    checks_dcmjs,
    checks_dcmtk,
    checks_dicom3tools,
    checks_gdcm,
    checks_orthanc,
    checks_pynetdicom,
)
from conformance.matrix import CHECKS, FAIL, PAGE, PASS, Row, read, render
from conformance.stage import Stage
from conformance.versions import versions

pytestmark = [pytest.mark.peer("dcmtk"), pytest.mark.slow]
SEEN: dict[Row, str] = {}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    on = Stage(tmp_path_factory.mktemp("stage"))
    try:
        yield on
    finally:
        ended = on.end()
    assert set(ended) <= {0}


@pytest.mark.parametrize("row", CHECKS, ids=lambda row: row.name)
def test_a_peer_and_a_service(stage: Stage, row: Row) -> None:
    try:
        outcome = CHECKS[row](stage) or PASS
    except Exception:
        SEEN[row] = FAIL
        raise
    SEEN[row] = outcome


def test_the_committed_matrix_has_these_outcomes() -> None:
    committed = read(PAGE.read_text())
    if os.environ.get("MATRIX") == "write":
        committed = {row: (committed | SEEN)[row] for row in CHECKS if row in committed | SEEN}
        PAGE.write_text(render(committed, versions()))
    assert {row: committed.get(row) for row in SEEN} == SEEN
    assert set(committed) <= set(CHECKS), "a row of the page has no check any more"
