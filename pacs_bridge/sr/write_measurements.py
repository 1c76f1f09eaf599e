"""The highdicom side of `write.write_report`: imported only when a report is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    CodedConcept,
    ComprehensiveSR,
    FindingSite,
    ImageRegion,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TrackingIdentifier,
)

from pacs_bridge.domain.marks import BreastDecision, Code, Mark
from pacs_bridge.sr import codes, write

if TYPE_CHECKING:
    from pydicom import Dataset

_REGIONS = {"POLYGON": "POLYLINE", "INTERPOLATED": "POLYLINE"}
_NO_REGION = ("TEXT", "BITMAP")


def build_report(
    images: Sequence[Dataset],
    marks: Sequence[Mark],
    decisions: Sequence[BreastDecision],
    login: str,
    name: str,
    series_uid: str,
    sop_uid: str,
    session: str,
    instance_number: int,
    when: datetime,
) -> Dataset:
    """Build the object; its times are stamped by the caller."""
    headers = {str(image.SOPInstanceUID): write.header(image) for image in images}
    drawn = [mark for mark in marks if mark.image in headers and mark.shape not in _NO_REGION]
    groups = [
        _mark(number, mark, headers[mark.image], sop_uid, session)
        for number, mark in enumerate(drawn, 1)
    ]
    groups += [_breast(breast, headers.values(), sop_uid, session) for breast in decisions]
    report = MeasurementReport(
        observation_context=ObservationContext(observer_person_context=_person(login, name)),
        procedure_reported=CodedConcept("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=groups,
        title=CodedConcept("126000", "DCM", "Imaging Measurement Report"),
        # No image library: optional, and it would give the detector's pixel spacing as the
        # breast's (STANDARDS.md 3.4 no. 15); the evidence names every image.
    )
    _plain_name(report[0], name)
    utc = when.astimezone(UTC)
    return ComprehensiveSR(
        evidence=list(headers.values()),
        content=report[0],
        series_instance_uid=series_uid,
        series_number=write.REPORT_SERIES,
        sop_instance_uid=sop_uid,
        instance_number=instance_number,
        manufacturer=write.MANUFACTURER,
        manufacturer_model_name=write.MODEL,
        software_versions=write.VERSION,
        is_complete=True,
        is_final=True,
        series_description="Reading",
        content_date=utc.date(),
        content_time=utc.time().replace(microsecond=0),
        coding_schemes=[
            CodingSchemeIdentificationItem(
                designator=codes.SCHEME,
                name="PERFORMS ratings",
                responsible_organization=write.MANUFACTURER,
            )
        ],
    )


def _concept(code: Code) -> CodedConcept:
    return CodedConcept(code.value, code.scheme, code.meaning)


_SUSPICION = CodedConcept(*codes.SUSPICION, "Suspicion rating")
_FOLLOW_UP = CodedConcept(*codes.FOLLOW_UP, "Recommended Follow-up")
_DENSITY = CodedConcept(*codes.DENSITY, "Breast composition")


def _site(side: str) -> list[FindingSite]:
    laterality = next((code for key, code in codes.SIDE_CODES.items() if key == side), None)
    return [FindingSite(_concept(codes.BREAST), laterality=laterality and _concept(laterality))]


def _mark(
    number: int, mark: Mark, image: Dataset, sop_uid: str, session: str
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    frame = mark.frame if int(image.get("NumberOfFrames", 1) or 1) > 1 else None
    region = ImageRegion(
        graphic_type=_REGIONS.get(mark.shape, mark.shape),
        graphic_data=np.array(mark.points, dtype=float),
        source_image=SourceImageForRegion(
            str(image.SOPClassUID),
            str(image.SOPInstanceUID),
            referenced_frame_numbers=None if frame is None else [frame],
        ),
    )
    rating = [] if mark.rating is None else [_rating(mark.rating)]
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=mark.tracking_uid or write.derive_uid(sop_uid, number), identifier=f"mark-{number}"
        ),
        referenced_region=region,
        finding_type=_concept(mark.finding or codes.OTHER_FINDING),
        finding_sites=_site(mark.laterality or write.side_of(image)),
        session=session or None,
        qualitative_evaluations=rating or None,
    )


def _breast(
    breast: BreastDecision, headers: Iterable[Dataset], sop_uid: str, session: str
) -> MeasurementsAndQualitativeEvaluations:
    said = []
    if breast.decision is not None:
        code = codes.DECISION_CODES[breast.decision]
        said.append(QualitativeEvaluation(_FOLLOW_UP, _concept(code)))
    if breast.rating is not None:
        said.append(_rating(breast.rating))
    if breast.density is not None:
        code = codes.DENSITY_CODES[breast.density]
        said.append(QualitativeEvaluation(_DENSITY, _concept(code)))
    images = [image for image in headers if write.side_of(image) == breast.laterality]
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=write.derive_uid(sop_uid, "breast", breast.laterality),
            identifier=f"breast-{breast.laterality}",
        ),
        finding_sites=_site(breast.laterality),
        session=session or None,
        source_images=[
            SourceImageForMeasurementGroup(str(i.SOPClassUID), str(i.SOPInstanceUID))
            for i in images
        ]
        or None,
        qualitative_evaluations=said or None,
    )


def _rating(rating: int) -> QualitativeEvaluation:
    return QualitativeEvaluation(_SUSPICION, _concept(codes.RATING_CODES[rating]))


def _person(login: str, name: str) -> ObserverContext:
    return ObserverContext(
        observer_type=CodedConcept("121006", "DCM", "Person"),
        observer_identifying_attributes=PersonObserverIdentifyingAttributes(
            # The library wants a caret in a name; `_plain_name` takes the added one out.
            name=name if "^" in name else f"{name}^",
            login_name=login,
            role_in_procedure=CodedConcept("121094", "DCM", "Performing"),
        ),
    )


def _plain_name(root: Dataset, name: str) -> None:
    for item in root.ContentSequence:
        if item.ValueType == "PNAME":
            item.PersonName = name
