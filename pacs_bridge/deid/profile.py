"""Which element does what: the one table of de-identification.

What the table does not name does not leave: private elements, overlays and curves, icons,
signatures, padding and every element of later editions fall to the default, which is out.
The same table holds at every depth; a kept sequence is walked item by item.

References
----------
PS3.15 Annex E, table E.1-1 (2025a). The choice is the Basic Profile with the options Clean
Descriptors, Retain Longitudinal Temporal Information with Modified Dates, Retain Patient
Characteristics (sex only) and, of Retain Device Identity, what display needs: manufacturer,
model, software and detector.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import cache

from pydicom.datadict import tag_for_keyword

EDITION = "PS3.15 2025a"


class Action(Enum):
    """What happens to one element."""

    KEEP = auto()
    """Passed on as it is, once its value is valid for its VR."""
    WALK = auto()
    """A sequence whose items are walked with the same table."""
    REPLACE_UID = auto()
    """A new UID in place of each that is not registered by the standard."""
    SHIFT = auto()
    """A date or time, put into the set's one date; the order of times stays."""
    PSEUDONYM = auto()
    """A keyed stand-in: two devices stay two, neither is named."""
    EMPTY = auto()
    """Present without a value, where the standard wants the element."""


_KEEP = """
ImageType Modality PresentationIntentType SeriesNumber InstanceNumber AcquisitionNumber
ImagesInAcquisition Laterality ImageLaterality PatientOrientation
QualityControlImage BurnedInAnnotation LossyImageCompression LossyImageCompressionRatio
LossyImageCompressionMethod SpatialLocationsPreserved ReferencedFrameNumber

Manufacturer ManufacturerModelName SoftwareVersions SpatialResolution
AcquisitionDeviceProcessingDescription AcquisitionDeviceProcessingCode

SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns
PixelAspectRatio BitsAllocated BitsStored HighBit PixelRepresentation SmallestImagePixelValue
LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit PixelSpacing
PixelSpacingCalibrationType PixelSpacingCalibrationDescription ImagerPixelSpacing
NominalScannedPixelSpacing EstimatedRadiographicMagnificationFactor

PixelIntensityRelationship PixelIntensityRelationshipSign RescaleIntercept RescaleSlope
RescaleType ModalityLUTType LUTDescriptor LUTExplanation LUTData WindowCenter WindowWidth
WindowCenterWidthExplanation VOILUTFunction PresentationLUTShape

ShutterShape ShutterLeftVerticalEdge ShutterRightVerticalEdge ShutterUpperHorizontalEdge
ShutterLowerHorizontalEdge CenterOfCircularShutter RadiusOfCircularShutter
VerticesOfThePolygonalShutter ShutterPresentationValue CollimatorShape
CollimatorLeftVerticalEdge CollimatorRightVerticalEdge CollimatorUpperHorizontalEdge
CollimatorLowerHorizontalEdge CenterOfCircularCollimator RadiusOfCircularCollimator
VerticesOfThePolygonalCollimator

FieldOfViewShape FieldOfViewDimensions FieldOfViewDimensionsInFloat FieldOfViewOrigin
FieldOfViewRotation FieldOfViewHorizontalFlip FieldOfViewDescription

BodyPartExamined OrganExposed ViewPosition PartialView PartialViewDescription
BreastImplantPresent

PositionerType PositionerMotion PositionerPrimaryAngle PositionerSecondaryAngle
PositionerPrimaryAngleDirection DetectorPrimaryAngle DetectorSecondaryAngle ColumnAngulation
BodyPartThickness CompressionForce CompressionPressure CompressionContactArea
PaddleDescription DistanceSourceToDetector DistanceSourceToPatient DistanceSourceToEntrance

KVP ExposureTime ExposureTimeInuS ExposureTimeInms XRayTubeCurrent XRayTubeCurrentInuA
XRayTubeCurrentInmA Exposure ExposureInuAs ExposureInmAs RelativeXRayExposure ExposureIndex
TargetExposureIndex DeviationIndex Sensitivity ExposureControlMode
ExposureControlModeDescription ExposureStatus PhototimerSetting EntranceDose EntranceDoseInmGy
OrganDose HalfValueLayer RectificationType XRayOutput FilterType FilterMaterial
FilterThicknessMinimum FilterThicknessMaximum AnodeTargetMaterial FocalSpots Grid
GridAbsorbingMaterial GridSpacingMaterial GridThickness GridPitch GridAspectRatio GridPeriod
GridFocalDistance

DetectorType DetectorConfiguration DetectorDescription DetectorMode DetectorID
DetectorConditionsNominalFlag DetectorTemperature DetectorBinning DetectorElementPhysicalSize
DetectorElementSpacing DetectorActiveShape DetectorActiveDimensions DetectorActiveOrigin
DetectorManufacturerName DetectorManufacturerModelName DetectorGeometry XRayReceptorType

ContentQualification PixelPresentation VolumetricProperties VolumeBasedCalculationTechnique
FrameType FrameAcquisitionNumber FrameAcquisitionDuration AcquisitionDuration
DimensionIndexValues DimensionIndexPointer FunctionalGroupPointer DimensionOrganizationType
DimensionDescriptionLabel StackID InStackPositionNumber TemporalPositionIndex
ImagePositionPatient ImageOrientationPatient SliceThickness SpacingBetweenSlices
FrameLaterality InConcatenationNumber InConcatenationTotalNumber
ConcatenationFrameOffsetNumber AcquisitionIndex PrimaryPositionerScanArc
PrimaryPositionerScanStartAngle PrimaryPositionerIncrement SecondaryPositionerScanArc
SecondaryPositionerScanStartAngle SecondaryPositionerIncrement PrimaryPositionerIncrementSign
SecondaryPositionerIncrementSign TableAngle TubeAngle ReconstructionDescription
ApplicationName ApplicationVersion ApplicationManufacturer AlgorithmType AlgorithmDescription
"""

