"""What is to be shown of the truth of a closed round, case by case, as objects for viewers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Case, Instance
from pacs_bridge.domain.errors import GiveUp, NotFound, RefusedInput
from pacs_bridge.domain.marks import Mark
from pacs_bridge.domain.ports import Archive
from pacs_bridge.domain.reader_copies import CopyNaming
from pacs_bridge.domain.truth import Lesion, SetTruth
from pacs_bridge.domain.truth_file import truth_from_payload
from pacs_bridge.services.canonical import headers_of, reading_of
from pacs_bridge.services.draw_feedback import draw_feedback
from pacs_bridge.services.render_image import PictureRequest
from pacs_bridge.sr.canonical import plain_mark
from pacs_bridge.sr.feedback import write_capture, write_feedback_state
from pacs_bridge.sr.geometry import centre_of

if TYPE_CHECKING:
    from pydicom import Dataset

Render = Callable[[PictureRequest], bytes]
"""Renders one frame of an archived image as a PNG."""


@dataclass(frozen=True)
class ClosedRound:
    """What feedback rests on: a closed round's truth and a reader's marks by case."""

    truth: SetTruth
    cases: tuple[Case, ...]
    marks: dict[str, tuple[Mark, ...]]
    reader: str
    closed_at: datetime


def check_closed(uow: UnitOfWork, set_name: str, moment: datetime) -> datetime:
    """Give when a round closed; refuse while anybody anywhere may still read.

    Raises
    ------
    RefusedInput
        Until the last reader's time is over, wherever they read.
    """
    round_ = uow.rounds.find(set_name)
    longest = uow.enrolments.longest(set_name)
    if round_ is None or moment < max(round_.closes_at, longest or round_.closes_at):
        raise RefusedInput(
            f"The round of {set_name} is not closed for everybody; truth is shown to nobody before."
        )
    return round_.closes_at


def closed_round(uow: UnitOfWork, set_name: str, reader: str, moment: datetime) -> ClosedRound:
    """Take together what may be shown of a set.

    Parameters
    ----------
    reader : str
        Scheme code of the reader whose marks stand beside the truth; none when empty.

    Raises
    ------
    RefusedInput
        While anybody may still read.
    NotFound
        When there is no such set, truth or reader.
    """
    passport = uow.case_sets.get(set_name)
    closed_at = check_closed(uow, set_name, moment)
    truth = uow.truths.latest(set_name)
    if truth is None:
        raise NotFound(f"There is no truth of {set_name}; `truth import` takes it.")
    if reader and not uow.readers.exists(reader):
        raise NotFound("There is no reader of that code; `account list` shows who there is.")
    states = uow.readings.of_reader(reader, set_name) if reader else []
    bodies = [body for state in states if (body := uow.readings.body(state.reading_uid))]
    return ClosedRound(
        truth_from_payload(truth.payload),
        passport.cases,
        {str(body["case"]): reading_of(body).marks for body in bodies},
        reader,
        closed_at,
    )


def case_feedback(
    closed: ClosedRound, uid_of: UidMap, naming: CopyNaming | None = None, run: int = 0
) -> Iterator[CaseFeedback]:
    """Give each case of which anything is to be shown.

    Parameters
    ----------
    naming : CopyNaming, optional
        Of the copy that it is to be shown on; else it is the master.
    run : int
        How often it was asked for: what was withdrawn once comes under other UIDs.
    """
    truth = {case.accession: case.lesions for case in closed.truth.cases}
    for case in closed.cases:
        lesions = truth.get(case.accession, ())
        known = [mark for lesion in lesions for mark in _known(lesion, case, uid_of)]
        drawn = [
            plain_mark(mark, f"feedback {closed.reader} {case.accession}/{number}", uid_of)
            for number, mark in enumerate(closed.marks.get(case.accession, ()), 1)
        ]
        if known or drawn:
            where = case
            if naming is not None:
                where = naming.case(case)
                known = [replace(mark, image=naming.uid(mark.image)) for mark in known]
                drawn = [replace(mark, image=naming.uid(mark.image)) for mark in drawn]
            yield CaseFeedback(where, known, drawn, closed.reader, closed.closed_at, uid_of, run)


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
class CaseFeedback:
    """One case, as it stands where it is shown, with what is to be shown of it."""

    case: Case
    known: Sequence[Mark]
    drawn: Sequence[Mark]
    reader: str
    when: datetime
    uid_of: UidMap
    run: int = 0

    def _uid(self, *parts: object) -> str:
        run = (f"run {self.run}",) if self.run else ()
        words = " ".join(map(str, (self.reader, self.case.accession, self.when, *parts, *run)))
        return self.uid_of(f"feedback {words}")

    def _headers(self, images: Sequence[Instance], archive: Archive) -> list[Dataset]:
        """Headers of images as they are where the case is shown: a copy has names of its own."""
        places = {
            image.sop_instance_uid: (study.study_instance_uid, series.series_instance_uid)
            for study in self.case.studies
            for series in study.series
            for image in series.instances
        }
        headers = headers_of(images, archive)
        for ds, image in zip(headers, images, strict=True):
            ds.SOPInstanceUID = image.sop_instance_uid
            ds.StudyInstanceUID, ds.SeriesInstanceUID = places[image.sop_instance_uid]
            ds.PatientID, ds.PatientName = self.case.patient_id, self.case.patient_name
            if ds.get("AccessionNumber"):  # a prior has none
                ds.AccessionNumber = self.case.accession
        return headers

    def _shown(self) -> list[tuple[str, Instance]]:
        """Studies and images on which anything lies."""
        used = {mark.image for mark in (*self.known, *self.drawn)}
        return [
            (study.study_instance_uid, image)
            for study in self.case.studies
            for image in study.instances()
            if image.sop_instance_uid in used
        ]

    def _groups(self) -> dict[tuple[str, str, int, int], list[Instance]]:
        """Images that one state speaks of: by study, side, rows and columns."""
        groups: dict[tuple[str, str, int, int], list[Instance]] = {}
        for study, image in self._shown():
            key = (study, image.laterality, image.rows, image.columns)
            groups.setdefault(key, []).append(image)
        return groups

    def _frames(self, image: Instance) -> list[int]:
        """Frames of an image on which anything lies."""
        return sorted({mark.frame or 1 for mark in _on(image, (*self.known, *self.drawn))})

    def count(self) -> int:
        """Count the objects that it takes, without writing one."""
        return len(self._groups()) + sum(len(self._frames(image)) for _, image in self._shown())

    def states(self, archive: Archive) -> list[tuple[str, Dataset]]:
        """Write the states: one a study, side and size."""
        return [
            (
                f"state-{side or 'X'}-{number}.dcm",
                write_feedback_state(
                    self._headers(images, archive),
                    self.known,
                    self.drawn,
                    side=side,
                    series_uid=self._uid("states", study, side),
                    sop_uid=self._uid("state", study, side, rows, columns),
                    when=self.when,
                    instance_number=number,
                ),
            )
            for number, ((study, side, rows, columns), images) in enumerate(
                self._groups().items(), 1
            )
        ]

    def captures(
        self, archive: Archive, render: Render, left_out: list[str] | None = None
    ) -> list[tuple[str, Dataset]]:
        """Write the captures: one an image and frame.

        Parameters
        ----------
        left_out : list of str, optional
            Takes why an image has none; without it, the first that can have none is raised.
        """
        made: list[tuple[str, Dataset]] = []
        for study, image in self._shown():
            here = partial(_on, image)
            for frame in self._frames(image):
                known, drawn = here(self.known, frame), here(self.drawn, frame)
                try:
                    png = render(PictureRequest(archive.path(image.content_hash), frame))
                except GiveUp as error:
                    if left_out is None:
                        raise
                    left_out.append(str(error))
                    continue
                number = len(made) + 1
                document = write_capture(
                    self._headers([image], archive)[0],
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
