"""The one place where an error becomes a line and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from pacs_bridge.domain.errors import PacsBridgeError, RefusedInput


def end_in_words(work: Callable[[], object]) -> None:
    """Do the work of a process; exit 1, refused or failed, with one clear line."""
    try:
        work()
    except RefusedInput as error:
        for name, reason in error.reasons:
            sys.stderr.write(f"  {name}: {reason}\n")
        _end(error)
    except PacsBridgeError as error:
        _end(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _end(error: PacsBridgeError) -> None:
    sys.stderr.write(f"pacs-bridge: {error}\n")
    sys.exit(1)
