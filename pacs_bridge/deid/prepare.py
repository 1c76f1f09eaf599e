"""One source file to one object that may leave: the whole way, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID

from pacs_bridge.deid.acceptance import judge_image
from pacs_bridge.deid.apply import Substitutes, deidentify
from pacs_bridge.deid.facts import ImageFacts, read_facts
from pacs_bridge.deid.identity import Identity, complete, write_identity
from pacs_bridge.deid.leak_scan import collect_identifiers, find_leaks, in_bytes
from pacs_bridge.deid.part10 import UNREADABLE, read_part10, write_part10
from pacs_bridge.deid.pixels import copy_pixels, pixel_hash
from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.errors import RefusedInput, UnreadableObject


@dataclass(frozen=True)
class Numbers:
    """Where an image stands: the numbers of its series and of itself in it."""

    series: int
    instance: int


@dataclass(frozen=True)
class PreparedImage:
    """An object that may leave.

    Parameters
    ----------
    data : bytes
        The whole file.
    pixel_hash : str
        Of its decoded pixels, see `pixels.pixel_hash`.
    """

    data: bytes
    facts: ImageFacts
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    pixel_hash: str


def prepare_image(
    path: Path, substitutes: Substitutes, identity: Identity, numbers: Numbers
) -> PreparedImage:
    """De-identify a file, prove that nothing identifying is left, give it a case's identity.

    Pixel data and transfer syntax are passed on unchanged.

    Raises
    ------
    RefusedInput
        With the reason, when the file cannot become an image of a case.
    """
    source, transfer_syntax = read_part10(path)
    with tolerant_reading():
        try:
            refusal = judge_image(source, transfer_syntax)
            if refusal is not None:
                raise RefusedInput(refusal)
            clean = deidentify(source, substitutes)
            clean.SeriesNumber, clean.InstanceNumber = numbers.series, numbers.instance
            complete(clean, substitutes.clock)
            _refuse_leaks(source, clean, compressed=UID(transfer_syntax).is_encapsulated)
            copy_pixels(source, clean, transfer_syntax)
            write_identity(clean, identity)
            data = write_part10(clean, transfer_syntax)
            hashed = pixel_hash(clean)
        except UnreadableObject as error:
            raise RefusedInput(str(error)) from error
        except UNREADABLE as error:
            raise RefusedInput("it cannot be read to its end; copy or export it again") from error
    return PreparedImage(
        data,
        read_facts(clean),
        str(clean.SOPClassUID),
        str(clean.SOPInstanceUID),
        transfer_syntax,
        hashed,
    )


def _refuse_leaks(source: Dataset, clean: Dataset, *, compressed: bool) -> None:
    """Refuse a file in whose result an identifying value would stand; the value is not shown."""
    identifiers = collect_identifiers(source)
    places = find_leaks(identifiers, clean)
    if compressed and in_bytes(identifiers, source.get("PixelData") or b""):
        places.append("the compressed pixels")
    if places:
        raise RefusedInput(
            f"an identifying value is left in {', '.join(sorted(set(places)))}; "
            "remove it at the source"
        )
