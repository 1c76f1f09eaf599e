"""Between JSON values and the scheme's nouns, on either side of the scoring contract."""

from __future__ import annotations

from pacs_bridge.domain.truth_file import truth_as_payload, truth_from_payload

__all__ = ["truth_as_payload", "truth_from_payload"]
