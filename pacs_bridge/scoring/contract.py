"""What travels between us and a scoring service: one model a JSON body, named as in OpenAPI.

The models check what comes in, shape what goes out, and are published at ``/v1/openapi.json``,
so that the three cannot differ. Every key must be there (null where there is nothing to say),
but those added since, which have a default: a misspelt key is then an error, not a silence. Keys
that no model names are passed over, so that a newer sender does no harm, and are not kept.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from pacs_bridge.domain.marks import Decision, Laterality, Shape
from pacs_bridge.domain.truth import Panel, Pathology
from pacs_bridge.scoring.hits import Verdict
from pacs_bridge.scoring.result import Outcome

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
UidText = Annotated[str, StringConstraints(pattern=r"^[0-9.]{1,64}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Short = Annotated[str, StringConstraints(max_length=256)]
Rating = Annotated[int, Field(ge=1, le=5)]
Frame = Annotated[int, Field(ge=1)]
Version = Annotated[int, Field(ge=1, le=2**31)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Place = tuple[Coordinate, Coordinate]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, from_attributes=True)


class Finding(_Body):
    """A coded finding; its meaning, which is free text, is not taken."""

    value: Short
    scheme: Short


class ReadingMark(_Body):
    """One location: x = column, y = row, in pixels, from the top left corner of the image."""

    image: UidText
    frame: Frame | None
    shape: Shape
    points: list[Place]
    centre: Place
    finding: Finding | None
    rating: Rating | None
    laterality: Laterality | None
    view: Short | None
    group: Short | None
    flags: list[Short]
    tracking_uid: Short | None
    link: Short | None = Field(
        default=None, description="The same for marks on several images that are one finding."
    )


class ReadingBreast(_Body):
    """What was decided of one breast; null means not said."""

    laterality: Laterality
    decision: Decision | None
    rating: Rating | None
    density: Short | None


class ReportDigest(_Body):
    """A report of the standard (TID 1500) that says the same of one study; sent by itself."""

    sha256: Hash = Field(description="Of the file's bytes, hexadecimal.")
    sop_instance_uid: UidText
    marks: Annotated[int, Field(ge=0, le=10_000)]


class Reading(_Body):
    """Everything one reader said about one case."""

    reading: Name = Field(description="The same for every revision of this reader and case.")
    revision: Version
    set: Short
    case: Short = Field(description="Accession number of the case, without copy.")
    reader: Name = Field(description="The reader's scheme code, never a name.")
    scale: Literal["uk-1-5"]
    closed_at: AwareDatetime
    marks: list[ReadingMark] = Field(max_length=10_000)
    breasts: list[ReadingBreast] = Field(max_length=2)
    sources: list[UidText] = Field(max_length=10_000)
    exposed: bool = Field(
        default=False,
        description="Whether somebody else's marks may have led the reader. Such a reading is "
        "kept and judged, and is in no figure. Absent where it is blinded.",
    )
    reports: list[ReportDigest] = Field(
        default=[], max_length=16, description="Absent where the sender gives no reports."
    )


class ReadingReceipt(_Body):
    """Proof that a reading is kept: it counts where it echoes the sender's own hash.

    `status` is ``scored`` (it is now the reading's current revision), ``stored`` (kept, but a
    later revision stands) or ``duplicate`` (it was here already; nothing changed).
    """

    reading: Name
    revision: Version
    content_hash: Hash = Field(
        description="SHA-256, hexadecimal, of the body in canonical form: UTF-8, keys sorted, no "
        "blanks, nothing escaped that need not be, numbers as they were written."
    )
    status: Literal["scored", "stored", "duplicate"]
    reports: list[Hash] = Field(
        default=[],
        description="Of the reports that the reading names, those that are wanted, by SHA-256; "
        "absent from a service that takes none.",
    )


class ReportReceipt(_Body):
    """Proof that a report is kept beside its reading, by the hash of its bytes."""

    reading: Name
    revision: Version
    sha256: Hash
    status: Literal["stored", "duplicate"]


class TruthRegion(_Body):
    """Where a lesion lies on one image.

    ELLIPSE: ends of the major, then of the minor axis. CIRCLE: centre and a perimeter point.
    POLYGON: its corners.
    """

    image: UidText
    shape: Literal["ELLIPSE", "CIRCLE", "POLYGON"]
    points: list[Place] = Field(min_length=2, max_length=10_000)
    frame: Frame | None


class TruthLesion(_Body):
    """One lesion, with its region on each view that shows it."""

    lesion_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    laterality: Laterality
    finding: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    malignant: bool
    regions: list[TruthRegion]


class TruthBreast(_Body):
    """Pathology and what the expert panel decided of one breast."""

    laterality: Laterality
    pathology: Pathology
    panel: Panel


class TruthCase(_Body):
    """The truth of one case."""

    accession: Short
    kind: Literal["practice", "test"]
    breasts: list[TruthBreast] = Field(min_length=2, max_length=2)
    lesions: list[TruthLesion]


class Truth(_Body):
    """The truth of a case set, as one immutable version."""

    set_name: Short
    version: Version
    cases: list[TruthCase] = Field(min_length=1, max_length=10_000)


class TruthReceipt(_Body):
    """Proof that a version of a truth is kept; `content_hash` as in `ReadingReceipt`."""

    set: Short
    version: Version
    content_hash: Hash
    status: Literal["stored", "duplicate"]


class ResultBreast(_Body):
    """One breast: what was said, what is known, and how they stand to each other."""

    laterality: Laterality
    decision: Decision | None
    rating: Rating | None
    rating_used: Rating | None
    pathology: Pathology
    panel: Panel
    outcome: Outcome
    agrees_with_panel: bool | None


class ResultLesion(_Body):
    """One lesion and the marks on it, by their place in the reading, from 0."""

    lesion_id: str
    laterality: Laterality
    finding: str
    malignant: bool
    localised: bool | None
    rating: Rating | None
    marks: tuple[int, ...]


class ResultMark(_Body):
    """What became of one mark, in the reading's order."""

    image: UidText
    frame: Frame | None
    centre: Place
    rating: Rating | None
    laterality: Laterality | None
    verdict: Verdict
    lesion_id: str | None


