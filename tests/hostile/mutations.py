"""Conversations and data sets with damage in them: each from a seed and a number, for ever."""

from __future__ import annotations

import random
import struct
from functools import cache
from pathlib import Path

import pydicom
from pydicom import Dataset

from pacs_bridge.domain.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE
from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr.write import write_gsps, write_report
from tests.builders import NOON
from tests.hostile.conversations import asking_for
from tests.hostile.peer import REPORT, STATE, echo_rq
from tests.nodes import OUR_STUDY, encode, our_report, our_state
from tests.peers import DATA
from tests.queries import PATIENT_ROOT, STUDY_ROOT, a_question
from tests.raw_peer import ECHO, IMPLICIT, command, element, p_data, pdu, store_rq
from tests.unit.sr_builders import RCC, four_views

EXPLICIT = "1.2.840.10008.1.2.1"
ODD_BYTES = (0x00, 0x01, 0x02, 0x04, 0x05, 0x07, 0x20, 0x5C, 0x7F, 0x80, 0xFE, 0xFF)
ODD_NUMBERS = (0, 1, 2, 3, 7, 8, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF,
               0x80000000, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip
FOREIGN = ("dwv/*sr-*.dcm", "dcmtk_gsps/*.dcm", "dcmqi/*sr.dcm", "dcmjs/*sr*.dcm")
LARGEST = 60_000  # bytes of a foreign object worth mutating


@cache
def conversations() -> tuple[bytes, ...]:
    """Whole associations as honest peers have them, every PDU of the requestor in its order."""
    state = encode(our_state("1.2.3.7.1"), implicit=True)
    report = encode(our_report("1.2.3.7.2"), implicit=True)
    both = [(1, ECHO, [IMPLICIT]), (3, STATE, [EXPLICIT, IMPLICIT]), (5, REPORT, [IMPLICIT])]
    release, abort = pdu(0x05, bytes(4)), pdu(0x07, bytes(4))
    echo = p_data(echo_rq(), is_command=True, last=True)
    return (
        asking_for(both) + echo * 3 + release,
        asking_for([(1, STATE, [IMPLICIT])]) + _store(STATE, "1.2.3.7.1", state) + release,
        asking_for([(1, REPORT, [IMPLICIT])]) + _store(REPORT, "1.2.3.7.2", report, 500) + release,
        asking_for([(1, STATE, [IMPLICIT])]) + _store(STATE, "1.2.3.7.1", state) * 2 + abort,
        asking_for(both) + release + release,
        asking_for([(2 * n + 1, STATE, [IMPLICIT]) for n in range(40)]) + release,
        *(
            asking_for([(1, sop_class, [EXPLICIT])]) + _ask(words, identifier, 300) + release
            for sop_class, words, identifier in questions()
        ),
    )


@cache
def questions() -> tuple[tuple[str, bytes, bytes], ...]:
    """Requests with an identifier: SOP class, command set, identifier in explicit VR."""
    study = {"StudyInstanceUID": OUR_STUDY}
    finds = [
        a_question("STUDY", AccessionNumber="PERFORMS1211*", PatientName="performs^*"),
        a_question("STUDY", StudyDate="20240101-20261231", StudyTime="08-10", PatientID=""),
        a_question("STUDY", StudyInstanceUID=[OUR_STUDY, "1.2.3", "1.2.4"], ModalitiesInStudy="MG"),
        a_question("SERIES", SeriesInstanceUID="", Modality="MG", SeriesNumber="", **study),
        a_question("IMAGE", SOPInstanceUID="", Rows=None, SeriesInstanceUID="1.2.101.2", **study),
        a_question("STUDY", SpecificCharacterSet="ISO_IR 192", PatientName="Zoë*"),
    ]
    found = [(STUDY_ROOT, _find_rq(STUDY_ROOT), encode(ds)) for ds in finds]
    patient = a_question("PATIENT", PatientID="PERFORMS*", PatientBirthDate="")
    found.append((PATIENT_ROOT, _find_rq(PATIENT_ROOT), encode(patient)))
    commitment = Dataset()
    commitment.TransactionUID, commitment.ReferencedSOPSequence = "1.2.3.99", []
    for number in range(3):
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = STATE, f"1.2.{number}"
        commitment.ReferencedSOPSequence.append(reference)
    found.append((PUSH_MODEL, _action_rq(), encode(commitment)))
    return tuple(found)


def _find_rq(sop_class: str) -> bytes:
    """The command set of a C-FIND-RQ (PS3.7 9.3.2.1)."""
    return command(
        element(0x0002, sop_class.encode()), element(0x0100, b"\x20\0"), element(0x0110, b"\1\0"),
        element(0x0700, b"\0\0"), element(0x0800, b"\0\0"),
    )  # fmt: skip


def _action_rq() -> bytes:
    """The command set of an N-ACTION-RQ that asks for commitment (PS3.7 10.3.5.1, PS3.4 J.3.2)."""
    return command(
        element(0x0003, PUSH_MODEL.encode()), element(0x0100, b"\x30\1"), element(0x0110, b"\1\0"),
        element(0x0800, b"\0\0"), element(0x1001, PUSH_MODEL_INSTANCE.encode()),
        element(0x1008, b"\1\0"),
    )  # fmt: skip


def _store(sop_class: str, uid: str, data_set: bytes, piece: int = 4000) -> bytes:
    return _ask(store_rq(sop_class, uid), data_set, piece)


def _ask(words: bytes, data_set: bytes, piece: int) -> bytes:
    stream = p_data(words, is_command=True, last=True)
    for start in range(0, len(data_set), piece):
        part = data_set[start : start + piece]
        last = start + piece >= len(data_set)
        stream += p_data(part, is_command=False, last=last)
    return stream


@cache
def data_sets() -> tuple[tuple[str, str, bytes], ...]:
    """Objects about a case of ours: SOP class, SOP Instance UID, and the encoded data set."""
    marks = [Mark(image=RCC, frame=None, shape="POINT", points=((12.0, 30.0),),
                  centre=(12.0, 30.0), rating=4)]  # fmt: skip
    decided = (BreastDecision("R", "RTS"), BreastDecision("L", "RECALL", 4))
    told = {"login": "READER1", "series_uid": "1.2.3.50", "sop_uid": "1.2.3.51", "when": NOON}
    objects = [our_state(), our_report()]
    objects += [write(four_views(), marks, decided, **told) for write in (write_gsps, write_report)]
    objects += [_read(path) for path in _foreign()]
    found = []
    for number, ds in enumerate(objects):
        ours = _made_ours(ds, f"1.2.3.8.{number}")
        try:
            content = encode(ours)
        except (ValueError, TypeError, AttributeError, OverflowError):
            continue  # a foreign object that pydicom does not write at its strictest
        found.append((str(ours.SOPClassUID), str(ours.SOPInstanceUID), content))
    return tuple(found)


def _foreign() -> list[Path]:
    if not DATA.exists():
        return []  # third-party data do not ship with the project
    folder = DATA / "dicom"
    paths = [path for pattern in FOREIGN for path in sorted(folder.glob(pattern))]
    return [path for path in paths if path.stat().st_size < LARGEST][:12]


def _read(path: Path) -> Dataset:
    return pydicom.dcmread(path)


def _made_ours(ds: Dataset, uid: str) -> Dataset:
    ds = Dataset({element.tag: element for element in ds if element.tag.group > 0x0006})
    ds.SOPInstanceUID, ds.AccessionNumber = uid, "PERFORMS121101"
    ds.StudyInstanceUID = OUR_STUDY
    return ds


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Damage bytes in one to eight places."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        if changed:
            chance.choice(_MUTATIONS)(changed, chance)
    return bytes(changed)


def _flip(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _put_odd_byte(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] = chance.choice(ODD_BYTES)


def _put_odd_number(content: bytearray, chance: random.Random) -> None:
    form = chance.choice((">H", "<H", ">L", "<L"))
    size = struct.calcsize(form)
    if len(content) >= size:
        number = chance.choice(ODD_NUMBERS) & ((1 << 8 * size) - 1)
        struct.pack_into(form, content, chance.randrange(len(content) - size + 1), number)


def _cut_out(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    del content[start : start + chance.choice((1, 2, 4, 8, 64))]


def _repeat(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    part = content[start : start + chance.choice((1, 2, 8, 64, 512))]
    content[start:start] = part * chance.choice((1, 2, 20))


def _end_early(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _insert_pdu(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    kind, body = chance.randrange(10), chance.randbytes(chance.choice((0, 1, 4, 40)))
    content[start:start] = pdu(kind, body)


_MUTATIONS = (
    _flip, _flip, _put_odd_byte, _put_odd_byte, _put_odd_number, _cut_out, _repeat, _end_early,
    _insert_pdu,
)  # fmt: skip
