"""Codes that marks and decisions are said in; one table for reading and writing.

Codes are compared by value and scheme, never by meaning. Old objects use SNOMED RT values
(scheme SRT or an alias); `canonical` turns those into SNOMED CT before anything compares.

References
----------
STANDARDS.md 2.2 and 2.3 (context groups of PS3.16; 99PERFORMS is the scheme's own).
"""

from __future__ import annotations

from functools import cache

from pacs_bridge.domain.marks import Code, Decision, Laterality

SCHEME = "99PERFORMS"
"""Private coding scheme of ratings."""

# SNOMED RT values of what is compared here; the library's full table stands behind it.
_OLD_SCHEMES = frozenset({"SRT", "99SDM", "SNM3"})


@cache
def _old_values() -> dict[str, str]:
    from pydicom.sr._snomed_dict import mapping  # 7,990 pairs: only once somebody needs them

    return dict(mapping["SRT"])


def canonical(code: Code) -> Code:
    """The same concept in SNOMED CT, where a SNOMED RT value has one."""
    if code.scheme in _OLD_SCHEMES:
        value = _old_values().get(code.value)
        if value:
            return Code(value, "SCT", code.meaning)
    return code


def key(code: Code | None) -> tuple[str, str]:
    """What two codes are compared by: value and scheme, after `canonical`."""
    if code is None:
        return "", ""
    code = canonical(code)
    return code.value, code.scheme


# Concept names of content items -----------------------------------------------------------
MEASUREMENT_REPORT = ("126000", "DCM")
MEASUREMENT_GROUP = ("125007", "DCM")
IMAGE_LIBRARY = ("111028", "DCM")
TRACKING_ID = ("112039", "DCM")
TRACKING_UID = ("112040", "DCM")
FINDINGS = frozenset({("121071", "DCM"), ("111059", "DCM")})
FINDING_SITE = ("363698007", "SCT")
LATERALITY = ("272741003", "SCT")
SUSPICION = ("SUSPICION", SCHEME)
AREA = ("42798000", "SCT")
CENTRE = ("111010", "DCM")
"""Center: the place itself. What dcmjs draws under it is a pointer, its tip first."""
FOLLOW_UP = ("111053", "DCM")
DENSITY = ("129715009", "SCT")
REJECTIONS = frozenset((value, "DCM") for value in ("113001", "113037", "113038"))
"""Titles of rejection notes (CID 7011) but for a retention policy's end: quality, safety, order."""

OBSERVER_TYPE = ("121005", "DCM")
DEVICE = ("121007", "DCM")
PERSON_NAME = ("121008", "DCM")
PERSON_LOGIN = ("128774", "DCM")
AIM_LOGIN = ("zzz026", "99NCIAIM")
PERSON_ID = ("128775", "DCM")
ORGANISATION = ("121009", "DCM")
PERSONS = frozenset({PERSON_NAME, PERSON_LOGIN, AIM_LOGIN, PERSON_ID})
DEVICE_FACTS = frozenset((value, "DCM") for value in ("121012", "121013", "121014", "121015"))
ALGORITHM_NAME = ("111001", "DCM")
STUDY_UID = ("110180", "DCM")
ASSESSMENT = ("111005", "DCM")
"""Assessment category: BI-RADS, which is never a rating on this scale."""

BIRADS: dict[tuple[str, str], str] = {
    ("397138000", "SCT"): "0",
    ("397140005", "SCT"): "1",
    ("397141009", "SCT"): "2",
    ("397143007", "SCT"): "3",
    ("397144001", "SCT"): "4",
    ("397145000", "SCT"): "5",
}
"""Categories that some reports give as if they were findings."""


def is_birads(code: Code) -> bool:
    """Whether a code is a BI-RADS category (CID 6026 to 6028), whatever it is given as."""
    return key(code) in BIRADS or (code.scheme in _BIRADS_SCHEMES and code.value[:5] == "II.AC")


_BIRADS_SCHEMES = frozenset({"BI", "BARI"})

SINGLE_IMAGE_FINDING = ("111059", "DCM")

NOT_LESIONS = frozenset(
    {
        ("24142002", "SCT"),  # Nipple
        ("111100", "DCM"),  # Breast geometry
        ("111101", "DCM"),  # Image Quality
        ("111102", "DCM"),  # Non-lesion
        ("129715009", "SCT"),  # Breast composition
    }
)
"""Findings on an image that are no lesions (CID 6014 and 6016)."""

UNFINISHED = frozenset({("111243", "DCM"), ("111245", "DCM")})
"""What a program says that did not do all that it was to do, and found nothing (CID 6047)."""
RENDERING_INTENT = ("111056", "DCM")
NOT_FOR_PRESENTATION = ("111152", "DCM")
CERTAINTIES = frozenset({("111012", "DCM"), ("111047", "DCM")})
"""Certainty of finding, probability of cancer: a machine's own figures, in per cent."""

DOSE_REPORTS = frozenset({("113701", "DCM")})

NOT_LOCATIONS = frozenset(
    {
        ("122438", "DCM"),  # Reference Points: where a label stands
        ("122611", "DCM"),  # Reference Point
        ("111007", "DCM"),  # Breast Outline including Pectoral Muscle Tissue
        ("111045", "DCM"),  # Pectoral Muscle Outline
        ("TextPosition", "99CS3D"),  # where cornerstone shows a label that was moved
        ("ControlPoints", "99CS3D"),  # what cornerstone computes an outline from
    }
)
"""Names of coordinates that point at no lesion."""

