"""Case sets in the form in which questions are answered: columns of values, encoded once.

A set never changes once it was given out, so what is made of its passport is kept in memory;
which sets a PACS may see is asked of the database for each question. Only passports are read
here: what readers said and what is true of a case stand elsewhere, and cannot be asked for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pacs_bridge.db.repositories.query import VisibleSet
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.caseset import (
    Case,
    Instance,
    Passport,
    Series,
    Study,
    describe_study,
)
from pacs_bridge.domain.query import (
    ACCESSION,
    BIRTH_DATE,
    CLASS_UID,
    COLUMNS,
    FRAMES,
    INSTANCE_NUMBER,
    INSTANCE_UID,
    ISSUER,
    LATERALITY,
    MODALITIES,
    MODALITY,
    PATIENT_ID,
    PATIENT_INSTANCES,
    PATIENT_NAME,
    PATIENT_SERIES,
    PATIENT_STUDIES,
    REFERRER,
    ROWS,
    SERIES_INSTANCES,
    SERIES_NUMBER,
    SERIES_UID,
    SEX,
    SOP_CLASSES,
    STUDY_DATE,
    STUDY_DESCRIPTION,
    STUDY_ID,
    STUDY_INSTANCES,
    STUDY_SERIES,
    STUDY_TIME,
    STUDY_UID,
    SYNTAX,
    VIEW,
    Level,
)
from pacs_bridge.services.query_tables import JoinedTable, Table

MOST_SETS = 1000
"""Kept at the same time, all PACS together; the one asked for longest ago goes first."""

MOST_VIEWS = 16
"""What single PACS see, as one table a level; kept likewise."""


@dataclass(frozen=True)
class StoredImage:
    """An image of a set, as far as sending it needs."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    content_hash: str


@dataclass(frozen=True)
class SetIndex:
    """One copy of a case set, or several one after another, ready to be asked.

    Parameters
    ----------
    images : tuple of StoredImage
        In the order of the table at IMAGE level.
    """

    tables: dict[Level, Table]
    images: tuple[StoredImage, ...]


@dataclass
class _Columns:
    """A table while it grows."""

    above: Table | None = None
    up: list[int] = field(default_factory=list)
    columns: dict[int, list[str]] = field(default_factory=dict)

    def add(self, up: int, values: dict[int, str]) -> None:
        self.up.append(up)
        for tag, value in values.items():
            self.columns.setdefault(tag, []).append(value)


def index_of(passport: Passport, study_time: Callable[[Instance], str] | None = None) -> SetIndex:
    """Make the index of a passport.

    Parameters
    ----------
    study_time : callable, optional
        Tells the Study Time out of an image of the study; the passport does not have it.
    """
    grown = {level: _Columns() for level in Level}
    description = describe_study(passport.issuer, passport.title)
    images = []
    for patient, case in enumerate(passport.cases):
        grown[Level.PATIENT].add(0, _of_patient(case, passport.issuer))
        for study in case.studies:
            row = len(grown[Level.STUDY].up)
            values = _of_study(case, study, description)
            first = next(study.instances(), None)
            values[STUDY_TIME] = study_time(first) if study_time and first else ""
            grown[Level.STUDY].add(patient, values)
            for series in study.series:
                series_row = len(grown[Level.SERIES].up)
                grown[Level.SERIES].add(row, _of_series(series))
                for image in series.instances:
                    grown[Level.IMAGE].add(series_row, _of_image(image))
                    images.append(_stored(image))
    tables: dict[Level, Table] = {}
    for level in Level:
        if grown[level].up:  # a set without images has no tables below
            above = tables.get(Level(level - 1)) if level else None
            tables[level] = Table(grown[level].columns, above, grown[level].up)
    return SetIndex(tables, tuple(images))


