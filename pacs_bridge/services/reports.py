"""Keeping each revision of a reading as documents of the standard, and handing them on.

A document is written once, before its reading first goes to the scorer, and lies in the archive
by content from then on. Its hash stands in the payload that is signed, so that neither can be
changed without the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import NotFound, PacsBridgeError, RefusedInput, RetryLater
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.objects import OutboxItem
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.domain.reports import KeptReport, ReportState
from pacs_bridge.services.canonical import (
    as_file,
    headers_of,
    make_folder,
    reading_of,
    write_whole,
)
from pacs_bridge.sr.canonical import CanonicalReading, Earlier, write_canonical

if TYPE_CHECKING:
    from pydicom import Dataset

LOG = structlog.get_logger()

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OUR_FAULT = "Writing it failed by a fault of ours, which the log has; the reading is not touched."


@dataclass(frozen=True)
class Keeper:
    """Writes and keeps reports.

    Parameters
    ----------
    key_uid : bytes
        The installation's key, of which the documents' UIDs are made.
    look : callable, optional
        Opens what only asks, so that it waits for nobody who writes; `begin` unless given.
    """

    begin: Begin
    archive: Archive
    now: Clock
    key_uid: bytes
    look: Begin | None = None

    def keep(self, outbox_id: int) -> None:
        """Keep the documents of a reading on its way out, and name them in its payload.

        Those of its earlier revisions are kept first, as its predecessors. Repeating it changes
        nothing. What cannot be written holds up nothing: why is kept, and told by an event.

        Raises
        ------
        RetryLater
            When disk or database take nothing now.
        """
        look = self.look or self.begin
        with look() as uow:
            item = uow.outbox.get(outbox_id)
            if item.sealed and uow.reports.of(item.reading_uid, item.revision):
                return
            revisions = uow.outbox.up_to(item.reading_uid, item.revision)
            case = _case(uow.case_sets.get(item.set_name).cases, item)
            missing = [
                each for each in revisions if not uow.reports.of(each.reading_uid, each.revision)
            ]
        for each in missing:
            self._keep(each, case)
        with self.begin() as uow:
            kept = uow.reports.of(item.reading_uid, item.revision)
            uow.outbox.seal(outbox_id, [each.digest() for each in kept if each.number])

    def content(self, report: KeptReport) -> bytes:
        """Give the bytes of a kept document; raises `NotFound`."""
        with self.archive.open(report.content_hash) as file:
            return file.read()

    def _keep(self, item: OutboxItem, case: Case) -> None:
        """Keep the documents of one revision, with why where they cannot be written."""
        with (self.look or self.begin)() as uow:
            before = uow.reports.before(item.reading_uid, item.revision)
        reports = self._written(item, case, before)
        with self.begin() as uow:
            uow.outbox.hold(item.outbox_id)
            if uow.reports.of(item.reading_uid, item.revision):
                return  # somebody else was quicker, with the same bytes
            uow.reports.add(reports, self.now())
            about = {"revision": item.revision, "set": item.set_name}
            if reports[0].number:
                hashes = [each.content_hash for each in reports]
                uow.events.add(self.now(), "report-kept", item.reading_uid, sha256=hashes, **about)
            else:
                why = reports[0].reason
                uow.events.add(self.now(), "report-unwritten", item.reading_uid, why=why, **about)

    def _written(self, item: OutboxItem, case: Case, before: list[KeptReport]) -> list[KeptReport]:
        unwritten = KeptReport(
            item.reading_uid, item.revision, 0, state=ReportState.UNWRITTEN, reason=OUR_FAULT
        )
        try:
            documents = self.write(reading_of(item.payload), case, before)
            return [
                KeptReport(
                    item.reading_uid,
                    item.revision,
                    number,
                    str(document.StudyInstanceUID),
                    str(document.SeriesInstanceUID),
                    str(document.SOPInstanceUID),
                    self.archive.put(as_file(document)),
                    marks,
                )
                for number, (document, marks) in enumerate(documents, 1)
            ]
        except RetryLater:
            raise
        except PacsBridgeError as error:
            return [replace(unwritten, reason=str(error))]
        except Exception:
            LOG.exception("report-unwritten", reading=item.reading_uid)
            return [unwritten]

    def write(
        self, reading: CanonicalReading, case: Case, before: list[KeptReport]
    ) -> list[tuple[Dataset, int]]:
        """Write the documents of a revision; gives each with its number of marks."""
        studies = sorted(case.studies, key=lambda study: study.prior)
        images = [image for study in studies for image in study.instances()]
        earlier = [
            Earlier(each.study_instance_uid, each.series_instance_uid, each.sop_instance_uid)
            for each in before
        ]
        uid_of = UidMap(self.key_uid, reading.set_name)
        documents = write_canonical(reading, headers_of(images, self.archive), uid_of, earlier)
        study_of = {
            image.sop_instance_uid: study.study_instance_uid
            for study in studies
            for image in study.instances()
        }
        drawn = [study_of[mark.image] for mark in reading.marks]
        return [(document, drawn.count(str(document.StudyInstanceUID))) for document in documents]


def _case(cases: tuple[Case, ...], item: OutboxItem) -> Case:
    accession = str(item.payload["case"])
    case = next((each for each in cases if each.accession == accession), None)
    if case is None:
        raise NotFound(f"{accession} is no case of its set any more; see `case-set show`.")
    return case


@dataclass(frozen=True)
class ExportedReadings:
    """What an export wrote, and which readings it could not, with why."""

    written: tuple[Path, ...]
    refused: tuple[tuple[str, str], ...]


def export_readings(set_name: SetName, folder: Path, *, keeper: Keeper) -> ExportedReadings:
    """Give the last closed revision of every reading of a set as the documents that are kept.

    What is not kept yet is, first. A file is named for its reading and revision. Exporting again
    writes the same bytes.

    Parameters
    ----------
    folder : Path
        Made if it is not there.

    Raises
    ------
    NotFound
        When there is no such set.
    RefusedInput
        When the folder cannot be written.
    """
    with keeper.begin() as uow:
        uow.case_sets.get(str(set_name))
        newest = {item.reading_uid: item for item in uow.outbox.of_set(str(set_name))}
    make_folder(folder)
    written: list[Path] = []
    refused: list[tuple[str, str]] = []
    for uid, item in newest.items():
        keeper.keep(item.outbox_id)
        with keeper.begin() as uow:
            reports = uow.reports.of(uid, item.revision)
        refused += [(uid, each.reason) for each in reports if not each.number]
        for each in reports:
            if each.number:
                write_whole(_path(folder, each), keeper.content(each))
                written.append(_path(folder, each))
    return ExportedReadings(tuple(written), tuple(refused))


def _path(folder: Path, report: KeptReport) -> Path:
    name = f"{report.reading_uid}-{report.revision}"
    if not _FILE_NAME.fullmatch(name):
        raise RefusedInput("A reading has a name that no file can have; tell who runs this node.")
    return folder / (f"{name}.dcm" if report.number == 1 else f"{name}-study{report.number}.dcm")
