"""A synthetic image as a valid Digital Mammography X-Ray Image, For Presentation."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian

from pacs_bridge.domain.marks import Laterality
from pacs_bridge.sandbox.anatomy import HEIGHT, View, mirrored
from pacs_bridge.sandbox.render import BACKGROUND, BITS_STORED, BRIGHTEST, Pixels

_VIEW_CODES = {
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
}
ORDER: tuple[tuple[Laterality, View], ...] = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
_NAMES = ("Ashby", "Barlow", "Cotton", "Denham", "Elland", "Fenwick", "Garrick", "Holme")
_FIRST = ("Anne", "Beryl", "Carol", "Doreen", "Edith", "Freda", "Gwen", "Hilda", "Iris")
_NAMESPACE = uuid.UUID("6d1f7a0e-6a5c-4b0e-8f4d-5f1f0d3f9c21")


def make_uid(*words: object) -> str:
    """Make a UID that the same words always give (PS3.5 B.2, from a name-based UUID)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, words))).int}"


@dataclass(frozen=True)
class FictionalWoman:
    """Whom the images claim to show before import: nobody, though it looks like somebody.

    Parameters
    ----------
    cases : int
        Cases of the set that she belongs to.
    """

    seed: int
    number: int
    cases: int

    def key(self, *, full_size: bool) -> tuple[object, ...]:
        """Give what her UIDs are made of: what is in a set depends on its seed and its size."""
        return (self.seed, self.cases, self.number, "full" if full_size else "small")

    def describe(self, ds: Dataset) -> None:
        """Write patient, study and hospital, all invented."""
        turn = self.seed * 131 + self.number
        ds.PatientName = f"{_NAMES[turn % len(_NAMES)]}^{_FIRST[turn // 3 % len(_FIRST)]}"
        ds.PatientID = f"RXQ{700000 + turn * 37 % 99991}"
        ds.PatientBirthDate = f"19{50 + turn % 25}{1 + turn % 12:02d}{1 + turn % 28:02d}"
        ds.PatientSex, ds.PatientAge = "F", f"{75 - turn % 25:03d}Y"
        ds.InstitutionName = "Fairmead Breast Unit"
        ds.InstitutionAddress = "1 Nowhere Lane, Fairmead"
        ds.StationName = "FAIRMEAD1"
        ds.ReferringPhysicianName = "Marlow^Terence"
        ds.OperatorsName = "Quill^Rosamund"
        ds.AccessionNumber = f"FM{40000 + turn * 17 % 59999}"
        ds.StudyID = str(8000 + turn % 997)
        ds.StudyDescription = "Screening mammogram, both breasts"


def describe_image(
    pixels: Pixels,
    laterality: Laterality,
    view: View,
    woman: FictionalWoman,
    *,
    full_size: bool,
) -> Dataset:
    """Describe one image with everything that hanging and display need.

    Parameters
    ----------
    pixels : ndarray
        rows x columns; the chest wall of a right breast lies at the right edge, of a left
        one at the left, as `PatientOrientation` says.
    """
    place = ORDER.index((laterality, view))
    key = woman.key(full_size=full_size)
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    ds.SOPInstanceUID = make_uid(*key, laterality, view)
    ds.StudyInstanceUID = make_uid(*key)
    ds.SeriesInstanceUID = make_uid(*key, "series", laterality, view)
    woman.describe(ds)
    _describe_acquisition(ds, laterality, view, place)
    _describe_place(ds, laterality, view)
    _describe_detector(ds, pixels)
    _describe_display(ds)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = (int(length) for length in pixels.shape)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, BITS_STORED, BITS_STORED - 1
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def _describe_acquisition(ds: Dataset, laterality: str, view: str, place: int) -> None:
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.Modality, ds.PresentationIntentType = "MG", "FOR PRESENTATION"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20240917"
    ds.StudyTime = "093000"
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = f"0931{place * 12:02d}"
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = place + 1, 1, place + 1
    ds.SeriesDescription = f"{laterality} {view}"
    ds.Manufacturer, ds.ManufacturerModelName = "Fairmead Imaging", "Synthetic 1"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "SYN-0001", "1.0"
    ds.KVP, ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = "29", "900", "100", "90"
    ds.AnodeTargetMaterial, ds.FilterMaterial = "TUNGSTEN", "RHODIUM"
    ds.BodyPartThickness, ds.CompressionForce = "58", "92"
    ds.OrganDose, ds.RelativeXRayExposure = "0.0141", 260
    ds.AcquisitionContextSequence = []


def _describe_place(ds: Dataset, laterality: Laterality, view: View) -> None:
    """Say what part of the woman lies where, by every attribute that viewers hang by."""
    # Rows run towards the nipple in a left breast (anterior), away from it in a right one;
    # a CC has the lateral side at the top, so its columns run towards the other breast.
    along = "P" if mirrored(laterality) else "A"
    across = {"CC": "R" if laterality == "L" else "L", "MLO": "F"}[view]
    ds.PatientOrientation = [along, across]
    ds.BodyPartExamined, ds.OrganExposed = "BREAST", "BREAST"
    ds.ImageLaterality, ds.ViewPosition = laterality, view
    code, meaning = _VIEW_CODES[view]
    ds.ViewCodeSequence = [_code(code, meaning)]
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = []
    ds.AnatomicRegionSequence = [_code("76752008", "Breast")]
    ds.BreastImplantPresent, ds.PartialView = "NO", "NO"
    ds.PositionerType = "MAMMOGRAPHIC"
    ds.PositionerPrimaryAngle = "0" if view == "CC" else ("-45" if laterality == "R" else "45")
    ds.PositionerSecondaryAngle = "0"


def _describe_detector(ds: Dataset, pixels: Pixels) -> None:
    spacing = round(HEIGHT / pixels.shape[0], 6)
    rows, columns = pixels.shape
    ds.ImagerPixelSpacing = [spacing, spacing]
    ds.EstimatedRadiographicMagnificationFactor = "1.0"
    ds.DistanceSourceToDetector, ds.DistanceSourceToPatient = "660", "660"
    ds.DetectorType, ds.DetectorConfiguration = "DIRECT", "AREA"
    ds.DetectorID, ds.DetectorActiveShape = "SYN-D1", "RECTANGLE"
    ds.FieldOfViewShape = "RECTANGLE"
    ds.FieldOfViewDimensions = [round(columns * spacing), round(rows * spacing)]
    ds.FieldOfViewOrigin, ds.FieldOfViewRotation = ["0", "0"], "0"
    ds.FieldOfViewHorizontalFlip = "NO"
    ds.Grid = ["RECIPROCATING", "FOCUSED"]


def _describe_display(ds: Dataset) -> None:
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.WindowCenter, ds.WindowWidth = ["1900", "2100"], ["3600", "2600"]
    ds.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    ds.VOILUTFunction = "LINEAR"
    ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = 0, BACKGROUND + 12
    # The printed word of the first practice case names no person: nothing identifies.
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    ds.QualityControlImage = "NO"
    assert BRIGHTEST < 2**BITS_STORED


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item
