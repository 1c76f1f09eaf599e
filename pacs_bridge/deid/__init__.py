"""De-identification of images by allow-list, into new objects (PS3.15 Annex E)."""
