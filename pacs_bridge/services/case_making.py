"""One case: its studies, series and images, de-identified and safe in the archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pacs_bridge.deid.apply import Substitutes
from pacs_bridge.deid.clock import StudyClock
from pacs_bridge.deid.header import SourceImage
from pacs_bridge.deid.identity import Identity
from pacs_bridge.deid.prepare import Numbers, PreparedImage, prepare_image
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Case, Instance, Series, Study
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.ports import Archive
from pacs_bridge.services.case_identity import SetIdentity
from pacs_bridge.services.case_list import PlannedCase, Reasons
from pacs_bridge.services.intake import SourceStudy


@dataclass(frozen=True)
class Making:
    """What every image of one import needs.

    Parameters
    ----------
    day : date
        The set's one study date.
    archive : Archive or None
        None where the set is refused already, and only the rest of the reasons is wanted.
    reasons : list of (str, str)
        Grows by each file that is refused, and why.
    tick : callable
        Called after each image.
    """

    identity: SetIdentity
    day: date
    uid_of: UidMap
    pseudonym_key: bytes
    archive: Archive | None
    reasons: Reasons
    tick: Callable[[], None]


def make_case(case: PlannedCase, studies: dict[str, SourceStudy], making: Making) -> Case:
    """Make every study of one case; what is refused is added to the reasons."""
    name = CaseName(making.identity.set_name, case.number)
    current = studies[case.study]
    identity = making.identity.of(name, current.sex)
    made = [_make_study(current, identity, making.day, making)]
    priors = sorted((studies[uid] for uid in case.priors), key=_date_or_last, reverse=True)
    for number, prior in enumerate(priors, 1):
        day = _prior_day(current, prior, making.day)
        if day is None:
            reason = f"it is the prior study of case {case.number:03d} and not of an earlier day"
            making.reasons.extend((image.name, reason) for image in prior.images)
            continue
        of_prior = making.identity.of(name, current.sex, number)
        made.append(_make_study(prior, of_prior, day, making, prior=True))
    return Case(
        accession=identity.accession,
        number=case.number,
        kind=case.kind,
        patient_id=identity.patient_id,
        patient_name=identity.patient_name,
        birth_date=identity.birth_date,
        sex=identity.sex,
        studies=tuple(made),
        word=case.word,
    )


def _date_or_last(study: SourceStudy) -> date:
    return study.date.date() if study.date else date.min


def _prior_day(current: SourceStudy, prior: SourceStudy, day: date) -> date | None:
    """The day as long before the set's date as the prior was before the current study."""
    if current.date is None or prior.date is None or prior.date >= current.date:
        return None
    return day - timedelta(days=(current.date - prior.date).days)


def _make_study(
    study: SourceStudy, identity: Identity, day: date, making: Making, *, prior: bool = False
) -> Study:
    moments = study.moments
    clock = StudyClock(day, min(moments, default=None), max(moments, default=None))
    substitutes = Substitutes(making.uid_of, clock, making.pseudonym_key)
    series = [
        _make_series(uid, number, images, identity, substitutes, making)
        for number, (uid, images) in zip(
            _series_numbers(study), study.series().items(), strict=True
        )
    ]
    return Study(
        making.uid_of(study.study_instance_uid),
        identity.study_id,
        clock.date,
        tuple(series),
        prior,
    )


def _series_numbers(study: SourceStudy) -> list[int]:
    return _numbered([images[0].series_number for images in study.series().values()])


def _numbered(said: Sequence[int | None]) -> list[int]:
    """Keep the numbers that are said; give the others the next ones, in order."""
    following = max((number for number in said if number is not None), default=0)
    numbers = []
    for number in said:
        following += number is None
        numbers.append(following if number is None else number)
    return numbers


def _make_series(
    uid: str,
    number: int,
    images: list[SourceImage],
    identity: Identity,
    substitutes: Substitutes,
    making: Making,
) -> Series:
    made = []
    for image, instance in zip(images, _numbered([i.instance_number for i in images]), strict=True):
        numbers = Numbers(number, instance)
        try:
            prepared = prepare_image(image.path, substitutes, identity, numbers)
            made.append(_kept(prepared, instance, making.archive))
        except RefusedInput as error:
            making.reasons.append((image.name, str(error)))
        making.tick()
    return Series(making.uid_of(uid), number, "MG", tuple(made))


def _kept(prepared: PreparedImage, number: int, archive: Archive | None) -> Instance:
    facts = prepared.facts
    return Instance(
        sop_instance_uid=prepared.sop_instance_uid,
        sop_class_uid=prepared.sop_class_uid,
        instance_number=number,
        rows=facts.rows,
        columns=facts.columns,
        frames=facts.frames,
        laterality=facts.laterality,
        view=facts.view,
        transfer_syntax_uid=prepared.transfer_syntax_uid,
        pixel_hash=prepared.pixel_hash,
        content_hash=archive.put(prepared.data) if archive else "",
        size=len(prepared.data),
        pixel_spacing=facts.pixel_spacing,
    )
