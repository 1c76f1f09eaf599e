"""``case-set`` and ``truth`` as an operator uses them: real commands, a real home, a real kill."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.dying_command import die
from tests.mammograms import a_folder, a_mammogram, write


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home made by ``init``."""
    folder = tmp_path_factory.mktemp("case-sets") / "home"
    done = command("init", home=folder)
    assert done.returncode == 0, done.stderr
    return folder


def command(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return forked.run("pacs_bridge", [*words, "--home", home])


def told(*words: str, home: Path) -> Any:
    """Run a command with --json; gives what it says, which is all there is on stdout."""
    done = command(*words, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_show_list_and_check_say_the_same_of_a_set(home: Path, tmp_path: Path) -> None:
    a_folder(tmp_path / "images", 2)
    folder = str(tmp_path / "images")
    made = told("case-set", "import", folder, "--prefix", "PERFORMS121", "--partial", home=home)
    passport = told("case-set", "show", "PERFORMS121", home=home)
    line = next(x for x in told("case-set", "list", home=home) if x["set"] == "PERFORMS121")
    check = told("case-set", "check", "PERFORMS121", home=home)

    assert (made["cases"], made["images"], made["new"]) == (2, 8, True)
    assert [case["accession"] for case in passport["cases"]] == ["PERFORMS121001", "PERFORMS121101"]
    assert line["digest"] == made["digest"] == check["digest"]
    assert (line["title"], line["images"]) == ("SA12 part 1", 8)
    assert check["whole"]
    assert passport["key_id"] == made["key_id"]


def test_refused_files_are_printed_one_a_line_and_the_command_fails(
    home: Path, tmp_path: Path
) -> None:
    a_folder(tmp_path / "images", 1)
    (tmp_path / "images" / "readme.txt").write_text("no image")
    write(a_mammogram(study=2, BurnedInAnnotation="YES"), tmp_path / "images" / "burnt.dcm")
    done = command(
        "case-set", "import", str(tmp_path / "images"), "--prefix", "PERFORMS131", "--partial",
        "--json", home=home,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert "  readme.txt: not a DICOM file; take it out of the folder\n" in done.stderr
    assert "  burnt.dcm: annotation is burnt into its pixels" in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("pacs-bridge: 2 things in images")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("prefix", ["PERFORMS12", "performs121", "PERFORMS1211", "../etc"])
def test_a_prefix_of_another_form_is_refused(prefix: str, home: Path, tmp_path: Path) -> None:
    done = command("case-set", "import", str(tmp_path), "--prefix", prefix, home=home)

    assert (done.returncode, done.stdout) == (1, "")
    assert "such as PERFORMS121" in done.stderr


def test_truth_is_imported_and_what_lacks_is_said(home: Path, tmp_path: Path) -> None:
    a_folder(tmp_path / "images", 2)
    told("case-set", "import", str(tmp_path / "images"), "--prefix", "PERFORMS141", "--partial",
         home=home)  # fmt: skip
    breasts = [{"laterality": side, "pathology": "normal", "panel": "RTS"} for side in ("R", "L")]
    case = {"number": 1, "kind": "practice", "breasts": breasts, "lesions": []}
    (tmp_path / "truth.json").write_text(json.dumps({"cases": [case]}))
    made = told("truth", "import", "PERFORMS141", str(tmp_path / "truth.json"), home=home)
    again = command("truth", "import", "PERFORMS141", str(tmp_path / "truth.json"), home=home)

    assert (made["version"], made["new"], made["without"]) == (1, True, ["PERFORMS141101"])
    assert "nothing in it is new" in again.stdout
    assert "PERFORMS141101" in again.stderr


def test_an_import_that_is_killed_leaves_no_set_and_completes_when_run_again(
    home: Path, tmp_path: Path
) -> None:
    a_folder(tmp_path / "images", 12)
    words = ["case-set", "import", str(tmp_path / "images"), "--prefix", "PERFORMS151", "--partial"]
    words += ["--study-date", "2026-01-02"]  # midnight makes other objects
    before = objects(home)
    die("rename", 5, *words, "--home", str(home))

    assert objects(home) == before + 5
    assert "PERFORMS151" not in [x["set"] for x in told("case-set", "list", home=home)]
    made = told(*words, home=home)
    assert (made["cases"], made["images"], made["new"]) == (12, 48, True)
    assert told(*words, home=home)["digest"] == made["digest"]
    assert objects(home) == before + 48
    assert told("case-set", "check", "PERFORMS151", home=home)["whole"]


def objects(home: Path) -> int:
    """How many objects stand in the archive of a home."""
    return sum(len(path.name) == 64 for path in (home / "archive").rglob("*") if path.is_file())
