"""Counters of several processes add up, and none ever falls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pacs_bridge.scp.counters import BYTES, CounterFile, sum_of
from pacs_bridge.scp.metrics import REFUSALS, Meter, Sample

_CHILD = """
import os, signal, sys
from pathlib import Path
from pacs_bridge.scp.counters import CounterFile
counters = CounterFile(Path(sys.argv[1]))
for _ in range(1000):
    counters.add("stored", 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_counters_of_all_processes_are_summed(tmp_path: Path) -> None:
    one, two = CounterFile(tmp_path / "a.counts"), CounterFile(tmp_path / "b.counts")
    one.add("stored", 2)
    two.add("stored", 3)
    two.add("réfused", 1)
    assert sum_of(tmp_path) == {"stored": 5, "réfused": 1}


def test_what_a_killed_process_counted_is_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "a.counts"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", _CHILD, str(path)], check=False, timeout=60)
    assert sum_of(tmp_path) == {"stored": 2000}
    again = CounterFile(path)
    again.add("stored", 1)
    again.add("other", 7)
    assert again.values() == {"stored": 2001, "other": 7} == sum_of(tmp_path)


def test_a_file_that_is_none_of_ours_counts_nothing_and_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.counts"
    for content in (b"", b"nonsense", b"\xff" * BYTES, b"PBCOUNT1" + b"\xff" * (BYTES - 8)):
        path.write_bytes(content)
        assert sum_of(tmp_path) == {}
        counters = CounterFile(path)
        counters.add("stored", 1)
        assert sum_of(tmp_path) == {"stored": 1}
        counters.close()


def test_a_full_file_goes_on_counting_what_it_knows(tmp_path: Path) -> None:
    counters = CounterFile(tmp_path / "a.counts")
    for nth in range(2_000):
        counters.add(f"counter with quite a long name, number {nth}", 1)
    counters.add("counter with quite a long name, number 0", 1)
    told = sum_of(tmp_path)
    assert told["counter with quite a long name, number 0"] == 2
    assert 500 < len(told) < 2_000


def test_meters_of_one_folder_tell_the_same(tmp_path: Path) -> None:
    meters = [Meter(tmp_path / f"node-{place}.counts") for place in range(3)]
    for meter in meters:
        meter.count(REFUSALS, 2, kind='a"lien')
    for meter in meters:
        assert meter.samples() == [Sample(REFUSALS, (("kind", 'a"lien'),), 6)]