def _of_patient(case: Case, issuer: str) -> dict[int, str]:
    series = [series for study in case.studies for series in study.series]
    return {
        PATIENT_NAME: case.patient_name,
        PATIENT_ID: case.patient_id,
        ISSUER: issuer,
        BIRTH_DATE: case.birth_date,
        SEX: case.sex,
        PATIENT_STUDIES: str(len(case.studies)),
        PATIENT_SERIES: str(len(series)),
        PATIENT_INSTANCES: str(sum(len(each.instances) for each in series)),
    }


def _of_study(case: Case, study: Study, description: str) -> dict[int, str]:
    images = list(study.instances())
    return {
        STUDY_UID: study.study_instance_uid,
        STUDY_DATE: study.study_date,
        STUDY_ID: study.study_id,
        ACCESSION: "" if study.prior else case.accession,  # as the images have it
        STUDY_DESCRIPTION: description,
        REFERRER: "",
        MODALITIES: "\\".join(dict.fromkeys(each.modality for each in study.series)),
        SOP_CLASSES: "\\".join(dict.fromkeys(each.sop_class_uid for each in images)),
        STUDY_SERIES: str(len(study.series)),
        STUDY_INSTANCES: str(len(images)),
    }


def _of_series(series: Series) -> dict[int, str]:
    return {
        SERIES_UID: series.series_instance_uid,
        SERIES_NUMBER: str(series.series_number),
        MODALITY: series.modality,
        SERIES_INSTANCES: str(len(series.instances)),
    }


def _of_image(image: Instance) -> dict[int, str]:
    return {
        INSTANCE_UID: image.sop_instance_uid,
        CLASS_UID: image.sop_class_uid,
        INSTANCE_NUMBER: str(image.instance_number),
        ROWS: str(image.rows),
        COLUMNS: str(image.columns),
        FRAMES: str(image.frames),
        LATERALITY: image.laterality,
        VIEW: image.view,
        SYNTAX: image.transfer_syntax_uid,
    }


def _stored(image: Instance) -> StoredImage:
    return StoredImage(
        image.sop_class_uid, image.sop_instance_uid, image.transfer_syntax_uid, image.content_hash
    )


class QueryIndex:
    """The sets that were asked about lately; one a process, for all its threads.

    Parameters
    ----------
    study_time : callable, optional
        See `index_of`.
    """

    def __init__(
        self, study_time: Callable[[Instance], str] | None = None, *, most: int = MOST_SETS
    ) -> None:
        self._study_time, self._most = study_time, most
        self._lock = threading.Lock()
        self._kept: OrderedDict[VisibleSet, SetIndex] = OrderedDict()
        self._views: OrderedDict[tuple[VisibleSet, ...], SetIndex] = OrderedDict()

    def view(self, uow: UnitOfWork, pacs: str | None) -> SetIndex:
        """Give all that a PACS may see, in the order of its sets; nothing to who is none."""
        if pacs is None:
            return _NOTHING
        visible = tuple(uow.visible.sets(pacs))
        with self._lock:
            view = self._views.get(visible)
            if view is not None:
                self._views.move_to_end(visible)
                return view
            found = [self._get(uow, each) for each in visible]
            view = _joined([each for each in found if each is not None])
            if None not in found:  # else the next question sees fewer
                self._views[visible] = view
            _shorten(self._views, MOST_VIEWS)
            _shorten(self._kept, self._most)
            return view

    def _get(self, uow: UnitOfWork, each: VisibleSet) -> SetIndex | None:
        index = self._kept.get(each)
        if index is not None:
            self._kept.move_to_end(each)
            return index
        passport = uow.visible.passport(each)
        if passport is None:
            return None
        index = self._kept[each] = index_of(passport, self._study_time)
        return index


_NOTHING = SetIndex({}, ())


def _joined(sets: Sequence[SetIndex]) -> SetIndex:
    if len(sets) == 1:
        return sets[0]
    tables: dict[Level, Table] = {}
    for level in Level:
        parts = [each.tables[level] for each in sets if level in each.tables]
        if parts:
            tables[level] = JoinedTable(parts)
    return SetIndex(tables, tuple(image for each in sets for image in each.images))


def _shorten(kept: OrderedDict[Any, SetIndex], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
