"""Another name for an archived image: the same bytes, but for what identifies it.

The head of a file of ours, up to its pixels, is walked element by element; identifiers are
replaced, in items of sequences too, and the lengths around them put right. Every other byte
stays as it is, and nothing is decoded: the pixel data are never touched.

References
----------
PS3.5 section 6.2 (padding), 7.1 and 7.5 (elements, sequences); PS3.10 section 7.1 (file meta).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.reader_copies import CopyNaming
from pacs_bridge.upper_layer.elements import vr_of
from pacs_bridge.upper_layer.prescan import is_explicit

_HEADS = (256 << 10, 16 << 20)
"""Bytes before the pixels: ours have a few thousand, tomosynthesis a few hundred thousand."""

_PREFIX_END = 132
_UNDEFINED = 0xFFFFFFFF
_PIXELS = 0x7FE0  # the group of pixel data and of their offset tables
_MEDIA_STORAGE_SOP_INSTANCE, _TRANSFER_SYNTAX = 0x00020003, 0x00020010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR",
                   b"UT", b"UV"))  # fmt: skip
_WORDS = frozenset((b"LO", b"PN", b"SH"))
_CODING = frozenset((0x0008010C, 0x00080117, 0x00080118))
"""Coding Scheme, Context and Mapping Resource UID: of dictionaries, not of images."""

_OURS: Final = b"2.25."
_DEEPEST = 32


@dataclass(frozen=True)
class Renaming:
    """What an image is called in a copy.

    Parameters
    ----------
    uid_of : callable
        Gives a UID for one of ours, which all lie under 2.25; others stay.
    words : dict of str to str
        Accession number, patient's number and name, and what takes the place of each.
    """

    uid_of: Callable[[str], str]
    words: Mapping[str, str]


@dataclass(frozen=True)
class RenamedHead:
    """The beginning of a file under another name.

    Parameters
    ----------
    data : bytes
        Preamble, prefix, group 0002 and every element before the pixels.
    rest : int
        Where the rest begins in the file as it is archived; it goes on unchanged from there.
    """

    data: bytes
    rest: int


def rename_head(file: BinaryIO, renaming: Renaming) -> RenamedHead:
    """Give the head of an archived file with the identifiers of a copy.

    The same file and naming give the same bytes for ever. Of the pixels nothing is read but
    what lies in the same block.

    Parameters
    ----------
    file : binary file
        The file, from wherever it stands.

    Raises
    ------
    UnreadableObject
        When it is no file of ours.
    OSError
        When the disk fails.
    """
    for most in _HEADS:
        file.seek(0)
        begin = file.read(most + 1)
        try:
            return _rename(begin[:most], renaming, is_whole=len(begin) <= most)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            if len(begin) <= most or most == _HEADS[-1]:
                raise UnreadableObject(
                    "An archived image cannot be read up to its pixels; restore it from a backup."
                ) from error
    raise AssertionError("the longest head was tried")  # pragma: no cover


def _rename(begin: bytes, renaming: Renaming, *, is_whole: bool) -> RenamedHead:
    """Rename the beginning of a file; raises `IndexError` where the pixels lie behind it."""
    meta_end, explicit = _read_meta(begin)
    walk = _Walk(begin, renaming, explicit)
    rest = walk.find_pixels(meta_end)
    if rest == len(begin) and not is_whole:
        raise IndexError("the head goes on")
    meta = _rename_meta(begin[_PREFIX_END:meta_end], renaming)
    data_set = walk.elements(meta_end, rest, depth=0)
    return RenamedHead(b"".join((begin[:_PREFIX_END], meta, data_set)), rest)


def _read_meta(file: bytes) -> tuple[int, bool]:
    """Give where group 0002 ends, and whether the data set names its VRs."""
    if file[128:_PREFIX_END] != b"DICM":
        raise UnreadableObject("An archived image has no DICOM head; restore it from a backup.")
    (length,) = struct.unpack_from("<L", file, _PREFIX_END + 8)
    end = _PREFIX_END + 12 + length
    at, syntax = _PREFIX_END + 12, ""
    while at < end:
        tag, _, start, size = _explicit(file, at)
        if tag == _TRANSFER_SYNTAX:
            syntax = file[start : start + size].rstrip(b"\0 ").decode("ascii")
        at = start + size
    return end, is_explicit(syntax)


def _rename_meta(meta: bytes, renaming: Renaming) -> bytes:
    """Name the image in group 0002, too; all else there is of the file and stays."""
    parts, at = [], 12
    while at < len(meta):
        tag, vr, start, size = _explicit(meta, at)
        whole = meta[at : start + size]
        if tag == _MEDIA_STORAGE_SOP_INSTANCE:
            value = _renamed_uids(meta[start : start + size], renaming)
            whole = struct.pack("<HH2sH", 2, 3, vr, len(value)) + value
        parts.append(whole)
        at = start + size
    body = b"".join(parts)
    return meta[:8] + struct.pack("<L", len(body)) + body


def _explicit(data: bytes, at: int) -> tuple[int, bytes, int, int]:
    """Read the head of an element in explicit VR: tag, VR, where its value begins, its length."""
    group, element, vr, short = struct.unpack_from("<HH2sH", data, at)
    if vr in _LONG:
        (length,) = struct.unpack_from("<L", data, at + 8)
        return group << 16 | element, vr, at + 12, length
    return group << 16 | element, vr, at + 8, short


def _implicit(data: bytes, at: int) -> tuple[int, bytes, int, int]:
    group, element, length = struct.unpack_from("<HHL", data, at)
    tag = group << 16 | element
    return tag, vr_of(tag).encode("ascii"), at + 8, length


@dataclass(frozen=True)
class _Walk:
    """One walk through a data set; every part that is copied is a slice of the file."""

    file: bytes
    renaming: Renaming
    explicit: bool

    def head(self, at: int) -> tuple[int, bytes, int, int]:
        """Read the head of one element."""
        return (_explicit if self.explicit else _implicit)(self.file, at)

    def find_pixels(self, at: int) -> int:
        """Give where the pixels begin, or what stands in their place: the end."""
        while at < len(self.file):
            tag, vr, start, length = self.head(at)
            if tag >> 16 >= _PIXELS:
                return at
            at = self.sequence_end(start, vr) if length == _UNDEFINED else start + length
        if at != len(self.file):
            raise IndexError("the file ends in the middle of an element")
        return at

    def sequence_end(self, at: int, vr: bytes) -> int:
        """Give where a sequence of undefined length ends, behind its delimiter."""
        inner = self if vr == b"SQ" else _Walk(self.file, self.renaming, explicit=False)
        while True:
            group, element, length = struct.unpack_from("<HHL", self.file, at)
            tag, at = group << 16 | element, at + 8
            if tag == _SEQUENCE_END:
                return at
            at = inner.item_end(at) if length == _UNDEFINED else at + length

    def item_end(self, at: int) -> int:
        """Give where an item of undefined length ends, behind its delimiter."""
        while True:
            group, element = struct.unpack_from("<HH", self.file, at)
            if group << 16 | element == _ITEM_END:
                return at + 8
            _, vr, start, length = self.head(at)
            at = self.sequence_end(start, vr) if length == _UNDEFINED else start + length

    def elements(self, at: int, end: int, depth: int) -> bytes:
        """Rename the elements of a data set or item."""
        if depth > _DEEPEST:
            raise IndexError("the items are nested too deeply")
        parts = []
        while at < end:
            tag, vr, start, length = self.head(at)
            if length == _UNDEFINED:
                behind = self.sequence_end(start, vr)
                inner = self if vr == b"SQ" else _Walk(self.file, self.renaming, explicit=False)
                parts += [
                    self.file[at:start],
                    inner.items(start, behind - 8, depth),
                    self.file[behind - 8 : behind],
                ]
            else:
                behind = start + length
                if behind > end:
                    raise IndexError("an element is longer than what holds it")
                value = self.value(tag, vr, start, behind, depth)
                parts += [self.lengthened(at, start, vr, len(value)), value]
            at = behind
        return b"".join(parts)

    def items(self, at: int, end: int, depth: int) -> bytes:
        """Rename the items of a sequence."""
        parts = []
        while at < end:
            group, element, length = struct.unpack_from("<HHL", self.file, at)
            if group << 16 | element != _ITEM:
                raise IndexError("a sequence holds something that is no item")
            start = at + 8
            if length == _UNDEFINED:
                behind = self.item_end(start)
                parts += [
                    self.file[at:start],
                    self.elements(start, behind - 8, depth + 1),
                    self.file[behind - 8 : behind],
                ]
            else:
                behind = start + length
                inner = self.elements(start, behind, depth + 1)
                parts += [self.file[at : at + 4], struct.pack("<L", len(inner)), inner]
            at = behind
        return b"".join(parts)

    def value(self, tag: int, vr: bytes, start: int, end: int, depth: int) -> bytes:
        """Give the value of one element in the copy."""
        value = self.file[start:end]
        if vr == b"SQ":
            return self.items(start, end, depth)
        if vr == b"UI" and tag not in _CODING:
            return _renamed_uids(value, self.renaming)
        if vr in _WORDS:
            return _renamed_word(value, self.renaming)
        return value

    def lengthened(self, at: int, start: int, vr: bytes, length: int) -> bytes:
        """Give the head of an element with the length of its new value."""
        if self.explicit and vr not in _LONG:
            return self.file[at : start - 2] + struct.pack("<H", length)
        return self.file[at : start - 4] + struct.pack("<L", length)


def _renamed_uids(value: bytes, renaming: Renaming) -> bytes:
    if _OURS not in value:
        return value
    uids = value.rstrip(b"\0 ").decode("ascii").split("\\")
    named = [renaming.uid_of(uid) if uid.encode().startswith(_OURS) else uid for uid in uids]
    return _even("\\".join(named).encode("ascii"), b"\0")


def _renamed_word(value: bytes, renaming: Renaming) -> bytes:
    word = renaming.words.get(value.strip(b" ").decode("latin-1"))
    return value if word is None else _even(word.encode("ascii"), b" ")


def _even(value: bytes, padding: bytes) -> bytes:
    return value + padding if len(value) % 2 else value


def renaming_of(naming: CopyNaming, case: Case) -> Renaming:
    """Say how the files of a case of the master are called in a copy."""
    return Renaming(naming.uid, naming.words(case))
