"""GDCM's gdcmscu against a running node.

gdcmscu 3.0.21 ends in an exception after every release, towards any peer ("ProtocolStream as
nullptr"): what it heard before that counts, not its exit status.
"""

from __future__ import annotations

import re

import pytest

WHO = ["--aetitle", "CONFTEST", "--call", "PACSBRIDGE", "127.0.0.1"]
ECHO_RSP, STORE_RSP = 0x8030, 0x8001
pytestmark = pytest.mark.peer("gdcm")


@pytest.fixture
def gdcmscu(node, need, run):
    """Run gdcmscu; gives the command field and status of each answer that it heard."""

    def ask(operation, *files):
        program = need("gdcmscu", "libgdcm-tools")
        done = run(program, "-D", operation, *WHO, node.port, *files)
        answers = re.findall(
            r"\(0000,0100\) \S+ \(US\) (\d+).*?\(0000,0900\) \S+ \(US\) (\d+)",
            done.stderr + done.stdout,
            re.DOTALL,
        )
        return {(int(field), int(status)) for field, status in answers}

    return ask


def test_gdcmscu_is_answered_an_echo(gdcmscu):
    assert gdcmscu("--echo") == {(ECHO_RSP, 0)}


@pytest.mark.parametrize("implicit", [False, True])
def test_gdcmscu_stores_what_names_a_case(gdcmscu, a_file, implicit):
    assert (STORE_RSP, 0) in gdcmscu("--store", a_file(implicit=implicit))


def test_gdcmscu_is_refused_an_object_of_nobody(gdcmscu, a_file):
    assert (STORE_RSP, 0x0124) in gdcmscu("--store", a_file("RX000417"))
