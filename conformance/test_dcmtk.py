"""What is more to DCMTK's storescu and a running node than a row of the matrix says."""

from __future__ import annotations

import re

import pytest

CALL = ["-aet", "CONFTEST", "-aec", "PACSBRIDGE", "127.0.0.1"]
pytestmark = pytest.mark.peer("dcmtk")


@pytest.fixture
def store(node, need, run):
    """Send files with storescu; gives the statuses it heard, as it prints them."""

    def send(*files):
        program = need("storescu", "dcmtk")
        done = run(program, "-v", "-R", *CALL, node.port, *files)
        return re.findall(r"Received Store Response \((.+)\)", done.stderr)

    return send


def test_the_same_object_again_is_success_again(store, a_file):
    path = a_file()
    assert [store(path), store(path)] == [["Success"], ["Success"]]


def test_every_sop_class_of_the_statement_is_taken(node, store, a_file):
    offered = re.findall(  # presentation states and reports; images are only given back
        r"`(1\.2\.840\.10008\.5\.1\.4\.1\.1\.(?:11|88)\.\d+)`", node.statement()
    )
    heard = {sop_class: store(a_file(sop_class=sop_class)) for sop_class in offered}
    unknown_to_the_peer = {sop_class for sop_class, answers in heard.items() if not answers}
    assert unknown_to_the_peer <= {"1.2.840.10008.5.1.4.1.1.11.12"}  # younger than DCMTK 3.6.7
    assert len(heard) - len(unknown_to_the_peer) > 15
    assert {answer for answers in heard.values() for answer in answers} == {"Success"}


def test_an_image_that_was_never_loaded_is_refused_with_its_status(store, a_file):
    assert store(a_file(sop_class="1.2.840.10008.5.1.4.1.1.1.2")) == ["Unknown Status: 0x124"]


@pytest.mark.parametrize("kind", ["7", "104.1"], ids=["secondary capture", "document"])
def test_evidence_is_taken_where_it_names_a_case(store, a_file, kind):
    sop_class = f"1.2.840.10008.5.1.4.1.1.{kind}"
    assert store(a_file(sop_class=sop_class)) == ["Success"]
    assert store(a_file("RX000417", sop_class=sop_class)) == ["Unknown Status: 0x124"]


def test_a_file_cut_short_is_not_success(store, a_file):
    path = a_file()
    path.write_bytes(path.read_bytes()[:-3])
    assert "Success" not in store(path)


@pytest.mark.parametrize("syntax", ["-xb", "-xd"])
def test_big_endian_and_deflated_are_not_accepted(node, need, run, a_file, syntax):
    done = run(need("storescu", "dcmtk"), "-d", syntax, "-R", *CALL, node.port, a_file())
    accepted = re.findall(r"Accepted Transfer Syntax: =(\w+)", done.stderr)
    assert accepted
    assert set(accepted) <= {"LittleEndianExplicit", "LittleEndianImplicit"}
