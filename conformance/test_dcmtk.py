"""DCMTK's programs against a running node."""

from __future__ import annotations

import re

import pytest

CALL = ["-aet", "CONFTEST", "-aec", "PACSBRIDGE", "127.0.0.1"]
pytestmark = pytest.mark.peer("dcmtk")


@pytest.fixture
def store(node, need, run):
    """Send files with storescu; gives the statuses it heard, as it prints them."""

    def send(*files, options=()):
        program = need("storescu", "dcmtk")
        done = run(program, "-v", "-R", *options, *CALL, node.port, *files)
        return re.findall(r"Received Store Response \((.+)\)", done.stderr)

    return send


def test_echoscu_is_answered(node, need, run):
    done = run(need("echoscu", "dcmtk"), *CALL, node.port)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("pdu", [16384, 131072])
def test_storescu_stores_what_names_a_case(store, a_file, pdu):
    files = [a_file(), a_file("PERFORMS121001", implicit=True)]
    assert store(*files, options=["--max-pdu", pdu]) == ["Success", "Success"]


def test_the_same_object_again_is_success_again(store, a_file):
    path = a_file()
    assert [store(path), store(path)] == [["Success"], ["Success"]]


def test_dcmsend_stores(node, need, run, a_file):
    done = run(need("dcmsend", "dcmtk"), "-v", *CALL, node.port, a_file(), a_file())
    assert done.returncode == 0, done.stderr
    assert "with status SUCCESS  : 2" in done.stderr


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


def test_an_object_of_nobody_is_refused_with_its_status(store, a_file):
    assert store(a_file("RX000417")) == ["Unknown Status: 0x124"]


def test_a_file_cut_short_is_not_success(store, a_file):
    path = a_file()
    path.write_bytes(path.read_bytes()[:-3])
    assert "Success" not in store(path)


def test_a_stranger_and_a_wrong_name_are_rejected(node, need, run):
    echoscu = need("echoscu", "dcmtk")
    stranger = run(echoscu, "-aet", "STRANGER", "-aec", "PACSBRIDGE", "127.0.0.1", node.port)
    assert "Calling AE Title Not Recognized" in stranger.stderr
    wrong = run(echoscu, "-aet", "CONFTEST", "-aec", "ELSEWHERE", "127.0.0.1", node.port)
    assert "Called AE Title Not Recognized" in wrong.stderr


@pytest.mark.parametrize("syntax", ["-xb", "-xd"])
def test_big_endian_and_deflated_are_not_accepted(node, need, run, a_file, syntax):
    done = run(need("storescu", "dcmtk"), "-d", syntax, "-R", *CALL, node.port, a_file())
    accepted = re.findall(r"Accepted Transfer Syntax: =(\w+)", done.stderr)
    assert accepted
    assert set(accepted) <= {"LittleEndianExplicit", "LittleEndianImplicit"}
