"""A whole node takes a multi-frame image of any size within a little memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.data import LARGE, TOMOSYNTHESIS, tomosynthesis
from benchmarks.our_node import AE_TITLE, running_node
from benchmarks.receive_large import passport_of
from benchmarks.wire import Call
from tests.integration.test_node_images_crash import peak_megabytes

MOST_MEGABYTES = 70 if "FULL_FAULTS" in os.environ else 90
"""With the image in memory, once, it would be more than 160."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_node_that_takes_a_large_image_peaks_where_it_should(tmp_path: Path) -> None:
    image = tomosynthesis(5, LARGE)
    assert len(image.data_set) > 100 << 20
    with running_node(tmp_path / "home", passport_of(image), KEEP_FREE_MB="0") as node:
        with Call(node.port, AE_TITLE, [TOMOSYNTHESIS]) as call:
            call.store(image.sop_class_uid, image.sop_instance_uid, image.data_set)
        assert node.held() == 1
        peak = peak_megabytes(node.pid)
    assert peak < MOST_MEGABYTES, (
        f"{peak:.0f} MB; see which import or buffer has grown (decision 0039)"
    )
