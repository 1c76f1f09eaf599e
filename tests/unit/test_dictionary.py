"""The dictionary that the upper layer reads says what pydicom's own functions say."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import dictionary_keyword, dictionary_VR

from pacs_bridge.upper_layer.dictionary import look_up


def _known(tag: int) -> tuple[str, bool]:
    return dictionary_VR(tag), dictionary_keyword(tag).endswith("CodeSequence")


def test_every_element_of_the_standard_has_its_vr_and_whether_it_is_a_sequence_of_codes() -> None:
    assert len(DicomDictionary) > 5000
    for tag in DicomDictionary:
        assert look_up(tag) == _known(tag), hex(tag)


def test_repeating_groups_are_known() -> None:
    assert len(RepeatersDictionary) > 50
    for mask in RepeatersDictionary:
        tag = int(mask.replace("x", "2"), 16)
        assert look_up(tag) == _known(tag), mask


@pytest.mark.parametrize("tag", [0x00091001, 0x00090010, 0x60013000, 0x00189999, 0xFFFFFFFF])
def test_what_the_standard_lacks_is_not_found(tag: int) -> None:
    with pytest.raises(KeyError):
        look_up(tag)
    with pytest.raises(KeyError):
        dictionary_VR(tag)


def test_a_node_starts_without_the_codecs_of_pixels_and_without_a_console() -> None:
    program = (
        "import sys\nimport pacs_bridge.wiring.logs\nimport pacs_bridge.wiring.node\n"
        "pacs_bridge.wiring.logs.set_up_logs()\n"
        "unwanted = {'pydicom', 'numpy', 'gdcm', 'PIL', 'rich', 'greenlet'}\n"
        "unwanted.add('sqlalchemy.dialects.postgresql')\n"
        "print(sorted(unwanted & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
