"""DIMSE from us to a PACS: echo, store, find, and what their answers mean."""
