"""How images are mirrored to hang: chest walls together, head and outer side up."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs_bridge.domain.hanging import AS_STORED, Mirroring, mirror
from pacs_bridge.services.lying import orientation_in
from tests.mammograms import a_mammogram, write


@pytest.mark.parametrize(
    ("side", "orientation", "how"),
    [
        ("R", ("P", "L"), ""),
        ("L", ("A", "R"), ""),
        ("R", ("A", "L"), "across"),
        ("L", ("P", "R"), "across"),
        ("L", ("A", "L"), "down"),
        ("R", ("P", "FL"), ""),
        ("R", ("P", "HR"), "down"),
        ("L", ("PR", "HL"), "across down"),
        ("L", ("p", "fr"), "across"),
        ("", ("A", "R"), ""),
        ("L", ("F", "P"), ""),  # turned by a quarter
        ("L", ("A",), ""),
        ("L", (), ""),
        ("L", ("A", "?"), ""),
        ("L", ("A", "P"), ""),
    ],
)
def test_an_image_is_mirrored_as_its_header_says(
    side: str, orientation: tuple[str, ...], how: str
) -> None:
    assert str(mirror(side, orientation)) == how


def test_a_place_is_shown_at_the_other_side() -> None:
    assert Mirroring(True, True).place((0.25, 0.1)) == (0.75, 0.9)
    assert AS_STORED.place((0.25, 0.1)) == (0.25, 0.1)


def test_a_header_that_says_nothing_of_it_is_read_as_that(tmp_path: Path) -> None:
    says = write(a_mammogram("R", "CC"), tmp_path / "says.dcm")
    silent = write(a_mammogram(PatientOrientation=None), tmp_path / "silent.dcm")
    (tmp_path / "broken.dcm").write_bytes(b"DICM" * 100)
    assert orientation_in(says) == ("P", "L")
    assert orientation_in(silent) == ()
    assert orientation_in(tmp_path / "broken.dcm") == ()
