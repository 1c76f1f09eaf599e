"""Logs: one JSON object a line on stderr, constant messages, no personal data."""

from __future__ import annotations

import logging
import sys
from types import ModuleType


def _without_rich() -> ModuleType:
    """Import structlog; its console would load rich, 10 MB a process, for colours nobody sees."""
    had = "rich" in sys.modules
    if not had:
        sys.modules["rich"] = None  # type: ignore[assignment]  # what says: not to be had
    try:
        import structlog

        return structlog
    finally:
        if not had:
            del sys.modules["rich"]


structlog = _without_rich()


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
