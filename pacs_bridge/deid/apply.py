"""The engine: walks a data set with the profile's table and builds a new one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr_element
from pydicom.valuerep import AMBIGUOUS_VR

from pacs_bridge.deid.clock import StudyClock, parse_date, parse_moment, parse_time
from pacs_bridge.deid.profile import ONLY_IN_ITEMS, Action, actions_by_tag
from pacs_bridge.deid.values import readable, tolerant_reading, valid_element

DEEPEST = 16
"""Sequences nested deeper than this hold nothing that display needs."""


@dataclass(frozen=True)
class Substitutes:
    """What stands in for what may not leave.

    Parameters
    ----------
    uid_of : callable
        Gives the new UID for an old one; registered ones come back as they are.
    clock : StudyClock
        Moves the study's dates and times.
    pseudonym_key : bytes
        Key of the stand-ins for device numbers.
    """

    uid_of: Callable[[str], str]
    clock: StudyClock
    pseudonym_key: bytes


def deidentify(source: Dataset, substitutes: Substitutes) -> Dataset:
    """Build a new data set of what the profile lets pass.

    The source is not changed. Pixel data are not among the result (see `pixels.copy_pixels`),
    nor is the identity a case is given (see `identity.write_identity`).

    References
    ----------
    PS3.15 Annex E; the table is `profile.ACTIONS`.
    """
    with tolerant_reading():
        return _walk(source, source, substitutes, depth=0)


def _walk(source: Dataset, root: Dataset, substitutes: Substitutes, *, depth: int) -> Dataset:
    clean = Dataset()
    table = actions_by_tag()
    for tag in source.keys():  # noqa: SIM118  iterating a Dataset parses elements that never leave
        keyword, action = table.get(int(tag), ("", None))
        if action is None or (depth == 0 and keyword in ONLY_IN_ITEMS):
            continue
        element = readable(source, tag)
        if element is None:
            continue
        result = _acted(element, keyword, action, source, root, substitutes, depth)
        if result is not None:
            clean.add(result)
    return clean


def _acted(
    element: DataElement,
    keyword: str,
    action: Action,
    source: Dataset,
    root: Dataset,
    substitutes: Substitutes,
    depth: int,
) -> DataElement | None:
    """Give what the action makes of one element; None where nothing of it may pass."""
    match action:
        case Action.KEEP:
            return valid_element(_settled(element, source, root))
        case Action.WALK:
            if element.VR != "SQ" or depth >= DEEPEST:
                return None
            items = [_walk(item, root, substitutes, depth=depth + 1) for item in element.value]
            return DataElement(element.tag, "SQ", items)
        case Action.REPLACE_UID:
            return _replaced_uid(element, substitutes.uid_of)
        case Action.SHIFT:
            moved = _moved(element, keyword, source, root, substitutes.clock)
            return DataElement(element.tag, element.VR, moved)
        case Action.PSEUDONYM:
            return DataElement(element.tag, "LO", pseudonym(element.value, substitutes))
        case Action.EMPTY:
            return DataElement(element.tag, element.VR, [] if element.VR == "SQ" else None)


def _settled(element: DataElement, source: Dataset, root: Dataset) -> DataElement:
    """Decide a VR that implicit VR leaves open, such as US or SS; the source stays as it is."""
    if element.VR not in AMBIGUOUS_VR:
        return element
    copy = DataElement(element.tag, element.VR, element.value)
    return correct_ambiguous_vr_element(copy, source, True, [source, root])  # noqa: FBT003  theirs


def _replaced_uid(element: DataElement, uid_of: Callable[[str], str]) -> DataElement | None:
    if element.VR != "UI":
        return None
    values = [element.value] if element.VM <= 1 else list(element.value)
    uids = [uid_of(str(value or "")) for value in values]
    return DataElement(element.tag, "UI", uids if len(uids) > 1 else uids[0])


def _moved(
    element: DataElement, keyword: str, source: Dataset, root: Dataset, clock: StudyClock
) -> str:
    """Move one date or time; one that cannot be read becomes empty."""
    text = str(element.value or "")
    if keyword == "StudyTime":
        return clock.study_time
    if element.VR == "DA":
        return clock.date if text or keyword == "StudyDate" else ""
    if element.VR == "DT":
        moment = parse_moment(text)
        return clock.moment_of(moment) if moment else ""
    moment = moment_of(source, keyword.removesuffix("Time"), root)
    return clock.time_of(moment) if moment else ""


def moment_of(source: Dataset, what: str, root: Dataset | None = None) -> datetime | None:
    """Read a pair such as ``AcquisitionDate``, ``AcquisitionTime`` as one moment.

    Parameters
    ----------
    what : str
        Study, Series, Acquisition or Content.
    root : Dataset, optional
        Where the StudyDate stands that a pair without a date means.
    """
    at = parse_time(source.get(f"{what}Time", ""))
    day = parse_date(source.get(f"{what}Date", ""))
    if day is None:
        day = parse_date((source if root is None else root).get("StudyDate", ""))
    if at is None or day is None:
        return None
    return datetime.combine(day, at)


def pseudonym(value: object, substitutes: Substitutes) -> str:
    """Give the keyed stand-in of a device's number: 12 hexadecimal digits, or none for none."""
    text = str(value or "").strip()
    if not text:
        return ""
    digest = hmac.digest(substitutes.pseudonym_key, f"device\0{text}".encode(), hashlib.sha256)
    return digest[:6].hex().upper()
