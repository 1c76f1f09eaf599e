"""Repositories: each hides some tables, takes and gives frozen dataclasses."""
