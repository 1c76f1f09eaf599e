"""The DICOM upper layer: conversations, requests as plain values, and what may pass."""
