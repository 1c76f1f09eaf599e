"""Which version of the readers this is."""

READER_VERSION = 3
"""Rises whenever an object that was refused, in whole or in part, may be read better than before.

Every object keeps the version that read it last. What an older one refused is read once more.
"""