NOTES = frozenset(
    (value, "DCM")
    for value in (
        "121106",  # Comment
        "121071",  # Finding
        "121073",  # Impression
        "121075",  # Recommendation
        "121077",  # Conclusion
        "121110",  # Patient Presentation, where some viewers put free text
        "121111",  # Summary
        "125309",  # Short Label
        "113012",  # Key Object Description
        "111412",  # Narrative Summary
        "111033",  # Impression Description
        "121070",  # Findings, and the headings that follow it, where a text bears their name
        "121072",  # Impressions
        "121074",  # Recommendations
        "121076",  # Conclusions
        "121078",  # Addendum
    )
) | frozenset(
    (value, "LN")
    for value in (
        "18782-3",  # Radiology Study observation
        "19005-8",  # Radiology Imaging study [Impression]
        "55110-1",  # Conclusions
        "59776-5",  # Findings
    )
)
"""Names of text items in which a person writes what they think."""

KNOWN_SCHEMES = frozenset({"DCM", "SCT", "LN", "UMLS", "NCIt", "RADLEX", "UCUM", "BI", "BARI"})
"""Schemes whose names say what a text is; what is no note by its name is none."""

OF_ANOTHER_TIME = frozenset(
    (value, "DCM")
    for value in (
        "121060",  # History
        "121062",  # Request
        "121066",  # Prior Procedure Descriptions
        "121068",  # Previous Findings
        "121109",  # Indications for Procedure
    )
)
"""Headings under which nobody says what they see now (CID 7001)."""

FREE_TEXT_VALUES = frozenset({"CORNERSTONEFREETEXT"})
"""Code values whose meaning is free text typed by the reader (OHIF, dcmjs)."""

# Values -----------------------------------------------------------------------------------
MASS = Code("129788004", "SCT", "Mammographic breast mass")
CALCIFICATIONS = Code("129769006", "SCT", "Calcification Cluster")
MASS_WITH_CALCIFICATIONS = Code("111459", "DCM", "Mass with calcifications")
DISTORTION = Code("129792006", "SCT", "Architectural distortion of breast")
ASYMMETRY = Code("129790003", "SCT", "Asymmetric breast tissue")
FOCAL_ASYMMETRY = Code("129789007", "SCT", "Focal asymmetric breast tissue")
SKIN = Code("129797000", "SCT", "Skin thickening of breast")
NODE = Code("127189005", "SCT", "Axillary adenopathy")
OTHER_FINDING = Code("111099", "DCM", "Selected region")

FINDING_WORDS: dict[tuple[str, str], str] = {
    key(MASS): "mass",
    key(CALCIFICATIONS): "calcification",
    key(MASS_WITH_CALCIFICATIONS): "mass with calcification",
    key(DISTORTION): "distortion",
    key(ASYMMETRY): "asymmetry",
    key(FOCAL_ASYMMETRY): "focal asymmetry",
    key(SKIN): "skin thickening",
    key(NODE): "axillary node",
}
"""The word written for a finding in a note, which `notes.parse_note` reads back."""

BREAST = Code("76752008", "SCT", "Breast")

SIDES: dict[tuple[str, str], tuple[Laterality, ...]] = {
    ("24028007", "SCT"): ("R",),
    ("7771000", "SCT"): ("L",),
    ("51440002", "SCT"): ("R", "L"),
    ("73056007", "SCT"): ("R",),
    ("80248007", "SCT"): ("L",),
    ("63762007", "SCT"): ("R", "L"),
}
"""Breasts that a laterality, or a finding site that includes one, names."""

SIDE_CODES: dict[Laterality, Code] = {
    "R": Code("24028007", "SCT", "Right"),
    "L": Code("7771000", "SCT", "Left"),
}

VIEWS: dict[tuple[str, str], str] = {
    ("399162004", "SCT"): "CC",
    ("399368009", "SCT"): "MLO",
    ("399260004", "SCT"): "ML",
    ("399352003", "SCT"): "LM",
    ("399099002", "SCT"): "LMO",
    ("399192008", "SCT"): "XCCL",
    ("399101009", "SCT"): "XCCM",
    ("399196006", "SCT"): "FB",
    ("399188001", "SCT"): "SIO",
    ("441555000", "SCT"): "ISO",
}

DECISIONS: dict[tuple[str, str], Decision] = {
    ("111140", "DCM"): "RTS",
    ("111591", "DCM"): "RECALL",
    ("111590", "DCM"): "TECH",
}

DECISION_CODES: dict[Decision, Code] = {
    "RTS": Code("111140", "DCM", "Normal interval follow-up"),
    "RECALL": Code("111591", "DCM", "Recall for imaging findings"),
    "TECH": Code("111590", "DCM", "Recall for technical reasons"),
}

RATINGS: dict[tuple[str, str], int] = {(f"M{value}", SCHEME): value for value in range(1, 6)}

RATING_CODES: dict[int, Code] = {
    1: Code("M1", SCHEME, "Normal"),
    2: Code("M2", SCHEME, "Benign"),
    3: Code("M3", SCHEME, "Indeterminate or probably benign"),
    4: Code("M4", SCHEME, "Suspicious of malignancy"),
    5: Code("M5", SCHEME, "Highly suspicious of malignancy"),
}

DENSITIES: dict[tuple[str, str], str] = {
    ("129716005", "SCT"): "a",
    ("129717001", "SCT"): "b",
    ("129718006", "SCT"): "c",
    ("129719003", "SCT"): "d",
}

DENSITY_CODES: dict[str, Code] = {
    "a": Code("129716005", "SCT", "Almost entirely fat"),
    "b": Code("129717001", "SCT", "Scattered fibroglandular densities"),
    "c": Code("129718006", "SCT", "Heterogeneously dense"),
    "d": Code("129719003", "SCT", "Extremely dense"),
}
