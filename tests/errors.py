"""The family of our errors, for tests that walk all of it."""

from __future__ import annotations

from pacs_bridge.domain.errors import PacsBridgeError


def family(kind: type[PacsBridgeError]) -> list[type[PacsBridgeError]]:
    """List an error and all that descend from it in the domain.

    Errors that a part makes for its own use descend from these and are answered as they are;
    which of those exist depends on what a test run has imported.
    """
    found = [kind, *(each for child in kind.__subclasses__() for each in family(child))]
    return [each for each in found if each.__module__ == PacsBridgeError.__module__]
