"""Which notes have to be asked about: what was typed and is no part of what was understood."""

from __future__ import annotations

from dataclasses import replace

from pacs_bridge.domain.marks import Mark, ReadObject
from pacs_bridge.domain.questions import UNLINKED_NOTE, UNPARSED_TEXT, UNREAD_OBJECT
from pacs_bridge.sr.notes import Note, parse_note
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.unread import is_unread


def flag_notes(read: ReadObject, words: SiteWords = NATIONAL) -> ReadObject:
    """Flag notes that were not understood, and those that rate or name something undrawn.

    An object that holds something which could not be read at all becomes a note that says
    so: its reader has to know that a mark may be missing.
    """
    marks = tuple(_flagged(mark, words) for mark in read.marks)
    if not marks and read.refused and is_unread(read.refused):
        lost = Mark(
            "", None, "TEXT", (), (0.0, 0.0), text=read.refused, flags=(UNREAD_OBJECT,)
        )  # fmt: skip
        marks = (lost,)
    return replace(read, marks=marks)


def _flagged(mark: Mark, words: SiteWords) -> Mark:
    if not mark.text:
        return mark
    note = parse_note(mark.text, words)
    if not _is_understood(note):
        more = (UNPARSED_TEXT,) if note.unparsed else ()
    elif mark.shape == "TEXT" and not note.about_breast and _names_a_place(note):
        more = (UNLINKED_NOTE,)
    else:
        more = ()
    return replace(mark, flags=(*mark.flags, *more)) if more else mark


def _is_understood(note: Note) -> bool:
    return bool(
        note.findings
        or note.conflicts
        or note.side
        or note.view
        or note.decision
        or note.birads
        or note.size_mm is not None
        or note.rating is not None
    )


def _names_a_place(note: Note) -> bool:
    """Whether it says what only a mark has: a rating or a finding, and decides nothing."""
    return note.decision is None and (note.rating is not None or bool(note.findings))
