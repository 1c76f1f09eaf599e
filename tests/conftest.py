"""What every test stands on: pydicom at its strictest when it writes, and nothing inherited."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom.config
import pytest
from hypothesis import HealthCheck, settings

# A shared machine is slow now and then; that says nothing about the code. Every run of the suite
# tries the same examples; `make fuzz` tries new ones.
_SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("check", max_examples=60, derandomize=True, **_SLOW)
settings.register_profile("fuzz", max_examples=20_000, **_SLOW)
settings.load_profile("check")

# Our programs would take it for a setting that they do not know.
if "PACS_BRIDGE_TEST_DATABASE" in os.environ:
    os.environ["TESTS_DATABASE"] = os.environ.pop("PACS_BRIDGE_TEST_DATABASE")

_SLOW_WEIGHS = 50  # as many others


def pytest_configure(config: pytest.Config) -> None:
    """Let connections to PostgreSQL end with who had them, as files of SQLite's do unsaid."""
    if os.environ.get("TESTS_DATABASE") == "postgresql":
        of_threads = "Exception ignored in. <function BaseConnection.__del__"
        config.addinivalue_line("filterwarnings", "ignore:<psycopg.Connection:ResourceWarning")
        config.addinivalue_line(
            "filterwarnings", f"ignore:{of_threads}:pytest.PytestUnraisableExceptionWarning"
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that take longest: no worker is left alone with one at the end."""
    weights = Counter[Path]()
    for item in items:
        is_slow = item.get_closest_marker("slow") or item.get_closest_marker("browser")
        weights[item.path] += _SLOW_WEIGHS if is_slow else 1
    items.sort(key=lambda item: -weights[item.path])


@pytest.fixture(autouse=True, scope="session")
def _strict_when_writing() -> Iterator[None]:
    """What we write must be valid; what we read may be anything, so reading keeps to warnings."""
    before = pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.RAISE
    yield
    pydicom.config.settings.writing_validation_mode = before


@pytest.fixture(autouse=True)
def _no_inherited_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own installation must not reach into a test."""
    for name in list(os.environ):
        if name.startswith("PACS_BRIDGE_"):
            monkeypatch.delenv(name)
