"""Media and orders as an operator makes them: real commands, a real home."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.mammograms import a_folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one set of two cases and one PACS."""
    folder = tmp_path_factory.mktemp("media")
    a_folder(folder / "images", 2)
    home = folder / "home"
    told("init", home=home, json_too=False)
    told(
        "case-set",
        "import",
        str(folder / "images"),
        "--prefix",
        "PERFORMS121",
        "--partial",
        home=home,
    )
    told("pacs", "add", "hospital", "--aet", "HOSPITAL", "--host", "127.0.0.1", "--port", "104",
         "--plain", home=home, json_too=False)  # fmt: skip
    return home


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return forked.run("pacs_bridge", [*words, "--home", home])


def told(*words: str, home: Path, json_too: bool = True) -> Any:
    done = run(*words, *(["--json"] if json_too else []), home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if json_too else done.stdout


def test_the_only_set_needs_no_name_and_a_full_folder_is_refused(
    home: Path, tmp_path: Path
) -> None:
    [part] = told("case-set", "export-media", str(tmp_path / "media"), home=home)
    assert (part["images"], part["cases"]) == (8, ["PERFORMS121001", "PERFORMS121101"])
    assert (tmp_path / "media" / "DICOMDIR").is_file()
    again = run("case-set", "export-media", "PERFORMS121", str(tmp_path / "media"), home=home)
    assert again.returncode == 1
    assert "not empty" in again.stderr
    assert "Traceback" not in again.stderr


def test_orders_are_written_in_every_form(home: Path, tmp_path: Path) -> None:
    files = told("case-set", "orders", "PERFORMS121", str(tmp_path / "orders"), home=home)
    names = ["orders.csv", "orders-adt.hl7", "orders-omi.hl7", "orders-orm.hl7"]
    assert [Path(file).name for file in files] == names
    assert "PERFORMS121101" in (tmp_path / "orders" / "orders.csv").read_text()


def test_orders_for_nowhere_are_a_clear_refusal(home: Path) -> None:
    done = run("case-set", "orders", "PERFORMS121", home=home)
    assert done.returncode == 1
    assert "a folder, or --mllp" in done.stderr


def test_a_load_by_media_awaits_its_import(home: Path) -> None:
    load = told("load", "start", "PERFORMS121", "hospital", "--by", "media", home=home)
    assert (load["readiness"], load["by"]) == ("awaiting import", "media")
    assert load["instances"]["total"] == 8
