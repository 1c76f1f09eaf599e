"""Kept values, made valid for their VR or left out.

References
----------
PS3.5 section 6.2, value representations.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import pydicom.config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.valuerep import format_number_as_ds, validate_value

_TEXT = frozenset({"CS", "LO", "LT", "SH", "ST", "UC", "UT", "DS", "IS"})
_SEVERAL_LINES = frozenset({"LT", "ST", "UT"})
_BYTES = frozenset({"OB", "OW", "OD", "OF", "OL", "OV"})


@contextlib.contextmanager
def tolerant_reading() -> Iterator[None]:
    """Read what devices send without a word; what we write is checked by `valid_element`."""
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def readable(ds: Dataset, tag: BaseTag) -> DataElement | None:
    """Give an element, or None where its bytes do not fit its VR."""
    try:
        return ds[tag]
    except Exception:  # noqa: BLE001  pydicom's converters raise anything; what none can read is out
        return None


def valid_element(element: DataElement) -> DataElement | None:
    """Copy a kept element with a value that its VR allows.

    A value that can be said validly is (a decimal of too many digits is shortened, a code
    put in capitals); an element with one that cannot be is left out.

    Returns
    -------
    DataElement or None
        None where the element cannot be passed on.
    """
    vr = _vr_of(element)
    if vr is None:
        return None
    if element.is_empty:
        return DataElement(element.tag, vr, None)
    try:
        value = element.value
        if isinstance(value, MultiValue | list | tuple):
            value = [_valid_value(vr, each) for each in value]
        else:
            value = _valid_value(vr, value)
        return DataElement(element.tag, vr, value)
    except (ValueError, TypeError, OverflowError):
        return None


def _vr_of(element: DataElement) -> str | None:
    """The VR the dictionary gives; where it leaves a choice, the one the file made."""
    allowed = dictionary_VR(element.tag).split(" or ")
    if len(allowed) > 1:
        return element.VR if element.VR in allowed else None
    return allowed[0] if allowed[0] == element.VR or element.VR in _TEXT else None


def _valid_value(vr: str, value: Any) -> Any:
    """Give the value in a form its VR allows; raises ValueError where there is none."""
    if vr in _TEXT:
        return _valid_text(vr, value)
    if vr not in _BYTES:
        validate_value(vr, value, pydicom.config.RAISE)
    elif not isinstance(value, bytes):
        raise ValueError(vr)
    return value


def _valid_text(vr: str, value: Any) -> str:
    text = str(getattr(value, "original_string", None) or ("" if value is None else value))
    text = text.rstrip(" \0") if vr in _SEVERAL_LINES else text.strip(" \0")
    if not all(c.isprintable() or (vr in _SEVERAL_LINES and c in "\r\n\t\f") for c in text):
        raise ValueError(vr)
    try:
        validate_value(vr, text, pydicom.config.RAISE)
    except ValueError:
        text = _repaired(vr, text)
        validate_value(vr, text, pydicom.config.RAISE)
    return text


def _repaired(vr: str, text: str) -> str:
    """Say the same validly, where that can be done without guessing."""
    if vr == "DS":
        return format_number_as_ds(float(text))
    if vr == "IS" and float(text).is_integer():
        return str(int(float(text)))
    return text.upper() if vr == "CS" else text
