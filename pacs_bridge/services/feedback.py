"""Feedback objects of a closed round: truth, and a reader's marks beside it, in a folder."""

from __future__ import annotations

from pathlib import Path

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.services.canonical import as_file, make_folder, write_whole
from pacs_bridge.services.feedback_objects import Render, case_feedback, closed_round
from pacs_bridge.services.render_image import render_frame


def write_feedback(
    set_name: SetName,
    folder: Path,
    *,
    read: Begin,
    archive: Archive,
    key_uid: bytes,
    now: Clock,
    reader: str = "",
    render: Render = render_frame,
) -> tuple[Path, ...]:
    """Write, case by case, what is to be shown of the truth of a closed round.

    A presentation state a study, side and image size, and a colour capture an image, of
    what has a lesion or a mark; normal cases without a mark get none. Writing again gives
    the same bytes. Nothing is sent anywhere.

    Parameters
    ----------
    reader : str
        Scheme code of the reader whose marks stand beside the truth; none when empty.

    Returns
    -------
    tuple of Path
        The files, in a folder a case.

    Raises
    ------
    RefusedInput
        While anybody may still read, or when the folder cannot be written.
    NotFound
        When there is no such set, truth or reader.
    """
    with read() as uow:
        closed = closed_round(uow, str(set_name), reader, now())
    make_folder(folder)
    written: list[Path] = []
    for about in case_feedback(closed, UidMap(key_uid, str(set_name))):
        documents = about.states(archive) + about.captures(archive, render)
        make_folder(folder / about.case.accession)
        for name, document in documents:
            path = folder / about.case.accession / name
            write_whole(path, as_file(document))
            written.append(path)
    return tuple(written)
