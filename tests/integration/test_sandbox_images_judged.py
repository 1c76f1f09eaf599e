"""Synthetic mammograms before an independent judge."""

import subprocess

import pytest

from pacs_bridge.sandbox.images import make_images
from tests.peers import need


@pytest.mark.peer("dicom3tools")
def test_every_synthetic_mammogram_is_valid(tmp_path):
    judge = need("dciodvfy", "dicom3tools")
    make_images(tmp_path, cases=2)
    files = sorted(tmp_path.rglob("*.dcm"))
    assert len(files) == 8
    for path in files:
        said = subprocess.run([judge, path], capture_output=True, text=True, check=False)
        lines = (said.stdout + said.stderr).splitlines()
        assert "MammographyImageForPresentation" in lines
        assert [line for line in lines if line.startswith("Error")] == []
