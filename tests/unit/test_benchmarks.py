"""The benchmarks run and say what they measured; what they measured is nobody's promise here."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.__main__ import main
from benchmarks.catalogue import BENCHMARKS
from benchmarks.data import Reports
from benchmarks.measure import Benchmark, Contest, Place, is_reached, run
from benchmarks.processes import cpu_seconds, peak_mb
from tests import forked
from tests.peers import need

KEYS = ["name", "ours", "peer", "peer_name", "ratio", "unit", "runs", "bar", "most", "ours_mb",
        "peer_mb", "most_mb", "load"]  # fmt: skip


def a_benchmark(ours, peer, *, better="more"):
    """One whose sides give these figures, in turn; `calls` tells who was asked when."""
    calls = []

    def side(name, figures):
        def measured(number):
            calls.append((name, number))
            return figures[number]

        return measured

    @contextmanager
    def opened(_):
        yield Contest("objects/s", side("ours", ours), {"them": side("them", peer)}, better)

    return Benchmark("thing", "a thing", (), opened), calls


def measured(benchmark, runs, *, tiny=False):
    [line] = run(benchmark, Place(Path(), tiny), runs)
    return line


def test_figures_are_medians_and_the_ratio_is_that_of_the_rounds():
    benchmark, _ = a_benchmark([99.0, 10.0, 30.0, 80.0], [99.0, 5.0, 10.0, 100.0])
    line = measured(benchmark, 3)
    assert (line.ours, line.peer, line.ratio, line.runs) == (30.0, 10.0, 2.0, 3)


def test_less_memory_or_time_is_a_ratio_above_one():
    benchmark, _ = a_benchmark([1.0, 10.0], [1.0, 40.0], better="less")
    assert measured(benchmark, 1).ratio == 4.0


def test_sides_take_turns_and_the_first_round_only_warms_up():
    benchmark, calls = a_benchmark([1.0] * 3, [1.0] * 3)
    measured(benchmark, 2)
    assert calls == [
        ("ours", 0), ("them", 0), ("ours", 1), ("them", 1), ("them", 2), ("ours", 2),
    ]  # fmt: skip


def test_reports_are_never_given_twice_and_are_the_same_in_every_run():
    once, again = Reports(2), Reports(2)
    first, second = once.take(3), once.take(3)
    assert len({each.sop_instance_uid for each in first + second}) == 6
    assert again.take(6) == first + second
    for each in first:
        assert each.data_set.count(each.sop_instance_uid.encode()) == 1


def test_an_unknown_name_is_a_usage_error_that_names_the_known_ones(capsys):
    assert main(["receive-smal"]) == 2
    assert "receive-small" in capsys.readouterr().err


def test_the_list_names_every_benchmark(capsys):
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(BENCHMARKS)


def test_a_missing_peer_is_named_with_the_line_that_installs_it(capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.programs.find_program", lambda _: None)
    assert main(["import", "--json"]) == 1
    said = capsys.readouterr()
    assert "sudo apt-get install libgdcm-tools" in said.err
    assert said.out == ""


def a_row(**changes):
    row = {"name": "thing", "ours": 2e6, "peer": 3.14159, "peer_name": "them", "ratio": 1.25,
           "unit": "MB/s", "runs": 5, "bar": 1.2, "most": None, "ours_mb": 60.0, "peer_mb": None,
           "most_mb": 64.0, "load": 0.5}  # fmt: skip
    return row | changes


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({}, True),
        ({"ratio": 1.19}, False),
        ({"ours_mb": 64.5}, False),
        ({"most": 2e6}, False),
        ({"most": 2.1e6}, True),
        ({"bar": None}, True),
        ({"bar": None, "most_mb": None}, None),
    ],
)
def test_a_figure_reaches_its_bar_only_with_ratio_figure_and_memory(changes, reached):
    assert is_reached(a_row(**changes)) is reached


def test_kept_figures_take_the_place_of_those_in_a_document(tmp_path):
    document, file = tmp_path / "performance.md", tmp_path / "kept"
    document.write_text(f"# Before\n\n{table.BEGIN}\nold\n{table.END}\n\nAfter\n")
    rows = [a_row(), a_row(name="other", ratio=1.0)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["--write", str(document), str(file)]) == 0
    text = document.read_text()
    assert text.startswith(f"# Before\n\n{table.BEGIN}\n\n| name |")
    assert text.endswith(f"\n\n{table.END}\n\nAfter\n")
    assert "| `thing` | them | MB/s | 2,000,000 | 3.14 | **1.25** | 1.2x | yes | 60 (<64) |" in text
    assert "1 of 2 bars reached; not other against them." in text
    assert "old" not in text


@pytest.mark.parametrize("kept", ["", "[]\n", '{"name": "thing"}\n', "what  ours  peer\n"])
def test_what_holds_no_figures_leaves_the_document_alone(tmp_path, capsys, kept):
    document, file = tmp_path / "performance.md", tmp_path / "kept"
    document.write_text(f"{table.BEGIN}\n{table.END}\n")
    file.write_text(kept)
    assert main(["--write", str(document), str(file)]) == 2
    assert "make it with --json or --keep" in capsys.readouterr().err
    assert document.read_text() == f"{table.BEGIN}\n{table.END}\n"


def test_a_document_without_a_place_for_figures_is_not_touched(tmp_path, capsys):
    document, file = tmp_path / "performance.md", tmp_path / "kept"
    document.write_text("nothing\n")
    file.write_text(json.dumps(a_row()))
    assert main(["--write", str(document), str(file)]) == 2
    assert "has no place for figures" in capsys.readouterr().err
    assert document.read_text() == "nothing\n"


def test_a_peak_of_memory_is_that_of_the_process_itself():
    program = (
        "import sys\nkept = bytearray(200_000_000)\nprint(len(kept), flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == b"200000000\n"
            assert 200 < peak_mb(process.pid) < 250
            assert cpu_seconds(process.pid) > 0
        finally:
            process.stdin.close()  # else it would be waited for


@pytest.mark.slow
@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_each_benchmark_prints_a_well_formed_line_a_peer(name, tmp_path):
    for program, package in BENCHMARKS[name].needs:
        need(program, package)
    words = [name, "--json", "--tiny", "--runs", "1", "--folder", tmp_path]
    env = {**os.environ, "PYTHONWARNINGS": "default"}
    done = forked.run("benchmarks", words, env=env, timeout=280)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines
    assert len({line["peer_name"] for line in lines}) == len(lines)
    for line in lines:
        assert list(line) == KEYS
        assert (line["name"], line["runs"]) == (name, 1)
        assert line["unit"]
        assert line["peer_name"]
        for key in ("ours", "peer", "ratio"):
            assert math.isfinite(line[key])
            assert line[key] > 0
    assert list(tmp_path.iterdir()) == []
