"""Trying what a PACS can do: what it accepts, and single questions.

References
----------
PS3.8 7.1.1.13 (presentation contexts); PS3.4 C.4.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.probing import Offered
from pacs_bridge.scu.association import associate
from pacs_bridge.scu.find import Questions, associate_for_questions
from pacs_bridge.upper_layer.requestor import ContextsRefused, SecureCall

_AT_ONCE = 100  # contexts in one association; 128 can be


class DimseProber:
    """Tries PACS by DIMSE.

    Parameters
    ----------
    secure : callable, optional
        Makes connections secure, to PACS that are not plain.
    """

    def __init__(self, secure: SecureCall | None = None) -> None:
        self._secure = secure

    def accepted(self, pacs: Pacs, role: str, offers: Sequence[Offered]) -> frozenset[Offered]:
        """Tell which of these a PACS accepts, each in a context of its own; sends nothing."""
        found: set[Offered] = set()
        for start in range(0, len(offers), _AT_ONCE):
            part = [(uid, (syntax,)) for uid, syntax in offers[start : start + _AT_ONCE]]
            try:
                with associate(pacs, pacs.endpoint(role), part, self._secure) as association:
                    found |= set(association.accepted)
            except ContextsRefused:
                continue
        return frozenset(found)

    def find(
        self, pacs: Pacs, level: str, match: Mapping[str, str], wanted: Sequence[str]
    ) -> list[dict[str, str]]:
        """Ask one question, and give the wanted texts of each answer."""
        with associate_for_questions(pacs, self._secure) as association:
            rows = Questions(association).ask(level, dict(match), tuple(wanted))
        return [{keyword: row.text(keyword) for keyword in wanted} for row in rows]
