"""An item built like one before is judged as if it were the first; none of its values is kept."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest
from pydicom import Dataset

from pacs_bridge.upper_layer.elements import Limits
from pacs_bridge.upper_layer.prescan import scan
from pacs_bridge.upper_layer.shapes import LONGEST, SHAPES, Shapes, key_of
from tests.nodes import encode, our_state
from tests.unit.sr_builders import a_code, a_graphic, a_text, an_annotation
from tests.unit.test_prescan import a_rich_report
from tests.unit.test_prescan_agrees import agree


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    SHAPES.forget()
    yield
    SHAPES.forget()


def a_state(image: str = "1.2.101.4.1", text: str = "R RECALL") -> Dataset:
    return our_state(
        GraphicAnnotationSequence=[
            an_annotation(a_graphic("POLYLINE", 1.0, 2.0), a_text(text), images=(image,)),
            an_annotation(a_graphic("POLYLINE", 3.0, 4.0), a_text("L NORMAL"), images=(image,)),
        ]
    )


def changed(data: bytes, chance: random.Random) -> bytes:
    new = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        new[chance.randrange(len(new))] = chance.choice((0, 1, 0xFF, 0xFE, 0xE0, 0x55, 0x53))
    return bytes(new)


def test_each_of_many_items_built_alike_names_its_own_image() -> None:
    images = [f"1.2.101.4.{number}" for number in range(100, 120)]
    learned = []
    for image in images:
        found = scan(encode(a_state(image)), explicit=True)
        assert image in found.referenced_instances
        assert not found.referenced_instances & (set(images) - {image})
        learned.append(sum(map(len, SHAPES.known.values())))
    assert learned[1] == learned[-1] > 0  # so that it was recognised ever after


def test_an_accession_number_inside_an_item_is_found_in_each_object() -> None:
    for number in range(101, 105):
        ds = a_rich_report()
        inside = Dataset()
        inside.AccessionNumber, inside.StudyInstanceUID = f"PERFORMS121{number}", f"1.2.{number}"
        del ds.AccessionNumber
        ds.CurrentRequestedProcedureEvidenceSequence = [inside]
        found = scan(encode(ds), explicit=True)
        assert found.accession_number == f"PERFORMS121{number}"
        assert found.referenced_studies == {f"1.2.{number}"}


def test_what_was_recognised_is_counted_and_limited_as_if_it_were_new() -> None:
    for make in (a_rich_report, a_state):
        data = encode(make())
        for _ in range(3):
            agree(data, explicit=True)
        whole = scan(data, explicit=True)
        for fewer in range(6):
            for limits in (
                Limits(elements=whole.elements - fewer),
                Limits(items=whole.items - fewer),
                Limits(depth=max(0, whole.depth - fewer)),
            ):
                agree(data, explicit=True, limits=limits)


@pytest.mark.parametrize("make", [a_rich_report, a_state])
def test_a_damaged_object_is_refused_alike_when_its_sound_form_is_known(make: object) -> None:
    assert callable(make)
    data = encode(make())
    for seed in range(400):
        agree(data, explicit=True)
        agree(changed(data, random.Random(seed)), explicit=True)


def test_of_what_is_remembered_nothing_is_a_value() -> None:
    for name in ("PLANTED^SURNAME", "ANOTHER^SURNAME", "PLANTED^SURNAME"):
        scan(encode(a_state("1.2.101.4.77.88", text=name)), explicit=True)
    kept = b"".join(
        shape.heads.to_bytes(LONGEST, "little")
        for shapes in SHAPES.known.values()
        for shape in shapes
    )
    assert kept.strip(b"\0")
    for value in (b"PLANTED", b"SURNAME", b"77.88", b"POLYLINE"):
        assert value not in kept


def test_a_word_inside_a_word_is_as_deep_however_often_it_comes() -> None:
    for value in ("399162004", "399368009", "399101009"):  # other words in items built alike
        word = a_code(value)
        word[0].ViewModifierCodeSequence = a_code("399192006")
        ds = Dataset()
        ds.SOPClassUID, ds.ViewCodeSequence = "1.2.3", word
        for _ in range(3):
            agree(encode(ds), explicit=True)


def test_whoever_sends_what_never_comes_again_is_soon_not_learned_from() -> None:
    shapes = Shapes()

    def of_length(size: int) -> tuple[int, bytes]:
        item = struct.pack("<HH2sH", 0x0070, 0x0002, b"CS", size) + b"X" * size
        return key_of(0x00700001, len(item)), item

    for number in range(1000):
        if shapes.is_curious:
            shapes.learn(*of_length(2 * number))
    assert 0 < len(shapes.known) < 100
    key, item = of_length(0)
    for _ in range(10):
        assert shapes.recall(shapes.known[key], item) is not None
    assert shapes.is_curious
