"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("pacs_bridge", "conformance")
MOST_LINES = 400

# A path of somebody's machine: home folders, scratch folders, this checkout. System paths that
# Debian promises (/usr, /etc) are no secret.
MACHINE_PATH = re.compile(r"/(?:root|home/[a-z]|Users/[A-Za-z]|work\b|opt\b|tmp/[a-z])[/\w.-]*")
ADDRESS_OPTION = re.compile(r"--(?:extra-)?index-url|--find-links|://")


def tracked(*folders: str) -> list[Path]:
    """The files that git holds, below the folders if any are named."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *folders]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def sources(*folders: str) -> list[Path]:
    return [path for path in tracked(*folders) if path.suffix == ".py"]


def is_generated(path: Path) -> bool:
    """Whether a program wrote it: migrations come from alembic and are never edited later."""
    return path.parts[-3:-1] == ("migrations", "versions")


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # pictures and the like


def test_no_file_is_longer_than_a_person_reads_at_once():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(*PRODUCT)
        if not is_generated(path)
        if (lines := len(text_of(path).splitlines())) > MOST_LINES
    }
    assert long == {}


def test_no_module_is_called_utils():
    names = {path.name for path in sources()}
    assert names & {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"} == set()


def test_imports_go_down_the_layers_only():
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_conformance_never_imports_the_product():
    importing = [
        str(path.relative_to(ROOT))
        for path in sources("conformance")
        if re.search(r"^\s*(?:from|import) pacs_bridge\b", text_of(path), re.MULTILINE)
    ]
    assert importing == []


def test_no_file_names_a_folder_of_somebodys_machine():
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if "vendor" not in path.parts and path != Path(__file__)
        for match in MACHINE_PATH.finditer(text_of(path))
        if not _is_part_of_an_address(text_of(path), match.start())
    }
    assert found == set()


def _is_part_of_an_address(text: str, start: int) -> bool:
    """Whether the slash only continues a word: a URL, a relative path."""
    return start > 0 and (text[start - 1].isalnum() or text[start - 1] in "./_-}>)~")


def test_locks_name_no_address():
    found = {
        f"{path.name}: {line.strip()}"
        for path in tracked("requirements")
        for line in text_of(path).splitlines()
        if ADDRESS_OPTION.search(line)
    }
    assert found == set()


def test_every_locked_package_has_its_hash():
    for lock in ("build.txt", "run.txt", "dev.txt"):
        entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / lock).read_text())
        bare = [each.split()[0] for each in entries if "==" in each and "--hash" not in each]
        assert bare == [], lock


def test_what_runs_is_what_was_tested():
    pins = {}
    for lock in ("dev.txt", "run.txt"):
        text = (ROOT / "requirements" / lock).read_text()
        pins[lock] = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))
    assert pins["run.txt"].items() <= pins["dev.txt"].items()


def test_the_readme_begins_with_the_two_commands():
    beginning = (ROOT / "README.md").read_text().split("\n## ")[0]
    assert "make demo" in beginning
    assert "make test" in beginning


def test_every_link_in_the_documents_leads_somewhere():
    dead = [
        f"{path.relative_to(ROOT)} → {target}"
        for path in tracked()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)", text_of(path))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert dead == []


def test_every_make_target_has_its_line_of_help():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    helped = set(re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE))
    assert helped == set(phony[1].split())


@pytest.mark.parametrize(
    "path",
    [path for path in sources("pacs_bridge") if not is_generated(path)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_module_says_what_it_is_for(path):
    assert (ast.get_docstring(ast.parse(text_of(path))) or "").strip()


def test_scripts_are_well_formed():
    for path in [*tracked("tools"), ROOT / ".ci" / "run"]:
        if path.suffix == ".sh" or path.name == "run":
            done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