class Result(_Body):
    """What one reading comes to, by which truth and which rule.

    `status` is ``unscored``, and the lists are empty, where the truth in force no longer has
    the case: the reading is kept, and a later truth may score it again.
    """

    reading: Name
    revision: Version
    content_hash: Hash
    status: Literal["scored", "unscored"]
    set: str
    case: str
    reader: Name
    truth_version: Version | None
    rule: str
    tolerance: float = Field(description="Pixels that a mark may lie outside a region.")
    breasts: tuple[ResultBreast, ...]
    lesions: tuple[ResultLesion, ...]
    marks: tuple[ResultMark, ...]
    exposed: bool = Field(default=False, description="As its reading says; it is in no figure.")


class SummaryFigure(_Body):
    """One figure; `value` is numerator by denominator, or null with the reason."""

    title: str
    value: float | None
    numerator: float
    denominator: int
    unit: str
    reason: str | None


class SummaryRocPoint(_Body):
    """One corner of the empirical ROC curve; null is the threshold above every rating."""

    threshold: float | None
    fpf: float
    tpf: float


class SummaryCounts(_Body):
    """What the figures rest on, and what was left out of them."""

    readings: int = Field(description="Readings with a result.")
    breasts: int = Field(description="Breasts recalled or returned: those in the figures.")
    malignant_breasts: int
    other_breasts: int = Field(description="Normal and benign breasts.")
    technical_breasts: int = Field(description="Left out: technical recall.")
    undecided_breasts: int = Field(description="Left out: no decision.")
    unrated_returned: int = Field(description="Returned without rating, counted as 1.")
    unrated_recalled: int = Field(description="Recalled without rating, counted as 3.")
    lesions_without_region: int
    hits: int
    repeats: int
    false_positive_locations: int


class Summary(_Body):
    """All figures of one reader over one set."""

    set: str
    reader: Name
    truth_version: Version | None = Field(description="Null while no truth has come.")
    rule: str
    tolerance: float
    test_cases: int = Field(description="Test cases of the truth: how many there are to read.")
    readings_unscored: int = Field(
        description="Readings of cases that the present truth does not score."
    )
    readings_exposed: int = Field(
        default=0, description="Readings left out: somebody else's marks may have led the reader."
    )
    figures: dict[str, SummaryFigure]
    roc: tuple[SummaryRocPoint, ...]
    counts: SummaryCounts


class Health(_Body):
    """The service answers and reaches its store."""

    status: Literal["ok"]


class Error(_Body):
    """What is wrong, in one sentence that says what to do."""

    error: str
