"""Feedback objects of a closed round: truth, and a reader's marks beside it, in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Case, Instance
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.marks import Mark
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.domain.truth import Lesion, SetTruth
from pacs_bridge.domain.truth_file import truth_from_payload
from pacs_bridge.services.canonical import as_file, headers_of, make_folder, reading_of, write_whole
from pacs_bridge.services.draw_feedback import draw_feedback
from pacs_bridge.services.folded import end_of
from pacs_bridge.services.render_image import PictureRequest, render_frame
from pacs_bridge.sr.canonical import plain_mark
from pacs_bridge.sr.feedback import write_capture, write_feedback_state
from pacs_bridge.sr.geometry import centre_of

if TYPE_CHECKING:
    from pydicom import Dataset

Render = Callable[[PictureRequest], bytes]
"""Renders one frame of an archived image as a PNG."""


@dataclass(frozen=True)
class _Closed:
    """What feedback rests on: a closed round's truth and a reader's marks by case."""

    truth: SetTruth
    cases: tuple[Case, ...]
    marks: dict[str, tuple[Mark, ...]]
    closed_at: datetime


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
        closed = _closed(uow, str(set_name), reader, now())
    uid_of = UidMap(key_uid, str(set_name))
    truth = {case.accession: case.lesions for case in closed.truth.cases}
    make_folder(folder)
    written: list[Path] = []
    for case in closed.cases:
        known = [
            mark
            for lesion in truth.get(case.accession, ())
            for mark in _known(lesion, case, uid_of)
        ]
        drawn = [
            plain_mark(mark, f"feedback {reader} {case.accession}/{number}", uid_of)
            for number, mark in enumerate(closed.marks.get(case.accession, ()), 1)
        ]
        if known or drawn:
            about = _About(case, known, drawn, reader, closed.closed_at, uid_of)
            documents = about.states(archive) + about.captures(archive, render)
            make_folder(folder / case.accession)
            for name, document in documents:
                path = folder / case.accession / name
                write_whole(path, as_file(document))
                written.append(path)
    return tuple(written)


def _closed(uow: UnitOfWork, set_name: str, reader: str, moment: datetime) -> _Closed:
    passport = uow.case_sets.get(set_name)
    round_, truth = uow.rounds.find(set_name), uow.truths.latest(set_name)
    readers = uow.readers.all()
    ends = [end for code in readers if (end := end_of(uow, set_name, code)) is not None]
    if round_ is None or moment < max([round_.closes_at, *ends]):
        raise RefusedInput(
            f"The round of {set_name} is not closed for everybody; truth is shown to nobody before."
        )
    if truth is None:
        raise NotFound(f"There is no truth of {set_name}; `truth import` takes it.")
    if reader and reader not in readers:
        raise NotFound("There is no reader of that code; `account list` shows who there is.")
    states = uow.readings.of_reader(reader, set_name) if reader else []
    bodies = [body for state in states if (body := uow.readings.body(state.reading_uid))]
    return _Closed(
        truth_from_payload(truth.payload),
        passport.cases,
        {str(body["case"]): reading_of(body).marks for body in bodies},
        round_.closes_at,
    )


def _known(lesion: Lesion, case: Case, uid_of: UidMap) -> list[Mark]:
    words = f"{'malignant' if lesion.malignant else 'benign'} {lesion.finding}"
    return [
        Mark(
            region.image, region.frame, region.shape, region.points,
            centre_of(region.shape, region.points), text=words, laterality=lesion.laterality,
            tracking_uid=uid_of(f"lesion {case.accession}/{lesion.lesion_id}"),
        )
        for region in lesion.regions
    ]  # fmt: skip


@dataclass(frozen=True)
class _About:
    """One case with what is to be shown of it."""

    case: Case
    known: Sequence[Mark]
    drawn: Sequence[Mark]
    reader: str
    when: datetime
    uid_of: UidMap

    def _uid(self, *parts: object) -> str:
        words = " ".join(map(str, (self.reader, self.case.accession, self.when, *parts)))
        return self.uid_of(f"feedback {words}")

    def _shown(self) -> list[tuple[str, Instance]]:
        """Studies and images on which anything lies."""
        used = {mark.image for mark in (*self.known, *self.drawn)}
        return [
            (study.study_instance_uid, image)
            for study in self.case.studies
            for image in study.instances()
            if image.sop_instance_uid in used
        ]

    def states(self, archive: Archive) -> list[tuple[str, Dataset]]:
        """Write the states: one a study, side and size."""
        groups: dict[tuple[str, str, int, int], list[Instance]] = {}
        for study, image in self._shown():
            key = (study, image.laterality, image.rows, image.columns)
            groups.setdefault(key, []).append(image)
        return [
            (
                f"state-{side or 'X'}-{number}.dcm",
                write_feedback_state(
                    headers_of(images, archive),
                    self.known,
                    self.drawn,
                    side=side,
                    series_uid=self._uid("states", study, side),
                    sop_uid=self._uid("state", study, side, rows, columns),
                    when=self.when,
                    instance_number=number,
                ),
            )
            for number, ((study, side, rows, columns), images) in enumerate(groups.items(), 1)
        ]

    def captures(self, archive: Archive, render: Render) -> list[tuple[str, Dataset]]:
        """Write the captures: one an image and frame."""
        made: list[tuple[str, Dataset]] = []
        for study, image in self._shown():
            here = partial(_on, image)
            for frame in sorted({m.frame or 1 for m in here((*self.known, *self.drawn))}):
                known, drawn = here(self.known, frame), here(self.drawn, frame)
                png = render(PictureRequest(archive.path(image.content_hash), frame))
                number = len(made) + 1
                document = write_capture(
                    headers_of([image], archive)[0],
                    draw_feedback(png, (image.columns, image.rows), known, drawn, self.reader),
                    side=image.laterality,
                    series_uid=self._uid("captures", study, image.laterality),
                    sop_uid=self._uid("capture", image.sop_instance_uid, frame),
                    when=self.when,
                    instance_number=number,
                )
                made.append((f"capture-{image.laterality}-{number}.dcm", document))
        return made


def _on(image: Instance, marks: Sequence[Mark], frame: int | None = None) -> list[Mark]:
    """Marks on an image, or on one frame of it."""
    return [
        mark
        for mark in marks
        if mark.image == image.sop_instance_uid and (frame is None or (mark.frame or 1) == frame)
    ]
