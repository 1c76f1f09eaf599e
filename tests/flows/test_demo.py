"""The demo: a whole round through the product's own parts, on both kinds of PACS."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.peers import need


def run_demo(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it as somebody would, with a temporary folder of its own to look into."""
    return subprocess.run(
        [sys.executable, "-m", "pacs_bridge", "demo", *options],
        capture_output=True, text=True, timeout=280, check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("pacs", ["orthanc", "sandbox"])
def test_a_round_of_four_cases_ends_with_every_reading_scored(pacs: str, tmp_path: Path) -> None:
    if pacs == "orthanc":
        need("Orthanc", "orthanc")
    done = run_demo(tmp_path, "--pacs", pacs, "--cases", "4", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["pacs"] == pacs
    assert (outcome["cases_sent"], outcome["cases_proven"], outcome["ready"]) == (4, 4, True)
    # A presentation state each of the first reader, a report of the second, both of the third.
    assert outcome["objects_received"] == 16
    assert outcome["objects_parked"] == 0
    assert outcome["readings_scored"] == 9
    assert outcome["mails"] == 4
    assert outcome["marks_captured"] == sum(
        count for reader in outcome["readers"] for count in reader["marks"].values()
    )
    for reader in outcome["readers"]:
        assert reader["readings_scored"] == 3
        figures = reader["figures"]  # of all six breasts, whichever reading was scored last
        breasts = [figures[name]["denominator"] for name in ("sensitivity", "specificity")]
        assert sum(breasts) == 6
    both = outcome["readers"][2]["marks"]
    assert both.get("presentation-state", 0) == both.get("measurement-report", 0)
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith("pacs-bridge")]
    assert left == []


@pytest.mark.slow
def test_the_demo_prints_a_table_for_people(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--pacs", "sandbox", "--cases", "2")
    assert done.returncode == 0, done.stderr
    for words in (
        "Cases sent / proven there", "2 / 2", "ready", "Marks captured", "Test readings scored",
        "3 of 3", "Sensitivity", "ROC AUC", "Open next",
    ):  # fmt: skip
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert tempfile.gettempdir() not in done.stdout
