"""The helpers that tests lean on."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
import pytest_socket

from tests.peers import need
from tests.waiting import wait_until


def test_a_missing_program_skips_and_says_how_to_install_it(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="sudo apt-get install absent-package"):
        need("no-such-program", "absent-package")


def test_a_missing_program_fails_under_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not on this machine"):
        need("no-such-program", "absent-package")


def test_the_environments_own_namesake_of_a_program_is_never_taken(monkeypatch):
    own = Path(sys.prefix) / "bin"
    monkeypatch.setenv("CI", "")
    monkeypatch.setenv("PATH", str(own))
    assert (own / "pytest").exists()
    with pytest.raises(pytest.skip.Exception):
        need("pytest", "python3-pytest-that-is-not-installed")


def test_a_file_is_found_by_a_pattern(tmp_path):
    for version in ("14", "15"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "initdb").touch()
    assert need(f"{tmp_path}/*/initdb", "postgresql") == f"{tmp_path}/15/initdb"


def test_a_unit_test_cannot_open_a_socket():
    # It also warns, and warnings are errors: whichever comes first names the reason.
    with pytest.raises((pytest_socket.SocketBlockedError, UserWarning), match="tried to use"):
        socket.socket()


def test_waiting_names_what_did_not_come():
    with pytest.raises(AssertionError, match="in vain for the tide"):
        wait_until(lambda: None, "the tide", seconds=0.05)


def test_waiting_gives_what_came():
    answers = iter([None, 0, "here"])
    assert wait_until(lambda: next(answers), "an answer") == "here"
