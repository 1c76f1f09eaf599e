"""The standard's data dictionary, as pydicom has it, in as little memory as it needs.

The library itself brings numpy and the codecs of pixels with it: 40 MB that a node which only
takes and sends bytes would hold all its life. So the dictionary is read out of its file, and of
the 2 MB there only what is asked here is kept: 30 KB.

References
----------
PS3.6 section 6 (registry of elements); PS3.5 section 7.6 (repeating groups).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

_Kind = tuple[str, bool]
"""VR, and whether it is a sequence of codes."""


def look_up(tag: int) -> tuple[str, bool]:
    """Give the VR of an element and whether it is a sequence of codes (PS3.3 section 8).

    Raises
    ------
    KeyError
        When the standard does not have it; private elements are not in it.
    """
    table = _table()
    place = bisect_left(table.tags, tag)
    if place < len(table.tags) and table.tags[place] == tag:
        return table.kinds[table.kind_of[place]]
    if not tag >> 16 & 1:
        return table.repeating[_mask_of(tag, table)]
    raise KeyError(tag)


def prepare() -> None:
    """Read the file now.

    For whoever will hold much afterwards: that goes where the file was for a moment.
    """
    _table()


@dataclass(frozen=True)
class _Table:
    """Elements by their tags, which ascend; the kind of each by its number."""

    tags: array[int]
    kind_of: bytes
    kinds: tuple[_Kind, ...]
    repeating: dict[str, _Kind]


def _mask_of(tag: int, table: _Table) -> str:
    """Find the mask of a repeating group that a tag fits, such as ``60xx3000``."""
    digits = f"{tag:08x}"
    return next((mask for mask in table.repeating if _fits(digits, mask)), "")


def _fits(digits: str, mask: str) -> bool:
    return all(said in ("x", digit) for said, digit in zip(mask.lower(), digits, strict=True))


@cache
def _table() -> _Table:
    file = _file()
    kinds: dict[_Kind, int] = {}
    tags, kind_of = array("I"), bytearray()
    for tag, entry in sorted(file.DicomDictionary.items()):
        tags.append(tag)
        kind_of.append(kinds.setdefault(_kind(entry), len(kinds)))
    repeating = {mask: _kind(entry) for mask, entry in file.RepeatersDictionary.items()}
    return _Table(tags, bytes(kind_of), tuple(kinds), repeating)


def _kind(entry: tuple[str, str, str, str, str]) -> _Kind:
    """Tell it of an entry: VR, VM, name, retired, keyword."""
    return str(entry[0]), entry[4].endswith("CodeSequence")


def _file() -> ModuleType:
    """Run the file of the dictionary as a module of its own, without its package."""
    package = find_spec("pydicom")
    assert package is not None
    assert package.origin is not None
    spec = spec_from_file_location(
        "_dicom_dictionary", Path(package.origin).with_name("_dicom_dict.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
