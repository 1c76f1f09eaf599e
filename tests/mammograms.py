"""Builders of mammograms: small, valid, with every element that hanging and display need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
ROOT = "1.2.826.0.1.3680043.10.543"

VIEWS = {"CC": ("399162004", "cranio-caudal"), "MLO": ("399368009", "medio-lateral oblique")}


def a_code(value: str, scheme: str, meaning: str) -> Dataset:
    """One coded entry."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def a_mammogram(
    laterality: str = "R",
    view: str = "MLO",
    *,
    study: int = 1,
    image: int = 1,
    rows: int = 12,
    columns: int = 10,
    **changes: Any,
) -> Dataset:
    """A For Presentation mammogram of an invented woman; `changes` set or (None) remove elements.

    `study` and `image` number the UIDs, so that the same call gives the same image.
    """
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SOPClassUID = MAMMOGRAM
    ds.SOPInstanceUID = f"{ROOT}.{study}.{image}.1"
    ds.StudyInstanceUID = f"{ROOT}.{study}"
    ds.SeriesInstanceUID = f"{ROOT}.{study}.{image}"
    _when(ds, study, image)
    _who(ds, study)
    ds.Modality, ds.PresentationIntentType = "MG", "FOR PRESENTATION"
    ds.SeriesNumber, ds.InstanceNumber = image, 1
    _equipment(ds)
    _hanging(ds, laterality, view)
    _display(ds)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    pixels = (np.indices((rows, columns)).sum(0) * 7 + image) % 4096
    ds.PixelData = pixels.astype("<u2").tobytes()
    return changed(ds, **changes)


def a_tomosynthesis(laterality: str = "L", *, frames: int = 3, **changes: Any) -> Dataset:
    """A breast tomosynthesis volume with the functional groups that display needs."""
    ds = a_mammogram(laterality, "CC", rows=8, columns=6)
    ds.SOPClassUID = TOMOSYNTHESIS
    ds.ImageType = ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]
    for keyword in ("ImageLaterality", "PresentationIntentType", "WindowCenter", "WindowWidth"):
        del ds[keyword]
    ds.NumberOfFrames = frames
    ds.PixelData = np.arange(frames * 48, dtype="<u2").tobytes()
    ds.FrameOfReferenceUID = f"{ROOT}.9.1"
    ds.PixelPresentation, ds.VolumetricProperties = "MONOCHROME", "VOLUME"
    ds.VolumeBasedCalculationTechnique = "TOMOSYNTHESIS"
    ds.ContentQualification = "PRODUCT"
    _geometry(ds)
    _dimensions(ds)
    ds.SharedFunctionalGroupsSequence = [_shared(laterality)]
    ds.PerFrameFunctionalGroupsSequence = [_frame(number) for number in range(1, frames + 1)]
    return changed(ds, **changes)


def changed(ds: Dataset, **changes: Any) -> Dataset:
    """Set each element to its value, or remove it for None."""
    for keyword, value in changes.items():
        if value is not None:
            setattr(ds, keyword, Sequence(value) if keyword.endswith("Sequence") else value)
        elif keyword in ds:
            delattr(ds, keyword)
    return ds


