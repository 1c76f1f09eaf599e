"""The standard's data dictionary alone, as pydicom has it.

The library itself brings numpy and the codecs of pixels with it: 40 MB that a node which only
takes and sends bytes would hold all its life. The dictionary is read out of its file.

References
----------
PS3.6 section 6 (registry of elements); PS3.5 section 7.6 (repeating groups).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any


def look_up(tag: int) -> tuple[str, str]:
    """Give VR and keyword of an element.

    Raises
    ------
    KeyError
        When the standard does not have it; private elements are not in it.
    """
    entries = _entries()
    entry = entries.DicomDictionary.get(tag)
    if entry is None and not tag >> 16 & 1:
        entry = entries.RepeatersDictionary.get(_mask_of(tag))
    if entry is None:
        raise KeyError(tag)
    return str(entry[0]), str(entry[4])


def _mask_of(tag: int) -> str:
    """Find the mask of a repeating group that a tag fits, such as ``60xx3000``."""
    digits = f"{tag:08x}"
    return next((mask for mask in _entries().RepeatersDictionary if _fits(digits, mask)), "")


def _fits(digits: str, mask: str) -> bool:
    return all(said in ("x", digit) for said, digit in zip(mask.lower(), digits, strict=True))


@cache
def _entries() -> Any:
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
