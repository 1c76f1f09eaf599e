"""Fixtures that integration tests share."""

from tests.databases import database

__all__ = ["database"]
