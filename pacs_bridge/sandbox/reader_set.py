"""A simulated reader reads a whole case set at a viewer and saves every reading in the PACS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydicom import Dataset

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName, SetName
from pacs_bridge.sandbox.reader import ReadCase, known_lesions, parse_skill, read_case
from pacs_bridge.sandbox.viewer import OpenCase, Viewer
from pacs_bridge.sr import elements
from pacs_bridge.sr.write import derive_uid, group_by_size, header, write_gsps, write_report

SavedAs = Literal["gsps", "sr", "both"]
AE_TITLE = "SANDBOXVIEW"

_SINCE = datetime(2024, 1, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class ReadSummary:
    """What a reader did.

    Parameters
    ----------
    objects : int
        Presentation states and reports saved.
    marks : int
        Marks drawn; each once, also where it is saved in two forms.
    """

    login: str
    cases: int
    objects: int
    marks: int
    recalled: int

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def read_set(
    pacs_aet: str,
    host: str,
    port: int,
    set_name: str,
    truth_path: Path,
    login: str,
    kind: SavedAs = "gsps",
    skill: str = "average",
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
    *,
    aet: str = AE_TITLE,
    cases: Sequence[int] = (),
    retrieve: Literal["get", "move"] = "get",
    listen_port: int = 0,
    copy: int = 0,
) -> ReadSummary:
    """Read every case of a set that the truth file knows, and save the readings.

    A second run with the same arguments saves the same objects with the same UIDs and
    content.

    Parameters
    ----------
    progress : callable
        Told (cases done, cases in all) after each case.
    cases : sequence of int
        Only these case numbers; all when empty.
    copy : int
        Which copy of the set the reader opens; 0 is the master.

    Raises
    ------
    RefusedInput
        When the truth file or an argument cannot be used, or the PACS refuses an object.
    NotFound
        When the PACS does not have a case.
    PeerUnavailable
        When the PACS cannot be reached.
    """
    named = SetName.parse(set_name)
    ability = parse_skill(skill)
    known = _truth(truth_path, cases)
    objects = marks = recalled = 0
    with Viewer(login, aet, pacs_aet, host, port, retrieve, listen_port) as viewer:
        for done, (number, truth) in enumerate(known.items(), 1):
            accession = str(CaseName(named, number, copy))
            case = viewer.open_case(accession)
            read = read_case(
                case.hang(),
                known_lesions(truth),
                login=login,
                case=accession,
                skill=ability,
                seed=seed,
            )
            objects += viewer.store(write_reading(case, read, login, kind, seed, number))
            marks += len(read.marks)
            recalled += any(breast.decision == "RECALL" for breast in read.decisions)
            if progress is not None:
                progress(done, len(known))
    return ReadSummary(login, len(known), objects, marks, recalled)


def write_reading(
    case: OpenCase, read: ReadCase, login: str, kind: SavedAs, seed: int, number: int
) -> list[Dataset]:
    """Write a reading as a viewer saves it: states a size of image, or one report, or both.

    UIDs and times follow from reader, case, study and seed alone.
    """
    hung = [each.image for each in case.hang()]
    headers = [header(image) for image in hung]
    if not headers:
        raise RefusedInput(f"Case {case.accession} has no image to read; load the case again.")
    name = (login, case.accession, case.study_uid, seed)
    when = _begin(headers[0]) + timedelta(minutes=3 * number)
    objects: list[Dataset] = []
    if kind in ("gsps", "both"):
        for place, images in enumerate(group_by_size(headers), 1):
            here = {str(image.SOPInstanceUID) for image in images}
            marks = [mark for mark in read.marks if mark.image in here]
            # Decisions are said once, in the first state.
            decisions = read.decisions if place == 1 else ()
            objects.append(
                write_gsps(
                    images,
                    marks,
                    decisions,
                    login=login,
                    series_uid=derive_uid("state series", *name),
                    sop_uid=derive_uid("state", *name, place),
                    when=when,
                    instance_number=place,
                )
            )
    if kind in ("sr", "both"):
        objects.append(
            write_report(
                headers,
                read.marks,
                read.decisions,
                login=login,
                series_uid=derive_uid("report series", *name),
                sop_uid=derive_uid("report", *name),
                when=when,
                session=str(CaseName.parse(case.accession).set_name),
            )
        )
    return objects


def _begin(image: Dataset) -> datetime:
    """The morning after the images were made, as far as they say."""
    day = elements.moment(image, "StudyDate", "StudyTime")
    if day is None:
        return _SINCE
    return day.replace(hour=9, minute=0, second=0, microsecond=0, tzinfo=UTC) + timedelta(days=1)


def _truth(path: Path, cases: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Case number to its truth, in the file's order."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["cases"]
        known = {int(case["number"]): case for case in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedInput(
            f"{path.name} is no truth file; take the truth.json that lies beside the images."
        ) from error
    missing = [number for number in cases if number not in known]
    if missing:
        raise RefusedInput(f"Case {missing[0]:03d} is not in {path.name}; check the numbers.")
    return {number: case for number, case in known.items() if not cases or number in cases}
