"""Taking values out of a data set that somebody else wrote.

Every function gives a plain, bounded Python value or says that there is none; none raises
for odd content. Text that cannot be decoded as declared is decoded as UTF-8, else as
Latin-1, so that nothing a reader wrote is lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag, Tag

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.marks import Code, Point

if TYPE_CHECKING:
    from pydicom import Dataset

LONGEST_TEXT = 4096
"""Characters kept of one text value; a note that a reader types is far shorter."""

LONGEST_ITEMS = 200_000
"""Items looked at in one sequence."""

# C0 but tab and line ends, C1, and the marks that turn the direction of text round.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?")


def tolerate_odd_values() -> None:
    """Let pydicom hand over values as they are; what we use, we check ourselves.

    Otherwise it prints offending values, which may be a person's, on standard error.
    """
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def _value(ds: Dataset, keyword: str) -> Any:
    """The value of an element, or its undecoded bytes where pydicom cannot convert it."""
    tag = _tag(keyword)
    return None if tag is None else _at(ds, tag)


@cache
def _tag(keyword: str) -> BaseTag | None:
    """The tag of a keyword, made once: making them is a tenth of reading a report."""
    tag = tag_for_keyword(keyword)
    return None if tag is None else Tag(tag)


@cache
def _keyword(tag: BaseTag) -> str:
    return pydicom.datadict.keyword_for_tag(tag)


def _at(ds: Dataset, tag: BaseTag) -> Any:
    try:
        element = ds.get_item(tag)
        if element is None:
            return None
        return element.value if type(element) is DataElement else ds[tag].value
    except Exception:  # noqa: BLE001  whatever a broken value makes pydicom raise
        try:
            raw = ds.get_item(tag).value
        except Exception:  # noqa: BLE001
            return None
        return raw if isinstance(raw, bytes) else None


_SINGLE = frozenset({"LT", "ST", "UR", "UT"})
_LETTERS = _SINGLE | {"AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI"}
"""Value representations whose letters, where all are ASCII, are the same in every character set."""


def _letters(ds: Dataset, tag: BaseTag) -> str | None:
    """First value of a text of plain letters, out of its bytes; None for whatever else it is.

    Letting pydicom convert each such element is half of what reading a report takes.
    """
    raw = ds.get_item(tag, keep_deferred=True)
    if type(raw) is not RawDataElement or raw.VR not in _LETTERS:
        return None
    value = raw.value
    if type(value) is not bytes or not value.isascii() or _ESCAPE in value:
        return None
    said = value.decode("ascii")
    return said if raw.VR in _SINGLE else said.partition("\\")[0]


_ESCAPE = b"\x1b"


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def text(ds: Dataset, keyword: str) -> str:
    """The text of an element: first value, trimmed, without control characters, bounded."""
    tag = _tag(keyword)
    if tag is None:
        return ""
    value, raw = _letters(ds, tag), b""
    if value is None:
        raw = _octets(ds, tag)
        value = _at(ds, tag)
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = _decoded(value)
    elif not isinstance(value, str) and isinstance(
        value, list | tuple | pydicom.multival.MultiValue
    ):
        value = value[0] if value else ""
    try:
        plain = str(value)
    except Exception:  # noqa: BLE001  a person name that cannot be decoded
        plain = ""
    if _REPLACED in plain and raw:  # it is not in the character set that it declares
        plain = raw.decode("latin-1")
    return _CONTROL.sub("", _well_decoded(plain[:LONGEST_TEXT])).strip(" \r\n\t\0")


_REPLACED = "\ufffd"
_OF_WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
"""What Windows writes where Latin-1 has control characters: dashes, quotes, the euro."""


def _octets(ds: Dataset, tag: BaseTag) -> bytes:
    """The bytes of an element that nobody converted yet; none otherwise."""
    raw = ds.get_item(tag, keep_deferred=True)
    return raw.value if type(raw) is RawDataElement and type(raw.value) is bytes else b""


def _well_decoded(said: str) -> str:
    """A text as it was meant where UTF-8 or Windows-1252 was written and not declared."""
    if said.isascii():
        return said
    try:
        return said.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return said.translate(_OF_WINDOWS)


def words(ds: Dataset, keyword: str) -> list[str]:
    """All values of a text element, trimmed."""
    value = _value(ds, keyword)
    if value is None or isinstance(value, bytes):
        return text(ds, keyword).split("\\") if value else []
    values = [value] if isinstance(value, str) else list(value)
    return [_CONTROL.sub("", str(each)[:LONGEST_TEXT]).strip() for each in values]


def person(ds: Dataset, keyword: str) -> str:
    """A person name, alphabetic group, without trailing empty components."""
    return text(ds, keyword).split("=")[0].rstrip("^ ")[:64]


def uid(ds: Dataset, keyword: str) -> str:
    """A UID, or an empty text where it is none."""
    value = text(ds, keyword)
    try:
        return str(parse_uid(value)) if value else ""
    except UnreadableObject:
        return ""


def items(ds: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; empty where there is none that can be read."""
    value = _value(ds, keyword)
    if value is None or isinstance(value, bytes | str):
        return []
    try:
        return [item for item in list(value)[:LONGEST_ITEMS] if isinstance(item, pydicom.Dataset)]
    except TypeError:
        return []


def is_broken(ds: Dataset, keyword: str) -> bool:
    """Whether a sequence is there and cannot be taken apart."""
    return keyword in ds and isinstance(_value(ds, keyword), bytes | str)


