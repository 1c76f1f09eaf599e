"""Nouns and rules of the scheme; standard library and numpy only."""