def write(ds: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set as a file, as a scanner's export would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID") or "1.2"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID") or "1.2"
    ds.save_as(path, enforce_file_format=True)
    return path


def a_folder(folder: Path, studies: int, **changes: Any) -> Path:
    """Four views of each of so many women, a folder a study."""
    for study in range(1, studies + 1):
        for image, (side, view) in enumerate(
            (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")), 1
        ):
            ds = a_mammogram(side, view, study=study, image=image, **changes)
            write(ds, folder / f"study{study}" / f"{image}.dcm")
    return folder


def _when(ds: Dataset, study: int, image: int) -> None:
    day = f"201903{study % 28 + 1:02d}"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = day
    ds.StudyTime, ds.SeriesTime = "101500", f"1016{image:02d}"
    ds.AcquisitionTime, ds.ContentTime = f"1017{image:02d}.250000", f"1018{image:02d}"


def _who(ds: Dataset, study: int) -> None:
    ds.AccessionNumber = f"RVX{study:07d}"
    ds.PatientName, ds.PatientID = "Winterbottom^Ermintrude", f"94347651{study:02d}"
    ds.PatientBirthDate, ds.PatientSex = f"195{study % 10}0723", "F"
    ds.StudyID = f"S{study:05d}"
    ds.ReferringPhysicianName = "Featherstone^Quentin"
    ds.InstitutionName, ds.StationName = "Little Snoring Infirmary", "MAMROOM7"


def _equipment(ds: Dataset) -> None:
    ds.Manufacturer, ds.ManufacturerModelName = "HOLOGIC, Inc.", "Selenia Dimensions"
    ds.SoftwareVersions, ds.DeviceSerialNumber = "1.9.0.612", "81009230144"
    ds.DetectorType, ds.DetectorConfiguration, ds.DetectorID = "DIRECT", "AREA", "YG0407"
    ds.DetectorElementSpacing = [0.07, 0.07]
    ds.AcquisitionDeviceProcessingDescription = "PROC_3"
    ds.PositionerType, ds.PositionerPrimaryAngle = "MAMMOGRAPHIC", "45"
    ds.KVP, ds.BodyPartThickness, ds.CompressionForce = "29", "54", "98.5"
    ds.DistanceSourceToDetector, ds.DistanceSourceToPatient = "700", "660"
    ds.AnodeTargetMaterial, ds.FilterMaterial, ds.Grid = "TUNGSTEN", "RHODIUM", "HTC_IN"
    ds.OrganExposed, ds.OrganDose = "BREAST", "0.0133"


def _hanging(ds: Dataset, laterality: str, view: str) -> None:
    code = a_code(VIEWS[view][0], "SCT", VIEWS[view][1])
    code.ViewModifierCodeSequence = [a_code("399163009", "SCT", "Magnification")]
    ds.ViewCodeSequence = [code]
    ds.ViewPosition = view
    ds.ImageLaterality = laterality
    ds.PatientOrientation = ["P", "L"] if laterality == "R" else ["A", "R"]
    ds.BodyPartExamined = "BREAST"
    ds.AnatomicRegionSequence = [a_code("76752008", "SCT", "Breast")]
    ds.BreastImplantPresent, ds.PartialView = "NO", "YES"
    ds.PartialViewCodeSequence = [a_code("255561001", "SCT", "Medial")]
    ds.AcquisitionContextSequence = []


def _display(ds: Dataset) -> None:
    ds.ImagerPixelSpacing = [0.07, 0.07]
    ds.EstimatedRadiographicMagnificationFactor = "1.06"
    ds.FieldOfViewShape, ds.FieldOfViewDimensions = "RECTANGLE", [240, 290]
    ds.FieldOfViewOrigin, ds.FieldOfViewRotation = [0, 3], "180"
    ds.FieldOfViewHorizontalFlip = "NO"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", 1
    ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = 0, 20
    ds["PixelPaddingValue"].VR = ds["PixelPaddingRangeLimit"].VR = "US"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.WindowCenter, ds.WindowWidth = [540, 600], [580, 450]
    ds.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    ds.VOILUTFunction, ds.PresentationLUTShape = "SIGMOID", "IDENTITY"
    lut = Dataset()
    lut.LUTDescriptor, lut.LUTExplanation, lut.LUTData = [4, 0, 12], "NORMAL", [0, 9, 99, 4095]
    lut["LUTDescriptor"].VR = lut["LUTData"].VR = "US"
    ds.VOILUTSequence = [lut]
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    ds.QualityControlImage = "NO"


def _geometry(ds: Dataset) -> None:
    projection = Dataset()
    projection.PositionerPrimaryAngle, projection.ExposureTimeInms = "-7.5", 30.0
    geometry = Dataset()
    geometry.PrimaryPositionerScanArc, geometry.PrimaryPositionerScanStartAngle = 15.0, -7.5
    geometry.PrimaryPositionerIncrement = 1.0
    geometry.DistanceSourceToDetector, geometry.FieldOfViewHorizontalFlip = "700", "NO"
    geometry.PerProjectionAcquisitionSequence = [projection]
    ds.XRay3DAcquisitionSequence = [geometry]
    reconstruction = Dataset()
    reconstruction.AlgorithmType, reconstruction.ApplicationName = "FILTER_BACK_PROJ", "RECON"
    reconstruction.AcquisitionIndex = [1]
    ds.XRay3DReconstructionSequence = [reconstruction]


def _dimensions(ds: Dataset) -> None:
    organization = Dataset()
    organization.DimensionOrganizationUID = f"{ROOT}.9.2"
    ds.DimensionOrganizationSequence = [organization]
    index = Dataset()
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x00200032, 0x00209113
    index.DimensionOrganizationUID = f"{ROOT}.9.2"
    ds.DimensionIndexSequence = [index]


def _shared(laterality: str) -> Dataset:
    group, anatomy, pixels, window = Dataset(), Dataset(), Dataset(), Dataset()
    anatomy.FrameLaterality = laterality
    anatomy.AnatomicRegionSequence = [a_code("76752008", "SCT", "Breast")]
    pixels.PixelSpacing, pixels.SliceThickness = [0.1, 0.1], "1"
    window.WindowCenter, window.WindowWidth = "512", "400"
    group.FrameAnatomySequence = [anatomy]
    group.PixelMeasuresSequence = [pixels]
    group.FrameVOILUTSequence = [window]
    return group


def _frame(number: int) -> Dataset:
    group, content, plane, orientation = Dataset(), Dataset(), Dataset(), Dataset()
    content.FrameAcquisitionNumber, content.DimensionIndexValues = 1, [number]
    content.FrameAcquisitionDateTime = f"2019030210170{number}.5"
    content.StackID, content.InStackPositionNumber = "1", number
    plane.ImagePositionPatient = [float(number), 0, 0]
    orientation.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    group.FrameContentSequence = [content]
    group.PlanePositionSequence = [plane]
    group.PlaneOrientationSequence = [orientation]
    return group
