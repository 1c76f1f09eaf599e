"""Keeping each revision of a reading as documents of the standard, and handing them on.

A document is written once, before its reading first goes to the scorer, and lies in the archive
by content from then on. Its hash stands in the payload that is signed, so that neither can be
changed without the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import NotFound, PacsBridgeError, RetryLater
from pacs_bridge.domain.objects import OutboxItem
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.domain.reports import KeptReport, ReportState
from pacs_bridge.services.canonical import as_file, headers_of, reading_of
from pacs_bridge.sr.canonical import CanonicalReading, Earlier, write_canonical

if TYPE_CHECKING:
    from pydicom import Dataset

LOG = structlog.get_logger()

OUR_FAULT = "Writing it failed by a fault of ours, which the log has; the reading is not touched."


@dataclass(frozen=True)
class Keeper:
    """Writes and keeps reports.

    Parameters
    ----------
    key_uid : bytes
        The installation's key, of which the documents' UIDs are made.
    """

    begin: Begin
    archive: Archive
    now: Clock
    key_uid: bytes

    def keep(self, outbox_id: int) -> None:
        """Keep the documents of a reading on its way out, and name them in its payload.

        Those of its earlier revisions are kept first, as its predecessors. Repeating it changes
        nothing. What cannot be written holds up nothing: why is kept, and told by an event.

        Raises
        ------
        RetryLater
            When disk or database take nothing now.
        """
        with self.begin() as uow:
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

    def _keep(self, item: OutboxItem, case: Case) -> None:
        """Keep the documents of one revision, with why where they cannot be written."""
        with self.begin() as uow:
            before = uow.reports.before(item.reading_uid, item.revision)
        reports = self._written(item, case, before)
        with self.begin() as uow:
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