def code(ds: Dataset, keyword: str) -> Code | None:
    """The first code of a code sequence, whichever of the three code value forms it uses.

    References
    ----------
    PS3.3 section 8.8 (CodeValue, LongCodeValue, URNCodeValue).
    """
    for item in items(ds, keyword)[:1]:
        value = next(
            filter(None, (text(item, k) for k in ("CodeValue", "LongCodeValue", "URNCodeValue"))),
            "",
        )
        meaning = text(item, "CodeMeaning")
        if value or meaning:
            return Code(value, text(item, "CodingSchemeDesignator"), meaning)
    return None


def integers(ds: Dataset, keyword: str) -> list[int]:
    """Whole numbers of an element; empty where any of them is none."""
    value = _value(ds, keyword)
    if value is None or isinstance(value, bytes):
        return []
    values = [value] if isinstance(value, int | float | str) else value
    try:
        return [int(each) for each in values]
    except (TypeError, ValueError):
        return []


def number(ds: Dataset, keyword: str, otherwise: float = 0.0) -> float:
    """A number; `otherwise` where there is none that is finite."""
    value = _value(ds, keyword)
    try:
        found = float(value)
    except (TypeError, ValueError):
        return otherwise
    return found if math.isfinite(found) else otherwise


def numbers(ds: Dataset, keyword: str) -> list[float]:
    """Numbers of an element; empty where any of them is not a finite number."""
    value = _value(ds, keyword)
    if value is None or isinstance(value, bytes | str):
        return []
    try:
        found = [float(each) for each in ([value] if isinstance(value, int | float) else value)]
    except (TypeError, ValueError):
        return []
    return found if all(map(math.isfinite, found)) else []


def pairs(ds: Dataset, keyword: str) -> tuple[Point, ...] | None:
    """Coordinates as (x, y) pairs, in their order.

    Returns
    -------
    tuple of (float, float) or None
        None where the element is absent, has an odd count or a number that is not finite.
    """
    found = numbers(ds, keyword)
    if not found or len(found) % 2:
        return None
    return tuple(zip(found[::2], found[1::2], strict=True))


def triplets(ds: Dataset, keyword: str) -> tuple[tuple[float, float, float], ...] | None:
    """Room coordinates as (x, y, z), in their order; None as for `pairs`."""
    found = numbers(ds, keyword)
    if not found or len(found) % 3:
        return None
    return tuple(zip(found[::3], found[1::3], found[2::3], strict=True))


def moment(ds: Dataset, date: str, time: str) -> datetime | None:
    """Date and time of two elements.

    Returns
    -------
    datetime or None
        With a time zone where TimezoneOffsetFromUTC (0008,0201) gives one; without it the
        offset is undefined, not UTC (PS3.3 C.12.1.1.1), and the result has none.
    """
    day, clock = text(ds, date).replace(".", "").replace("-", ""), text(ds, time)
    match = _TIME.match(clock)
    hour, minute, second = (int(part or 0) for part in match.groups()[:3]) if match else (0, 0, 0)
    fraction = int((match[4] or "0").ljust(6, "0")) if match else 0
    year, month, date_of_month = day[:4], day[4:6], day[6:8]
    try:
        when = datetime(  # noqa: DTZ001  a time of unknown offset has none
            int(year), int(month), int(date_of_month), hour, minute, second, fraction
        )
    except ValueError:
        return None
    offset = _OFFSET.fullmatch(text(ds, "TimezoneOffsetFromUTC"))
    if offset is None:
        return when
    span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    if span >= timedelta(hours=24):
        return when
    return when.replace(tzinfo=timezone(-span if offset[1] == "-" else span))


def sequences(ds: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Every item of every standard sequence of a data set, one level deep, with its keyword."""
    for tag in list(ds.keys()):
        try:
            raw = ds.get_item(tag, keep_deferred=True)
            vr = raw.VR
            if vr in (None, "UN"):
                vr = dictionary_VR(tag)
        except (KeyError, AttributeError):
            continue
        if vr == "SQ" and not tag.is_private:
            keyword = _keyword(tag)
            for item in items(ds, keyword):
                yield keyword, item


def group_integers(ds: Dataset, group: int, element: int) -> list[int]:
    """Whole numbers of an element of a repeating group (60xx); empty where there are none."""
    value = _at(ds, Tag(group, element))
    if value is None or isinstance(value, bytes):
        return []
    values = [value] if isinstance(value, int | float | str) else value
    try:
        return [int(each) for each in values]
    except (TypeError, ValueError):
        return []


def group_text(ds: Dataset, group: int, element: int) -> str:
    """The text of an element of a repeating group, trimmed and bounded."""
    value = _at(ds, Tag(group, element))
    return "" if value is None else _CONTROL.sub("", str(value)[:64]).strip(" \0")


def group_bytes(ds: Dataset, group: int, element: int) -> bytes:
    """The bytes of an element of a repeating group, lowest byte first; empty without any."""
    tag = Tag(group, element)
    value = _at(ds, tag)
    if not isinstance(value, bytes):
        return b""
    is_swapped = ds.original_encoding[1] is False and ds[tag].VR == "OW"
    if not is_swapped:
        return value
    words = bytearray(value[: len(value) // 2 * 2])
    words[::2], words[1::2] = words[1::2], words[::2]
    return bytes(words)


def has_overlay(ds: Dataset) -> bool:
    """Whether the data set itself holds overlay bits (60xx,3000)."""
    return any(0x6000 <= tag.group <= 0x601E and tag.element == 0x3000 for tag in list(ds.keys()))
