"""The node is started without the library that reads options."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pacs_bridge.cli.node_process import Orders, read_orders, words_of
from tests.homes import a_home
from tests.integration.test_node_images_crash import peak_megabytes
from tests.peers import ROOT

MOST_MEGABYTES = 72 if "FULL_FAULTS" in os.environ else 130
"""Systems differ in what they map and count; what must not be there is named below."""


@pytest.mark.parametrize(
    "orders",
    [
        Orders("/homes/one"),
        Orders("a home with spaces", with_parent=True),
        Orders("home", with_parent=True, beside=11112, beside_tls=2762, place=3),
    ],
)
def test_the_plain_form_of_the_command_says_all_its_orders(orders: Orders) -> None:
    assert read_orders(words_of(orders)) == orders


@pytest.mark.parametrize(
    "words",
    [
        [], ["node"], ["node", "--home"], ["node", "--home", "--help"], ["jobs", "--home", "x"],
        ["node", "--home", "x", "--help"], ["node", "--home", "x", "--place"],
        ["node", "--home", "x", "--place", "-1"], ["node", "--home=x"],
    ],
)  # fmt: skip
def test_every_other_form_is_left_to_what_reads_all_commands(words: list[str]) -> None:
    assert read_orders(words) is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("plain", [True, False])
def test_a_node_that_serves_holds_nothing_that_it_does_not_need(
    tmp_path: Path, *, plain: bool
) -> None:
    installation = a_home(tmp_path)
    installation.engine.dispose()
    words = ["--home", str(tmp_path)] if plain else []
    process = subprocess.Popen(
        [sys.executable, "-m", "pacs_bridge", "node", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PACS_BRIDGE_HOME": str(tmp_path),
            "PACS_BRIDGE_NODE__HOST": "127.0.0.1",
            "PACS_BRIDGE_NODE__PORT": "0",
        },
    )
    try:
        assert process.stdout is not None
        assert any(line.startswith("ready node ") for line in process.stdout)
        maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        held = re.findall(r"/site-packages/(\w+)/", maps)
        assert "sqlalchemy" in held  # or this looks in the wrong place
        assert not {"pydantic_core", "numpy", "_gdcm"} & set(held)
        assert peak_megabytes(process.pid) < MOST_MEGABYTES
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 0
