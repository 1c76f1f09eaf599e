"""Truth of a case set: read, checked against the set's images, kept as versions, sent on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Instance, Passport
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import PERFORMS, Naming, SetName
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.truth import CaseTruth, Lesion, SetTruth
from pacs_bridge.domain.truth_file import parse_truth, truth_as_payload

_LARGEST = 64_000_000
_SLACK = 1.0  # pixels that an outline may stand outside of its image


@dataclass(frozen=True)
class TruthReport:
    """What a truth import made.

    Parameters
    ----------
    new : bool
        False where the newest version says the same, so that nothing changed.
    without : tuple of str
        Test cases of the set that this truth does not know; their readings cannot be scored.
    """

    set_name: str
    version: int
    cases: int
    lesions: int
    new: bool
    without: tuple[str, ...]


def read_truth_file(path: Path) -> Any:
    """Read a truth file's JSON document.

    Raises
    ------
    RefusedInput
        When it is none.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise RefusedInput(f"{path.name} is too large for a truth file; give the right one.")
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RefusedInput(f"{path.name} cannot be read as JSON; mend or replace it.") from error


def import_truth(
    document: Any,
    set_name: SetName,
    *,
    begin: Begin,
    key_uid: bytes,
    now: Clock,
    naming: Naming = PERFORMS,
) -> TruthReport:
    """Keep a set's truth as its next version and queue its way to the scorer, at once.

    Parameters
    ----------
    document : object
        The parsed truth file; it names images by the UIDs they were imported with, or by
        those they are distributed with.

    Returns
    -------
    TruthReport
        Importing the same truth again makes no version.

    Raises
    ------
    NotFound
        When there is no such set.
    RefusedInput
        When anything in it cannot be used; `reasons` names each such case.
    """
    with begin() as uow:
        passport = uow.case_sets.get(str(set_name))
        truth = parse_truth(document, set_name, _distributed(passport, key_uid), naming=naming)
        _check_places(truth, passport)
        version, new = _keep(truth, uow, now)
    known = {case.accession for case in truth.cases}
    tests = [case.accession for case in passport.cases if case.kind == "test"]
    return TruthReport(
        str(set_name),
        version,
        len(truth.cases),
        sum(len(case.lesions) for case in truth.cases),
        new,
        tuple(accession for accession in tests if accession not in known),
    )


def _distributed(passport: Passport, key_uid: bytes) -> Any:
    """Give the function that finds an image of the set by either of its UIDs."""
    ours = {image.sop_instance_uid for _, _, _, image in passport.instances()}
    uid_of = UidMap(key_uid, passport.set_name, passport.copy)

    def find(uid: str) -> str | None:
        made = uid_of(uid)
        return made if made in ours else uid if uid in ours else None

    return find


def _keep(truth: SetTruth, uow: UnitOfWork, now: Clock) -> tuple[int, bool]:
    """Store a new version where the content is new; gives the version that holds."""
    digest = digest_of(truth)
    latest = uow.truths.latest(truth.set_name)
    if latest is not None and latest.digest == digest:
        return latest.version, False
    version = latest.version + 1 if latest else 1
    payload = truth_as_payload(replace(truth, version=version))
    uow.truths.add(truth.set_name, version, digest, payload, now())
    key = f"truth-{truth.set_name}-{version}"
    uow.enqueue("deliver_truth", truth.set_name, version, key=key)
    return version, True


def digest_of(truth: SetTruth) -> str:
    """SHA-256 of what a truth says, whatever its version; hexadecimal."""
    plain = truth_as_payload(replace(truth, version=0))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _check_places(truth: SetTruth, passport: Passport) -> None:
    """Refuse a truth whose cases, images or outlines are not the set's."""
    images = {
        case.accession: {image.sop_instance_uid: image for image in case.instances()}
        for case in passport.cases
    }
    reasons = []
    for case in truth.cases:
        if case.accession not in images:
            reasons.append((case.accession, "the set has no such case"))
        else:
            reasons += _misplaced(case, images[case.accession])
    if reasons:
        raise RefusedInput(
            f"The truth does not fit {truth.set_name}; correct the cases named, then import.",
            tuple(reasons),
        )


def _misplaced(case: CaseTruth, images: dict[str, Instance]) -> list[tuple[str, str]]:
    found = ((lesion, _lesion_problem(lesion, images)) for lesion in case.lesions)
    return [
        (case.accession, f"lesion {lesion.lesion_id}: {problem}")
        for lesion, problem in found
        if problem
    ]


def _lesion_problem(lesion: Lesion, images: dict[str, Instance]) -> str:
    for region in lesion.regions:
        image = images.get(region.image)
        if image is None:
            return "a region lies on an image of another case"
        if image.laterality != lesion.laterality:
            return f"it is of the {lesion.laterality} breast and lies on an image of the other"
        if region.frame is not None and region.frame > image.frames:
            return f"frame {region.frame} of an image with {image.frames}"
        if region.shape == "POLYGON" and any(_outside(point, image) for point in region.points):
            return "a region leaves its image"
        if all(_outside(point, image) for point in region.points):
            return "a region lies outside of its image"
    return ""


def _outside(point: tuple[float, float], image: Instance) -> bool:
    x, y = point
    return not (-_SLACK <= x <= image.columns + _SLACK and -_SLACK <= y <= image.rows + _SLACK)
