"""One answer of a reader on our page, as it is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pacs_bridge.domain.marks import Code, Decision, Laterality, Mark, Point, Shape
from pacs_bridge.domain.receipts import Answer


@dataclass(frozen=True)
class GivenAnswer:
    """What a reader answered: of a mark, of a breast, or a mark put on our sheet.

    Parameters
    ----------
    answer_id : int
        Grows with every answer; 0 for one that is not kept yet.
    key : str
        The mark that is meant; empty where none is.
    seen : str
        What was read of it when this was answered; once it reads otherwise, it is asked again.
    laterality : str or None
        The breast of a decision.
    image, frame, shape, points
        Of a mark put on our sheet, or moved there; image coordinates (`domain.marks.Point`).
    other : str
        The mark that is one finding with the one that is meant.
    """

    answer_id: int
    kind: Answer
    given_at: datetime
    key: str = ""
    seen: str = ""
    rating: int | None = None
    finding: Code | None = None
    laterality: Laterality | None = None
    view: str | None = None
    decision: Decision | None = None
    density: str | None = None
    image: str = ""
    frame: int | None = None
    shape: Shape = "POINT"
    points: tuple[Point, ...] = ()
    centre: Point = (0.0, 0.0)
    other: str = ""

    @property
    def placed_key(self) -> str:
        """The key of the mark that this answer put on our sheet."""
        return f"sheet-{self.answer_id}"

    def as_mark(self) -> Mark:
        """The mark that this answer put on our sheet."""
        return Mark(
            image=self.image,
            frame=self.frame,
            shape=self.shape,
            points=self.points,
            centre=self.centre,
            finding=self.finding,
            rating=self.rating,
            laterality=self.laterality,
            view=self.view,
            item="reporting sheet",
        )

    def as_dict(self) -> dict[str, Any]:
        """All that its row does not hold in columns of their own, as JSON values."""
        body = asdict(self)
        for name in ("answer_id", "kind", "given_at", "key"):
            del body[name]
        body["points"] = [list(point) for point in self.points]
        body["centre"] = list(self.centre)
        return body

    @classmethod
    def of_dict(
        cls, answer_id: int, kind: str, given_at: datetime, key: str, body: dict[str, Any]
    ) -> GivenAnswer:
        """Read what `as_dict` gave."""
        finding, (x, y) = body.get("finding"), body["centre"]
        return cls(
            **{
                **body,
                "answer_id": answer_id,
                "kind": Answer(kind),
                "given_at": given_at,
                "key": key,
                "finding": Code(**finding) if finding else None,
                "points": tuple((px, py) for px, py in body["points"]),
                "centre": (x, y),
            }
        )
