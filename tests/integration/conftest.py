"""Fixtures that integration tests share."""

from pathlib import Path

import pytest

from tests.case_set_builders import desk
from tests.databases import database

__all__ = ["database", "desk"]


@pytest.fixture(scope="session")
def zoo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the images of all loads into the zoo are kept; goes as pytest's own folders go."""
    return tmp_path_factory.mktemp("zoo")
