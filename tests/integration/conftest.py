"""Fixtures that integration tests share."""

from tests.case_set_builders import desk
from tests.databases import database

__all__ = ["database", "desk"]
