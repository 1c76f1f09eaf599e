"""The command line, killing itself (SIGKILL) when it archives an object: a program for tests.

``python -m tests.dying_command STEP COUNT WORDS…``: the command ``pacs-bridge WORDS…``, that
dies at the COUNT-th time it comes to STEP of writing into the archive (see `dying_node.POINTS`).
After COUNT times "rename", COUNT objects stand in the archive, and nobody was told so.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import cached_property

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.wiring.installation import Installation
from tests.dying_node import Death, DyingDisk
from tests.peers import ROOT


def main(step: str, count: int, words: list[str]) -> None:
    """Run the command until it dies."""
    from pacs_bridge.cli.main import main as run_command

    death = Death(step, count)

    def archive(self: Installation) -> LocalArchive:
        return LocalArchive(self.config.archive_dir, disk=DyingDisk(death))

    dying = cached_property(archive)
    dying.__set_name__(Installation, "archive")
    Installation.archive = dying  # type: ignore[assignment]
    sys.argv = ["pacs-bridge", *words]
    run_command()


def die(step: str, count: int, *words: str) -> None:
    """Run a command to its death; fails where it lives on to its end."""
    line = [sys.executable, "-m", "tests.dying_command", step, str(count), *words]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, f"{words}: {done.returncode} {done.stderr}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
