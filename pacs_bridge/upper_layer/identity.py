"""Who we say we are, in every association and every file meta.

References
----------
PS3.7 annex D.3.3.2 (implementation identification); PS3.5 annex B.2 (UIDs from a UUID).
"""

from __future__ import annotations

IMPLEMENTATION_CLASS_UID = "2.25.314503499313121138318770108939692467435"
IMPLEMENTATION_VERSION_NAME = "PACS_BRIDGE_01"
MAXIMUM_PDU = 131_072
"""Bytes that we take in one P-DATA-TF; more gains nothing (PERFORMANCE.md 6)."""
