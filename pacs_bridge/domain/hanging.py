"""How an image must be mirrored to hang as readers hang mammograms: chest walls together, head up.

References
----------
PS3.3 C.7.6.1.1.1 (Patient Orientation); IHE mammography image profile, hanging.
"""

from __future__ import annotations

from dataclasses import dataclass

_CHEST_WALL = {"R": "P", "L": "A"}  # where the rows must lead: chest walls meet in the middle
_MEDIAL = {"R": "L", "L": "R"}  # where the columns of a view from above must lead
_SIDES = {"R", "L"}


@dataclass(frozen=True)
class Mirroring:
    """What must be done to the stored image; nothing where the header does not say how it lies.

    Parameters
    ----------
    across : bool
        Left and right change places.
    down : bool
        Top and bottom change places.
    """

    across: bool = False
    down: bool = False

    def __str__(self) -> str:
        return " ".join(name for name in ("across", "down") if getattr(self, name))

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Give where a place of the stored image is shown, both in shares of its size."""
        x, y = point
        return (1 - x if self.across else x, 1 - y if self.down else y)


AS_STORED = Mirroring()


def mirror(laterality: str, orientation: tuple[str, ...]) -> Mirroring:
    """Tell how an image must be mirrored.

    Parameters
    ----------
    laterality : str
        The breast, ``R`` or ``L``.
    orientation : tuple of str
        Patient Orientation (0020,0020): towards where rows and columns lead, such as
        ``("P", "L")``; an image that is turned by a quarter is left as it is stored.
    """
    if laterality not in _SIDES or len(orientation) != 2:
        return AS_STORED
    rows, columns = (each.strip().upper() for each in orientation)
    if rows[:1] not in ("A", "P") or not columns or not set(columns) <= set("HFLRAP"):
        return AS_STORED
    if set(columns) & set("HF"):
        down = "H" in columns
    elif set(columns) & _SIDES:
        down = _MEDIAL[laterality] not in columns
    else:
        return AS_STORED
    return Mirroring(rows[0] != _CHEST_WALL[laterality], down)
