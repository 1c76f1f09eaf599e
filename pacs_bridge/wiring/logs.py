"""Logs: one JSON object a line on stderr, constant messages, no personal data."""

from __future__ import annotations

import logging
import sys
from types import ModuleType

_UNWANTED = ("rich", "greenlet")
"""For colours that nobody sees, 10 MB a process, and for threads that nobody has, 1 MB."""


def _structlog_alone() -> ModuleType:
    """Import structlog without what it would only load."""
    hidden = [name for name in _UNWANTED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # what says: not to be had
    try:
        import structlog

        return structlog
    finally:
        for name in hidden:
            del sys.modules[name]


structlog = _structlog_alone()


def set_up_logs() -> None:
    """Set structlog up for this process; libraries speak only of what goes wrong."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    # pydicom warns of odd values by printing them
    logging.captureWarnings(capture=True)
    for name in ("py.warnings", "pynetdicom", "pydicom", "httpx", "dbos", "waitress"):
        logging.getLogger(name).setLevel(logging.ERROR)
