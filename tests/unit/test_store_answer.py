"""What a PACS' answer to a C-STORE means, whichever status of its class it is."""

from __future__ import annotations

import pytest

from pacs_bridge.domain.ports import StoreAnswer


@pytest.mark.parametrize("status", [0x0000, 0xB000, 0xB006, 0xB007, 0xB123, 0x0001, 0x0107, 0x0116])
def test_success_and_every_warning_mean_that_it_is_stored(status: int) -> None:
    assert StoreAnswer("1.2.3", status).stored


@pytest.mark.parametrize(
    "status", [0x0110, 0x0111, 0x0122, 0x0124, 0xA700, 0xA900, 0xC000, 0xFE00, 0xFF00]
)
def test_every_other_answer_means_that_it_may_not_be(status: int) -> None:
    assert not StoreAnswer("1.2.3", status).stored