_CODE = """
CodeValue LongCodeValue CodingSchemeDesignator CodingSchemeVersion CodeMeaning
MappingResource ContextIdentifier ContextGroupVersion
"""

_WALK = """
AnatomicRegionSequence AnatomicRegionModifierSequence PrimaryAnatomicStructureSequence
PrimaryAnatomicStructureModifierSequence ViewCodeSequence ViewModifierCodeSequence
PartialViewCodeSequence DerivationCodeSequence SourceImageSequence
PurposeOfReferenceCodeSequence ModalityLUTSequence VOILUTSequence PresentationLUTSequence

SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence FrameContentSequence
FrameAnatomySequence FrameVOILUTSequence PixelMeasuresSequence PixelValueTransformationSequence
PlanePositionSequence PlaneOrientationSequence DerivationImageSequence XRay3DFrameTypeSequence
XRay3DAcquisitionSequence PerProjectionAcquisitionSequence XRay3DReconstructionSequence
ContributingSourcesSequence ContributingSOPInstancesReferenceSequence ReferencedSeriesSequence
ReferencedInstanceSequence ReferencedSOPSequence IrradiationEventIdentificationSequence
DimensionOrganizationSequence DimensionIndexSequence ReconstructionAlgorithmSequence
"""

_REPLACE_UID = """
SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID
SynchronizationFrameOfReferenceUID ReferencedSOPClassUID ReferencedSOPInstanceUID
DimensionOrganizationUID ConcatenationUID SOPInstanceUIDOfConcatenationSource
IrradiationEventUID ContextUID
"""

_SHIFT = """
StudyDate StudyTime SeriesDate SeriesTime AcquisitionDate AcquisitionTime ContentDate
ContentTime AcquisitionDateTime FrameAcquisitionDateTime FrameReferenceDateTime
"""

_EMPTY = "AcquisitionContextSequence PositionReferenceIndicator ReferringPhysicianName"

_LISTS = {
    Action.KEEP: _KEEP + _CODE,
    Action.WALK: _WALK,
    Action.REPLACE_UID: _REPLACE_UID,
    Action.SHIFT: _SHIFT,
    Action.PSEUDONYM: "DeviceSerialNumber",
    Action.EMPTY: _EMPTY,
}

ACTIONS: dict[str, Action] = {
    keyword: action for action, words in _LISTS.items() for keyword in words.split()
}
"""Keyword to action; what is not here is removed."""

ONLY_IN_ITEMS = frozenset({*_CODE.split(), "ContextUID"})
"""Parts of a code (PS3.3 section 8): outside a sequence's item they mean nothing and are out."""


@cache
def actions_by_tag() -> dict[int, tuple[str, Action]]:
    """The table by tag: keyword and action.

    Raises
    ------
    KeyError
        When a keyword is no element of the standard.
    """
    table = {}
    for keyword, action in ACTIONS.items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise KeyError(keyword)
        table[tag] = (keyword, action)
    return table
