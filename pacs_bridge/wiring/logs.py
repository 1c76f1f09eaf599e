"""Logs: one JSON object a line on stderr, constant messages, no personal data."""

from __future__ import annotations

import logging
import sys

import structlog


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
